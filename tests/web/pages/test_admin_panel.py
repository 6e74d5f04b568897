"""The panel: which page is for whom, what each shows, and what its forms do."""

import csv
import io

import httpx
import pytest

from actors.agent import ForumAccount
from daemon.pool import Pool
from forum.records.names import ROLE
from tests.standins.account_server import AccountServer
from tests.support.forum import ANN, BOB, F, act, grant, membership, put, role, tid, uri
from tests.web.pages.parsed import Parsed
from tests.web.pages.test_moderating import REPLY_KEYS, TOPIC_PAGE, browser_of, page
from tests.web.staff import BANNED, HELPER, OWNER, PEER, REPLY, TOPIC, Scene, done, staffed
from web.pages.admin.panel import CARDS
from web.pages.who import STAFF

REPORTS, LOG, AUDIT = "/admin/reports", "/admin/log", "/admin/audit"
MEMBERS, BACKFILL = "/admin/members", "/admin/backfill"
WAITING = f"{MEMBERS}?waiting=1"
REPLY_PAGE = f"{TOPIC_PAGE}/p/{REPLY_KEYS}"
FORUM, STRUCTURE, ROLES, THEMES = "/admin/forum", "/admin/structure", "/admin/roles", "/admin/themes"
# Of the scene's staff: the admin may manage members and themes and moderate, the owner may all.
STATUS = {
    "/admin": (401, 403, 403, 200, 200, 200),
    STRUCTURE: (401, 403, 403, 403, 403, 200),
    f"{STRUCTURE}/categories/new": (401, 403, 403, 403, 403, 200),
    f"{STRUCTURE}/boards/new": (401, 403, 403, 403, 403, 200),
    f"{STRUCTURE}/categories/any": (401, 403, 403, 403, 403, 404),
    f"{STRUCTURE}/boards/any": (401, 403, 403, 403, 403, 404),
    f"{STRUCTURE}/categories/any/delete": (401, 403, 403, 403, 403, 404),
    f"{STRUCTURE}/boards/any/delete": (401, 403, 403, 403, 403, 404),
    REPORTS: (401, 403, 403, 200, 200, 200),
    f"{REPORTS}/history": (401, 403, 403, 200, 200, 200),
    f"{REPORTS}/1/dismiss": (401, 403, 403, 404, 404, 404),
    MEMBERS: (401, 403, 403, 403, 200, 200),
    ROLES: (401, 403, 403, 403, 403, 200),
    f"{ROLES}/new": (401, 403, 403, 403, 403, 200),
    f"{ROLES}/any": (401, 403, 403, 403, 403, 404),
    f"{ROLES}/any/delete": (401, 403, 403, 403, 403, 404),
    THEMES: (401, 403, 403, 403, 200, 200),
    f"{THEMES}/new": (401, 403, 403, 403, 200, 200),
    f"{THEMES}/plum-dark": (401, 403, 403, 403, 409, 409),  # which is built in
    f"{THEMES}/plum-dark/export": (401, 403, 403, 403, 200, 200),
    f"{THEMES}/plum-dark/delete": (401, 403, 403, 403, 409, 409),
    LOG: (401, 403, 403, 200, 200, 200),
    f"{LOG}.csv": (401, 403, 403, 200, 200, 200),
    AUDIT: (401, 403, 403, 403, 403, 200),
    f"{AUDIT}.csv": (401, 403, 403, 403, 403, 200),
    FORUM: (401, 403, 403, 403, 403, 200),
    BACKFILL: (401, 403, 403, 403, 403, 200),
    f"{BACKFILL}/1": (401, 403, 403, 403, 403, 404),
    "/admin/actors": (401, 403, 403, 403, 403, 200),
}
KINDS_OF_PEOPLE = ("anonymous", "member", "banned", "moderator", "admin", "owner")
FORMS = {
    f"{REPORTS}/1/claim": (401, 403, 403, 404, 404, 404),
    f"{REPORTS}/1/give-back": (401, 403, 403, 404, 404, 404),
    f"{REPORTS}/1/dismiss": (401, 403, 403, 404, 404, 404),
    f"{STRUCTURE}/categories/new": (401, 403, 403, 403, 403, 400),
    f"{STRUCTURE}/boards/new": (401, 403, 403, 403, 403, 400),
    f"{STRUCTURE}/categories/any": (401, 403, 403, 403, 403, 404),
    f"{STRUCTURE}/boards/any": (401, 403, 403, 403, 403, 404),
    f"{STRUCTURE}/boards/any/move": (401, 403, 403, 403, 403, 404),
    f"{STRUCTURE}/categories/any/delete": (401, 403, 403, 403, 403, 404),
    f"{MEMBERS}/{BOB}/role": (401, 403, 403, 403, 403, 404),
    f"{ROLES}/new": (401, 403, 403, 403, 403, 400),
    f"{ROLES}/any": (401, 403, 403, 403, 403, 404),
    f"{ROLES}/any/delete": (401, 403, 403, 403, 403, 404),
    f"{ROLES}/built-in": (401, 403, 403, 403, 403, 303),
    FORUM: (401, 403, 403, 403, 403, 400),
    f"{THEMES}/new": (401, 403, 403, 403, 400, 400),
    f"{THEMES}/plum-dark": (401, 403, 403, 403, 409, 409),
    f"{THEMES}/plum-dark/delete": (401, 403, 403, 403, 409, 409),
    f"{THEMES}/none/duplicate": (401, 403, 403, 403, 404, 404),
    f"{THEMES}/import": (401, 403, 403, 403, 400, 400),
    f"{THEMES}/policy": (401, 403, 403, 403, 404, 404),
    BACKFILL: (401, 403, 403, 403, 403, 503),  # nobody leads
    f"{BACKFILL}/1/cancel": (401, 403, 403, 403, 403, 404),
}


@pytest.fixture
async def scene(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    return await staffed(database, account, server)


def said(shown: Parsed, tag: str, **attributes: str) -> list[str]:
    return [" ".join(one.text.split()) for one in shown.all(tag, **attributes)]


async def sent(browser: httpx.AsyncClient, path: str, **typed: str) -> httpx.Response:
    """A form of the panel, with the word of this session where there is one."""
    own = (await page(browser, "/")).all("input", name="csrf")
    word = {"csrf": own[0].attributes["value"]} if own else {}
    return await browser.post(path, data=word | typed)


@pytest.mark.parametrize(("number", "who"), list(enumerate(KINDS_OF_PEOPLE)))
async def test_who_may(scene: Scene, number: int, who: str) -> None:
    """Every page and every form, for each kind of person; the panel is in the menu of those for whom it is."""
    async with browser_of(scene, who) as browser:
        for path, statuses in STATUS.items():
            assert (await browser.get(path)).status_code == statuses[number], path
        for path, statuses in FORMS.items():
            assert (await sent(browser, path)).status_code == statuses[number], path
        assert ("/admin" in (await page(browser, "/")).links()) == (STATUS["/admin"][number] == 200)
    assert scene.server.written == []


async def test_cards(scene: Scene) -> None:
    """Only what somebody may do; whoever has a card is shown the way to it."""
    assert set(STAFF) == {permission for card in CARDS for permission in card.permissions}
    for who, words in (
        ("moderator", ["Reports", "Moderation log"]),
        ("admin", ["Reports", "Members", "Themes", "Moderation log"]),
        (
            "owner",
            [
                "Reports",
                "Forum",
                "Categories and boards",
                "Members",
                "Roles",
                "Themes",
                "Moderation log",
                "Audit",
                "Backfill",
                "Actors",
            ],
        ),
    ):
        async with browser_of(scene, who) as browser:
            assert said(await page(browser, "/admin"), "h2") == words


async def test_members(scene: Scene) -> None:
    """Newest first, found by the beginning of a handle or by DID; strange words find nobody."""
    await scene.index.apply(put(ANN, 9, 70, membership()))
    await scene.index.do("UPDATE accounts SET handle = 'bob.test' WHERE did = $1", BOB)
    async with browser_of(scene, "owner") as browser:
        assert len((await page(browser, MEMBERS)).all("div", class_="what")) == 2
        for asked, found in (("bo", 1), ("@BOB.test", 1), (BOB, 1), ("ob", 0), ("%", 0), ("a%00b", 0), ("x" * 500, 0)):
            shown = await page(browser, f"{MEMBERS}?name={asked}")
            assert len(shown.all("div", class_="what")) == found, asked
        await page(browser, f"{MEMBERS}?before=nonsense", 400)


async def test_giving_a_role(scene: Scene) -> None:
    """By the form of a weaker member; what is as strong as oneself is not among the choices, and is refused."""
    roles = dict(await scene.index.rows("SELECT name, uri FROM roles"))
    for name, there in roles.items():
        record = role(name, priority=0) | {"$type": ROLE}
        scene.server.records[ROLE, there.rpartition("/")[2]] = record
    async with browser_of(scene, "owner") as browser:
        shown = await page(browser, MEMBERS)
        choices = [one.attributes["value"] for one in shown.all("option")]
        assert roles["Owner"] not in choices
        response = await sent(browser, f"{MEMBERS}/{BOB}/role", role=roles["Moderator"], next=f"{MEMBERS}?name=b")
        assert (response.status_code, response.headers["location"]) == (303, f"{MEMBERS}?name=b#{BOB}")
        assert "Moderator" in said(await page(browser, MEMBERS), "span", class_="mark")
        response = await sent(browser, f"{MEMBERS}/{BOB}/role", role=roles["Owner"])
        assert response.status_code == 403
        assert "Insufficient permissions" in response.text
        response = await sent(browser, f"{MEMBERS}/{BOB}/role", role=roles["Member"], next="/elsewhere")
        assert response.headers["location"] == f"{MEMBERS}#{BOB}"
        assert (await page(browser, MEMBERS)).one("li", id=BOB)
    async with browser_of(scene, "admin") as browser:  # who may see members, and not give roles
        assert not (await page(browser, MEMBERS)).all("option")


async def test_newcomers(scene: Scene) -> None:
    """Where joining is by approval, those without a role are a list of their own, and are counted on the card."""
    async with browser_of(scene, "owner") as browser:
        assert not (await page(browser, WAITING)).all("div", class_="what")
        assert WAITING not in (await page(browser, MEMBERS)).links()
        assert WAITING not in (await page(browser, "/admin")).links()
        await scene.index.settings(default_role="")
        assert said(await page(browser, WAITING), "span", class_="mark") == ["No role yet"]
        assert "Waiting for approval: 1" in said(await page(browser, MEMBERS), "a")
        assert "1 person waits to be let in." in said(await page(browser, "/admin"), "a")
        await scene.index.apply(put(F, 80, 80, grant(BOB, 4)))
        assert not (await page(browser, WAITING)).all("div", class_="what")
        assert WAITING not in (await page(browser, "/admin")).links()
    async with browser_of(scene, "moderator") as browser:
        assert WAITING not in (await page(browser, "/admin")).links()


async def test_letting_in(scene: Scene) -> None:
    """One click gives the members' role, and they can write; whoever has none to give is not offered it."""
    await scene.index.settings(default_role="")
    member, helper = uri(F, 4, ROLE), put(F, 60, 60, role("Doorkeeper", "manageMembers", "manageRoles", priority=25))
    scene.server.records[ROLE, member.rpartition("/")[2]] = role("Member") | {"$type": ROLE}
    await scene.index.apply(helper, put(F, 61, 61, grant("did:plc:door", 60)))
    async with browser_of(scene, "admin") as browser:  # who may see members, and not give roles
        assert not (await page(browser, WAITING)).all("input", name="role")
    async with browser_of(scene, "did:plc:door") as browser:
        shown = await page(browser, WAITING)
        assert shown.one("input", name="role").attributes["value"] == member
        assert [one.attributes["value"] for one in shown.all("option")] == ["", member]
        assert shown.one("button", **{"aria-label": f"Let in as Member: {BOB}"}).text == "Let in as Member"
        response = await sent(browser, f"{MEMBERS}/{BOB}/role", role=member, next=WAITING)
        assert (response.status_code, response.headers["location"]) == (303, f"{WAITING}#{BOB}")
        assert not (await page(browser, WAITING)).all("div", class_="what")
    async with scene.signed_in(BOB) as bob:
        assert (await done(bob, "GET", "/api/admin/members/me"))["role"] == "Member"


async def test_letting_in_without_the_usual_role(scene: Scene) -> None:
    """The weakest by which one can write; where there are no roles at all it is said what is missing."""
    await scene.index.settings(default_role="")
    await scene.index.do("UPDATE roles SET name = 'Gardener' WHERE name = 'Member'")
    await scene.index.apply(put(F, 60, 60, role("Guest", "lockTopics", priority=40)))
    async with browser_of(scene, "owner") as browser:
        assert "Let in as Gardener" in said(await page(browser, WAITING), "button")
        await scene.index.do("UPDATE roles SET permissions = '{}' WHERE name <> 'Owner'")
        assert said(await page(browser, WAITING), "button")[-1] == "Give role"
    async with browser_of(scene, F) as browser:
        await scene.index.do("DELETE FROM roles")
        shown = await page(browser, WAITING)
        assert "built-in ones have to be written down" in shown.one("p", class_="note").text


async def test_who_has_a_role(scene: Scene) -> None:
    """Members and others, by their newest grant."""
    await scene.index.apply(put(F, 80, 80, grant(BOB, 3)), put(F, 81, 81, grant(PEER, 4)))
    key = tid(3)
    async with browser_of(scene, "owner") as browser:
        shown = await page(browser, f"{MEMBERS}?role={key}")
        assert set(said(shown, "a", class_="person")) == {BOB, HELPER, BANNED}
        assert "Has not joined this forum" in said(shown, "p", class_="hint")
        assert len(shown.all("select")) == 3
        for unknown in (tid(70), "nonsense", "a%00b", "../x", ""):
            await page(browser, f"{MEMBERS}?role={unknown}", 404)


async def test_log(scene: Scene) -> None:
    """Newest first, of one kind, page by page, and as a file in which nothing is a formula."""
    acts = [put(F, key, key, act("lock" if key % 2 else "unlock", TOPIC, reason=f"no {key}")) for key in range(90, 150)]
    await scene.index.apply(*acts, put(F, 150, 150, act("ban", BOB, reason="=cmd|'x'!A1")))
    async with browser_of(scene, "moderator") as browser:
        shown = await page(browser, LOG)
        assert said(shown, "strong")[:3] == ["Ban", "Lock", "Unlock"]
        older = shown.one("a", rel="next").attributes["href"]
        rest = await page(browser, older)
        assert len(shown.all("div", class_="what")) + len(rest.all("div", class_="what")) == 62
        assert said(await page(browser, f"{LOG}?kind=ban"), "strong") == ["Ban", "Ban"]
        response = await browser.get(f"{LOG}.csv?kind=ban")
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [row["reason"] for row in rows] == ["'=cmd|'x'!A1", ""]
        assert rows[0]["subject"] == BOB


async def test_log_leads_to_posts(scene: Scene) -> None:
    """By title and author, also to what is hidden; of one that is no longer here there is the name."""
    lost = uri("did:plc:zed", 7)
    await scene.index.do("UPDATE accounts SET handle = 'bob.test', resolved_at = now() WHERE did = $1", BOB)
    acts = [("pin", TOPIC), ("delete", REPLY), ("lock", lost)]
    await scene.index.apply(*(put(F, key, key, act(word, subject)) for key, (word, subject) in enumerate(acts, 90)))
    async with browser_of(scene, "moderator") as browser:
        shown = await page(browser, LOG)
        assert said(shown, "code") == [lost]
        told = [text.partition(" – ")[0] for text in said(shown, "div", class_="what")]
        assert told == [f"Lock {lost}", "Hide Reply in title · bob.test", f"Pin title · {ANN}", f"Ban {BANNED}"]
        for path in (REPLY_PAGE, TOPIC_PAGE, f"/@{BOB}", f"/@{ANN}", f"/@{BANNED}"):
            assert path in shown.links()
        assert (await browser.get(REPLY_PAGE)).status_code == 302


async def test_audit(scene: Scene) -> None:
    """Every act with what was before and after."""
    async with scene.signed_in() as owner:
        await done(owner, "POST", "/api/mod/ban", targetDid=BOB, reason="<b>loud</b>")
    async with browser_of(scene, "owner") as browser:
        shown = await page(browser, AUDIT)
        assert said(shown, "strong") == ["Ban"]
        assert f"/@{BOB}" in shown.links()
        assert "<b>loud</b>" in shown.all("details")[-1].text
        [row] = csv.DictReader(io.StringIO((await browser.get(f"{AUDIT}.csv")).text))
        assert (row["act"], row["subject"]) == ("ban", BOB)
        await page(browser, f"{AUDIT}?below=nonsense", 400)
        await scene.index.do(
            "INSERT INTO audit (actor, act, subject) VALUES ($1, 'resolveReport', $2), ($1, 'ofAnotherVersion', '12')",
            OWNER, REPLY,
        )  # fmt: skip
        shown = await page(browser, AUDIT)
        assert said(shown, "strong")[:2] == ["ofAnotherVersion", "Resolve the report"]
        assert said(shown, "code")[0] == "12"
        assert REPLY_PAGE in shown.links()
        browser.headers["Accept-Language"] = "de"
        assert "Meldung erledigen" in said(await page(browser, AUDIT), "strong")


async def test_backfill(scene: Scene) -> None:
    """What is needed, who would do it; start, progress, cancel, errors and history."""
    index = scene.index
    async with browser_of(scene, "owner") as browser:
        assert any("nobody would do the work" in text for text in said(await page(browser, BACKFILL), "p"))
        response = await sent(browser, BACKFILL, force="catch_up")
        assert response.status_code == 503
        await index.do("UPDATE leader SET heartbeat_at = now()")
        assert (await sent(browser, BACKFILL, force="full_sync")).status_code == 303
        shown = await page(browser, BACKFILL)
        [live] = [one for one in shown.all("div") if "sse-connect" in one.attributes]
        job = live.attributes["sse-connect"].split("/")[3]
        assert shown.all("progress")
        assert (await sent(browser, BACKFILL, force="full_sync")).status_code == 409
        await index.do(
            "INSERT INTO backfill_errors (backfill_id, did, error_message) VALUES ($1, $2, '<b>gone</b>')",
            int(job),
            BOB,
        )
        assert "<b>gone</b>" in said(await page(browser, f"{BACKFILL}/{job}"), "p", lang="en")
        assert (await sent(browser, f"{BACKFILL}/{job}/cancel")).status_code == 303
        assert "It is being cancelled." in said(await page(browser, BACKFILL), "p", class_="hint")
        await index.do("UPDATE backfills SET status = 'cancelled', completed_at = now()")
        assert (await sent(browser, f"{BACKFILL}/{job}/cancel")).status_code == 409
        assert said(await page(browser, BACKFILL), "span", class_="mark") == ["cancelled"]
