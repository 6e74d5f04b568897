"""Moderation from the pages: who sees which tools, what the forms do, and what is told to whom it concerns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from tests.standins.account_server import AccountServer
from tests.support.forum import ANN, BOB, F, act, grant, put, reply, role, tid
from tests.web.forum_rows import SITE, AwayDatabase, client_of
from tests.web.pages.conftest import HTML
from tests.web.pages.parsed import Parsed, parsed
from tests.web.signing_in import client_as
from tests.web.staff import ADMIN, BANNED, HELPER, OWNER, PEER, TOPIC, Scene, staffed
from web.app import make_app
from web.pages.moderating import ORDERS
from web.pages.who import STALE, word_for
from web.signed_in import COOKIE

WHO = {"member": ANN, "moderator": HELPER, "admin": ADMIN, "owner": OWNER, "banned": BANNED}
STATUS = {"anonymous": 401, "member": 403, "banned": 403, "moderator": 200, "admin": 200, "owner": 200}
TOPIC_PAGE = f"/t/{ANN}/{tid(1)}"
TOPIC_KEYS, REPLY_KEYS = f"{ANN}/{tid(1)}", f"{BOB}/{tid(2)}"
SUBJECTS = {"member": BOB, "topic": TOPIC_KEYS, "post": REPLY_KEYS}
PATHS = [f"/moderate/{word}/{SUBJECTS[order.kind.acts_on]}" for word, order in ORDERS.items()]


@pytest.fixture
async def scene(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    return await staffed(database, account, server)


@asynccontextmanager
async def browser_of(scene: Scene, who: str) -> AsyncIterator[httpx.AsyncClient]:
    database, account = scene.index.database, scene.account
    if who == "anonymous":
        opened = client_of(make_app(database, Board(), SITE, account=account))
    else:
        opened = client_as(database, WHO.get(who, who), account=account)
    async with opened as browser:
        browser.headers.update(HTML)
        yield browser


async def page(browser: httpx.AsyncClient, path: str, status: int = 200) -> Parsed:
    response = await browser.get(path)
    assert response.status_code == status, response.text
    return parsed(response.text)


async def sent(browser: httpx.AsyncClient, path: str, **typed: str) -> httpx.Response:
    """The form of that page, filled in."""
    form = await page(browser, path)
    hidden = {one.attributes["name"]: one.attributes["value"] for one in form.all("input", type="hidden")}
    return await browser.post(form.one("form", class_="form act").attributes["action"], data=hidden | typed)


def deeds(shown: Parsed) -> set[str]:
    """What may be done, by the addresses of it."""
    return {link.partition("?")[0] for link in shown.links() if link.startswith("/moderate/")}


@pytest.mark.parametrize(("who", "status"), STATUS.items())
async def test_who_may(scene: Scene, who: str, status: int) -> None:
    """Every act's page and its form, for each kind of person; a refusal writes nothing."""
    async with browser_of(scene, who) as browser:
        for path in PATHS:
            await page(browser, path, status)
            if status == 200:
                response = await sent(browser, path, reason="Off topic", end="never")
                assert response.status_code == 303, response.text
            else:
                assert (await browser.post(path, data={"reason": "Off topic"})).status_code in (401, 403)
    assert len(scene.server.written) == (len(PATHS) if status == 200 else 0)


async def test_tools_are_for_those_who_may(scene: Scene) -> None:
    """Nobody else's page mentions them; a moderator may not touch who is as strong."""
    for who in ("anonymous", "member", "banned"):
        async with browser_of(scene, who) as browser:
            assert deeds(await page(browser, TOPIC_PAGE)) == set()
            assert deeds(await page(browser, f"/@{BOB}")) == set()
    await scene.index.apply(put(PEER, 4, 30, reply(TOPIC)))
    async with browser_of(scene, "moderator") as browser:
        shown = await page(browser, TOPIC_PAGE)
        assert deeds(shown) == {
            f"/moderate/lock/{TOPIC_KEYS}",
            f"/moderate/pin/{TOPIC_KEYS}",
            f"/moderate/hide/{TOPIC_KEYS}",
            f"/moderate/ban/{ANN}",
            f"/moderate/hide/{REPLY_KEYS}",
            f"/moderate/ban/{BOB}",
        }
        assert deeds(await page(browser, f"/@{BOB}")) == {f"/moderate/ban/{BOB}", f"/moderate/mute/{BOB}"}
        assert deeds(await page(browser, f"/@{PEER}")) == set()


async def test_ways_and_deeds_are_one_list(scene: Scene) -> None:
    """Of a post; who decides on reports is offered to report only what they may not touch."""
    await scene.index.apply(put(HELPER, 4, 30, reply(TOPIC)), put(PEER, 5, 31, reply(TOPIC)))
    deciding, reporting = ["Reply", "Quote", "Hide", "Ban"], ["Reply", "Quote", "Report"]
    own = ["Reply", "Quote", "Edit", "Delete"]
    for who, expected in (
        ("moderator", [deciding, deciding, own, reporting]),
        (BOB, [reporting, own, *[reporting] * 2]),
    ):
        async with browser_of(scene, who) as browser:
            ways = (await page(browser, TOPIC_PAGE)).all("ul", class_="ways")
            assert [one.text.split() for one in ways] == expected
    await scene.index.apply(put(F, 60, 60, role("Bouncer", "banUsers", priority=20)), put(F, 61, 61, grant(PEER, 60)))
    async with browser_of(scene, PEER) as browser:
        ways = (await page(browser, TOPIC_PAGE)).all("ul", class_="ways")
        assert ways[0].text.split() == ["Report", "Ban"]


async def test_hierarchy(scene: Scene) -> None:
    """The page of an act on an equal has no field, and its form is refused."""
    async with browser_of(scene, "moderator") as browser:
        path = f"/moderate/ban/{PEER}"
        form = await page(browser, path)
        assert not form.all("textarea")
        token = form.all("input", name="csrf")[0].attributes["value"]
        response = await browser.post(path, data={"csrf": token, "reason": "Mine now"})
        assert response.status_code == 403
    assert scene.server.written == []


async def test_hidden_is_seen_in_place(scene: Scene) -> None:
    """By moderators and the author, with the reason and without a number; by nobody else."""
    await scene.index.apply(put(BOB, 5, 40, reply(TOPIC, text="a later word")))
    async with browser_of(scene, "moderator") as browser:
        here = f"{TOPIC_PAGE}?page=1"
        response = await sent(browser, f"/moderate/hide/{REPLY_KEYS}?next={here}", reason="An <b>insult</b>")
        assert (response.status_code, response.headers["location"]) == (303, here)
        shown = await page(browser, TOPIC_PAGE)
        [veiled] = shown.all("article", class_="post veiled")
        assert veiled.attributes["id"] == REPLY_KEYS
        assert "only moderators and the author" in veiled.text
        assert "An <b>insult</b>" in veiled.text
        assert "#" not in veiled.text
        assert [one.attributes["id"] for one in shown.all("article")].index(REPLY_KEYS) == 1
        assert f"/moderate/unhide/{REPLY_KEYS}" in deeds(shown)
    async with browser_of(scene, BOB) as browser:
        [veiled] = (await page(browser, TOPIC_PAGE)).all("article", class_="post veiled")
        assert "only you and the moderators" in veiled.text
        assert "An <b>insult</b>" in veiled.text
        assert (await browser.get(f"{TOPIC_PAGE}/p/{REPLY_KEYS}")).status_code == 302
    for who in ("anonymous", "member"):
        async with browser_of(scene, who) as browser:
            response = await browser.get(TOPIC_PAGE)
            assert "veiled" not in response.text
            assert "insult" not in response.text
            assert (await browser.get(f"{TOPIC_PAGE}/p/{REPLY_KEYS}")).status_code == 404


async def test_hidden_topic(scene: Scene) -> None:
    """Is there for moderators and its author alone."""
    async with browser_of(scene, "moderator") as browser:
        assert (await sent(browser, f"/moderate/hide/{TOPIC_KEYS}", reason="Spam")).status_code == 303
        assert f"/moderate/unhide/{TOPIC_KEYS}" in deeds(await page(browser, TOPIC_PAGE))
    async with browser_of(scene, "member") as author:
        assert "Reason: Spam" in (await page(author, TOPIC_PAGE)).one("article", class_="post veiled").text
    for who in ("anonymous", BOB):
        async with browser_of(scene, who) as browser:
            await page(browser, TOPIC_PAGE, 404)


async def test_banned_members_are_told(scene: Scene) -> None:
    """Why and until when, on the topic and on their profile; moderators see what they wrote, others do not."""
    async with browser_of(scene, "moderator") as browser:
        response = await sent(browser, f"/moderate/ban/{BOB}", reason="Too loud", end="week")
        assert response.status_code == 303
        shown = await page(browser, TOPIC_PAGE)
        assert "The author is banned" in shown.one("article", class_="post veiled").text
        assert f"/moderate/unban/{BOB}" in deeds(shown)
        lifting = (await page(browser, f"/moderate/unban/{BOB}")).one("form", class_="form act").text
        assert "In force since" in lifting
        assert "Too loud" in lifting
    async with browser_of(scene, BOB) as browser:
        for path in (TOPIC_PAGE, f"/@{BOB}"):
            note = (await page(browser, path)).all("p", class_="note")[0]
            assert "You are banned" in note.text
            assert "Reason: Too loud" in note.text
            assert "It ends" in note.text
    async with browser_of(scene, "anonymous") as browser:
        assert "Too loud" not in (await browser.get(TOPIC_PAGE)).text + (await browser.get(f"/@{BOB}")).text


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"reason": "  "}, "Please say why."),
        ({"reason": "ok", "end": "some day"}, "Please choose one of the ends."),
        ({"reason": "x" * 3001}, "reason"),
        ({"reason": "a\0b"}, "NUL"),
    ],
)
async def test_what_cannot_be_taken(scene: Scene, typed: dict[str, str], sentence: str) -> None:
    """The same page with the sentence, and all that was typed."""
    async with browser_of(scene, "moderator") as browser:
        response = await sent(browser, f"/moderate/ban/{BOB}", **{"end": "week", **typed})
        assert response.status_code == 400
        again = parsed(response.text)
        assert sentence in again.one("p", role="alert").text
        assert again.one("textarea").text.strip() == typed["reason"].strip()
    assert scene.server.written == []


async def test_read_only_keeps_what_was_typed(database: Pool, scene: Scene) -> None:
    """While the forum's account is not signed in."""
    async with client_as(database, OWNER) as browser:
        browser.headers.update(HTML)
        response = await sent(browser, f"/moderate/lock/{TOPIC_KEYS}", reason="Heated", end="day")
        assert response.status_code == 503
        again = parsed(response.text)
        assert again.one("textarea").text == "Heated"
        assert again.one("option", selected="").attributes["value"] == "day"


async def test_nothing_typed_is_lost(database: Pool, scene: Scene) -> None:
    """A form of another session, nobody signed in any more, the database away: it comes back, to be sent again."""
    path, typed = f"/moderate/lock/{TOPIC_KEYS}", {"reason": "Heated", "end": "day", "next": "/about"}

    def kept(response: httpx.Response, status: int, why: str) -> dict[str, str]:
        again = parsed(response.text)
        assert response.status_code == status, response.text
        assert why in again.one("p", role="alert").text
        assert again.one("textarea").text == "Heated"
        assert again.one("option", selected="").attributes["value"] == "day"
        assert again.one("form", class_="form act").attributes["action"] == path
        hidden = {one.attributes["name"]: one.attributes["value"] for one in again.all("input", type="hidden")}
        assert hidden["next"] == "/about"
        return hidden

    async with client_of(make_app(database, Board(), SITE)) as browser:
        kept(await browser.post(path, data=typed, headers=HTML), 401, "Your sign-in has ended.")
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as browser:
        browser.cookies.set(COOKIE, "token")
        response = await browser.post(path, data=typed | {"csrf": word_for("token")}, headers=HTML)
        kept(response, 503, "The forum cannot reach its database")
    async with browser_of(scene, "moderator") as browser:
        hidden = kept(await browser.post(path, data=typed), 403, STALE)
        assert scene.server.written == []
        response = await browser.post(path, data=typed | hidden)
        assert (response.status_code, response.headers["location"]) == (303, "/about")


async def test_nothing_to_act_on(scene: Scene) -> None:
    async with browser_of(scene, "owner") as browser:
        for path in (
            "/moderate/praise/did:plc:bob",
            "/moderate/ban/did:plc:nobody",
            "/moderate/ban/bob.test",
            f"/moderate/ban/{REPLY_KEYS}",
            f"/moderate/hide/{BOB}",
            f"/moderate/hide/{BOB}/{tid(999)}",
            f"/moderate/hide/{BOB}/a%20b",
        ):
            await page(browser, path, 404)
        await page(browser, f"/moderate/lock/{REPLY_KEYS}", 400)


async def test_forms_of_others_are_refused(scene: Scene) -> None:
    """Without our word in it, nothing is done; and nobody is led away from here."""
    async with browser_of(scene, "owner") as browser:
        path = f"/moderate/lock/{TOPIC_KEYS}"
        assert (await browser.post(path, data={"reason": "Heated"})).status_code == 403
        assert scene.server.written == []
        response = await sent(browser, f"{path}?next=//elsewhere.test/", reason="Heated")
        assert response.headers["location"] == TOPIC_PAGE


async def test_where_tools_lead_back(scene: Scene) -> None:
    """Without a word on that, to what was acted on."""
    async with browser_of(scene, "owner") as browser:
        for path, back in (
            (f"/moderate/pin/{TOPIC_KEYS}", TOPIC_PAGE),
            (f"/moderate/hide/{REPLY_KEYS}", f"{TOPIC_PAGE}/p/{REPLY_KEYS}"),
            (f"/moderate/mute/{BOB}", f"/@{BOB}"),
        ):
            assert (await sent(browser, path, reason="So")).headers["location"] == back


async def test_deeds_lead_back_to_the_post(scene: Scene) -> None:
    """Where it now stands: hidden, the only one of the second page has become the last one of the first."""
    await scene.index.apply(*(put(BOB, key, key, reply(TOPIC)) for key in range(100, 124)))
    last = f"{BOB}/{tid(123)}"
    async with browser_of(scene, "moderator") as browser:
        shown = await page(browser, f"{TOPIC_PAGE}?page=2")
        [hide] = [link for link in shown.links() if link.startswith(f"/moderate/hide/{last}?")]
        response = await sent(browser, hide, reason="Off topic")
        response = await browser.get(response.headers["location"])
        assert response.headers["location"] == f"{TOPIC_PAGE}#{last}"
        shown = await page(browser, TOPIC_PAGE)
        assert shown.one("article", id=last).attributes["class"] == "post veiled"
        [ban] = [link for link in shown.links() if link.startswith(f"/moderate/ban/{ANN}?")]
        assert (await sent(browser, ban, reason="Rude")).headers["location"] == f"{TOPIC_PAGE}#{TOPIC_KEYS}"


async def test_nothing_hostile_gets_through(scene: Scene) -> None:
    """Words of members and moderators stay words."""
    hostile = '"><script>alert(1)</script>'
    await scene.index.apply(
        put(BOB, 2, 50, reply(TOPIC, text=hostile)), put(F, 60, 60, act("ban", BOB, reason=hostile))
    )
    async with browser_of(scene, "owner") as browser:
        for path in (f"/moderate/hide/{REPLY_KEYS}", f"/moderate/unban/{BOB}", TOPIC_PAGE):
            shown = await page(browser, path)
            assert not [one for one in shown.all("script") if not one.attributes.get("src", "").startswith("/static/")]
            assert hostile in " ".join(one.text for one in shown.all("p") + shown.all("blockquote"))
