"""Reports on the panel: what moderators see of them, how they resolve one without a script, and who is told of them."""

import json
from pathlib import Path

import httpx
import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from tests.standins.account_server import AccountServer
from tests.support.forum import ANN, BOB, CAT, F, act, gone, put, reply, tid
from tests.web.forum_rows import SITE, AwayDatabase, client_of
from tests.web.pages.conftest import HTML
from tests.web.pages.parsed import Parsed, parsed
from tests.web.pages.test_admin_panel import said
from tests.web.pages.test_moderating import REPLY_KEYS, TOPIC_PAGE, browser_of, page, sent
from tests.web.pages.test_reporting import REPORT_ALL, VOICE_ALL, harmless
from tests.web.signing_in import client_as, session_of
from tests.web.staff import HELPER, PEER, TOPIC, Scene, done, staffed
from web.app import make_app
from web.pages.admin.reports import HISTORY, PATH
from web.pages.who import STALE
from web.signed_in import COOKIE

REPLY_PAGE = f"{TOPIC_PAGE}/p/{REPLY_KEYS}"
PAYLOADS = json.loads(Path(__file__).with_name("payloads.json").read_text())
MANY = """
INSERT INTO reports (post_uri, author) SELECT 'at://did:plc:x/y/' || n, 'did:plc:x' FROM generate_series(1, $1) AS n
"""
RESOLVE_ALL = """
UPDATE reports r
   SET outcome = 'hide', reason = p.text, note = p.text, resolved_by = 'did:plc:helper', resolved_at = now()
  FROM posts p WHERE p.uri = r.post_uri
"""


@pytest.fixture
async def scene(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    return await staffed(database, account, server)


async def reported(scene: Scene, reporter: str = CAT, post_id: str | None = None, reason: str = "Rude") -> str:
    async with scene.signed_in(reporter) as client:
        return str(
            (await done(client, "POST", "/api/reports", 201, postId=post_id or scene.reply_id, reason=reason))["id"]
        )


async def replied(scene: Scene, did: str, key: int) -> str:
    """The id of one more reply."""
    await scene.index.apply(put(did, key, key, reply(TOPIC)))
    return str(await scene.index.one("SELECT id::text FROM posts WHERE did = $1 AND rkey = $2", did, tid(key)))


async def clicked(browser: httpx.AsyncClient, path: str, action: str) -> httpx.Response:
    """The button of that form on the page."""
    shown = await page(browser, path)
    assert action in {form.attributes["action"] for form in shown.all("form")}, action
    csrf = shown.all("input", name="csrf")[0].attributes["value"]
    following = [one.attributes["value"] for one in shown.all("input", name="next")]
    return await browser.post(action, data={"csrf": csrf, "next": following[0] if following else ""})


def ways(shown: Parsed, number: str) -> set[str]:
    """How the report can be resolved from this page."""
    return {link.rpartition("/")[2] for link in shown.links() if link.startswith(f"{PATH}/{number}/")}


def alert(shown: Parsed) -> str:
    return " ".join(shown.one("p", role="alert").text.split())


async def test_the_menu_counts(scene: Scene) -> None:
    """Open reports, for who moderates and without their own; nobody else's page mentions them."""
    await reported(scene)
    await reported(scene, post_id=await replied(scene, HELPER, 50))
    for who, count in (("moderator", "1"), (PEER, "2"), ("owner", "2"), (F, "2")):
        async with browser_of(scene, who) as browser:
            shown = await page(browser, TOPIC_PAGE)
            assert set(said(shown, "span", class_="mark waiting")) == {count}, who
            assert PATH in shown.links()
            sentence = "1 open report" if count == "1" else f"{count} open reports"
            assert sentence in shown.all("summary")[0].text
            assert any(sentence in heading for heading in said(await page(browser, "/admin"), "h2"))
    for who in ("anonymous", "member", "banned", BOB):
        async with browser_of(scene, who) as browser:
            response = await browser.get(TOPIC_PAGE)
            assert "open report" not in response.text
            assert PATH not in response.text


async def test_the_menu_counts_so_far(scene: Scene) -> None:
    """Beyond a hundred it is enough to know that there are more; without any there is nothing to be told."""
    async with browser_of(scene, "moderator") as browser:
        assert not (await page(browser, "/")).all("span", class_="mark waiting")
        await scene.index.do(MANY, 120)
        shown = await page(browser, "/")
        assert set(said(shown, "span", class_="mark waiting")) == {"99+"}
        assert "more than 99 open reports" in shown.all("summary")[0].text
        assert len((await page(browser, PATH)).all("blockquote")) == 0


async def test_an_empty_queue(scene: Scene) -> None:
    async with browser_of(scene, "moderator") as browser:
        assert "Nothing is waiting" in said(await page(browser, PATH), "p", class_="lead")
        assert "No report has been resolved yet." in said(await page(browser, HISTORY), "p", class_="note")


async def test_context(scene: Scene) -> None:
    """The post and the way to it, its author, who reported it and why, and what there was before."""
    old = await reported(scene, ANN)
    async with browser_of(scene, "moderator") as browser:
        await sent(browser, f"{PATH}/{old}/dismiss", note="")
        number = await reported(scene, reason="Rude\nand loud")
        await reported(scene, ANN, reason="So rude")
        other = await reported(scene, post_id=scene.topic_id)
        shown = await page(browser, PATH)
        assert [one.attributes["id"] for one in shown.all("li") if "id" in one.attributes] == [
            f"report-{number}",
            f"report-{other}",
        ]
        assert said(shown, "h2") == ["Reply in title", "title"]
        assert {REPLY_PAGE, TOPIC_PAGE, f"/@{BOB}", f"/@{CAT}", f"/@{ANN}"} <= set(shown.links())
        assert said(shown, "p", class_="by") == ["Reported by 2 members", "Reported by 1 member"]
        assert [one.text for one in shown.all("p", class_="words")] == ["Rude\nand loud", "So rude", "Rude"]
        hints = said(shown, "p", class_="hint")
        assert "1 earlier report about did:plc:bob, 1 of this post." in hints
        assert "No earlier report about did:plc:ann." in hints
        assert f"{HISTORY}?about=did%3Aplc%3Abob" in shown.links()


async def test_claiming(scene: Scene) -> None:
    """By a button; it is told to others, who have none, until it is given back by another."""
    number = await reported(scene)
    claim, give_back = f"{PATH}/{number}/claim", f"{PATH}/{number}/give-back"
    async with browser_of(scene, "moderator") as browser, browser_of(scene, PEER) as peer:
        response = await clicked(browser, PATH, claim)
        assert (response.status_code, response.headers["location"]) == (303, f"{PATH}#report-{number}")
        assert "You are looking at it" in said(await page(browser, PATH), "p", class_="verdict")[0]
        theirs = await page(peer, PATH)
        assert "did:plc:helper is looking at it, until" in said(theirs, "p", class_="verdict")[0]
        assert not {form.attributes["action"] for form in theirs.all("form")} & {claim, give_back}
        assert ways(theirs, number) == set()
        assert not (await page(peer, f"{PATH}/{number}/hide")).all("textarea")
        assert (await clicked(browser, PATH, give_back)).status_code == 303
        assert (await clicked(peer, PATH, claim)).status_code == 303
        assert ways(await page(peer, PATH), number) == {"hide", "ban", "dismiss"}


async def test_a_claim_that_comes_too_late(scene: Scene) -> None:
    """From a page that was opened before: the queue as it is now, and who was faster."""
    number = await reported(scene)
    async with browser_of(scene, "moderator") as browser, browser_of(scene, PEER) as peer:
        stale = await page(peer, PATH)
        csrf = stale.all("input", name="csrf")[0].attributes["value"]
        await clicked(browser, PATH, f"{PATH}/{number}/claim")
        for what in ("claim", "give-back"):
            response = await peer.post(f"{PATH}/{number}/{what}", data={"csrf": csrf})
            assert response.status_code == 409
            assert alert(parsed(response.text)) == "did:plc:helper has claimed this report."
        assert (await peer.post(f"{PATH}/{number}/claim", data={})).status_code == 403
        assert (await peer.post(f"{PATH}/x/claim", data={"csrf": csrf})).status_code == 400


async def test_hiding(scene: Scene) -> None:
    """With a reason that is offered and can be changed; the post is gone for readers, and the report from the queue."""
    number = await reported(scene, reason="Confidential")
    async with browser_of(scene, "moderator") as browser:
        form = await page(browser, f"{PATH}/{number}/hide")
        reason, note = form.all("textarea")
        assert reason.text.strip() == "This post breaks the rules of this forum."
        assert note.text.strip() == ""
        assert "Confidential" not in reason.text
        response = await sent(browser, f"{PATH}/{number}/hide", reason="An insult", note="Third time")
        assert (response.status_code, response.headers["location"]) == (303, PATH)
        assert not (await page(browser, PATH)).all("blockquote")
        shown = await page(browser, HISTORY)
        assert said(shown, "strong") == ["Hidden"]
        assert {"Reason: An insult", "Note: Third time", "Confidential"} <= set(said(shown, "p", class_="words"))
    [written] = scene.server.written
    assert written["record"]["reason"] == "An insult"
    async with browser_of(scene, "anonymous") as reader:
        assert not (await page(reader, TOPIC_PAGE)).all("article", id=REPLY_KEYS)


async def test_banning(scene: Scene) -> None:
    """With an end, in the moderator's language."""
    number = await reported(scene)
    async with browser_of(scene, "moderator") as browser:
        browser.headers["Accept-Language"] = "de"
        form = await page(browser, f"{PATH}/{number}/ban")
        assert form.all("textarea")[0].text.strip() == "Beiträge, die gegen die Regeln dieses Forums verstoßen."
        assert len(form.all("option")) == 7
        response = await sent(browser, f"{PATH}/{number}/ban", reason="Rude", end="some day")
        assert response.status_code == 400
        assert (await sent(browser, f"{PATH}/{number}/ban", reason="Rude", end="week")).status_code == 303
    [written] = scene.server.written
    assert written["record"]["subject"]["did"] == BOB
    assert "expiresAt" in written["record"]


async def test_who_is_as_strong(scene: Scene) -> None:
    """Of their posts a report can only be dismissed, and the page says so; one's own are not to be seen."""
    number = await reported(scene, post_id=await replied(scene, PEER, 50))
    async with browser_of(scene, "moderator") as browser:
        shown = await page(browser, PATH)
        assert ways(shown, number) == {"dismiss"}
        assert any("you can only dismiss this" in hint for hint in said(shown, "p", class_="hint"))
        assert not (await page(browser, f"{PATH}/{number}/hide")).all("textarea")
        assert "as strong as yours" in said(await page(browser, f"{PATH}/{number}/ban"), "p", class_="alert")[0]
        csrf = shown.all("input", name="csrf")[0].attributes["value"]
        response = await browser.post(f"{PATH}/{number}/ban", data={"csrf": csrf, "reason": "Mine"})
        assert response.status_code == 403
    async with browser_of(scene, PEER) as browser:
        assert ways(await page(browser, PATH), number) == set()
        await page(browser, f"{PATH}/{number}/dismiss", 404)
    async with browser_of(scene, "admin") as browser:
        assert ways(await page(browser, PATH), number) == {"hide", "ban", "dismiss"}
    assert scene.server.written == []


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"reason": " "}, "Please say why."),
        ({"reason": "x" * 3001}, "reason"),
        ({"reason": "Rude", "note": "x" * 1001}, "note"),
        ({"reason": "Rude", "note": "a\0b"}, "NUL"),
    ],
)
async def test_what_cannot_be_taken(scene: Scene, typed: dict[str, str], sentence: str) -> None:
    """The same page with the sentence, and all that was typed."""
    number = await reported(scene)
    async with browser_of(scene, "moderator") as browser:
        response = await sent(browser, f"{PATH}/{number}/ban", **{"note": "Mind the brother", "end": "week", **typed})
        assert response.status_code == 400
        shown = parsed(response.text)
        assert sentence in alert(shown)
        reason, note = (one.text.strip() for one in shown.all("textarea"))
        assert (reason, note) == (typed["reason"].strip(), typed.get("note", "Mind the brother"))
        assert shown.one("option", selected="").attributes["value"] == "week"
    assert scene.server.written == []


async def test_somebody_was_faster(scene: Scene) -> None:
    """While a moderator was writing why: told who, how it was resolved, and the words are still there."""
    number = await reported(scene)
    async with browser_of(scene, "moderator") as browser, browser_of(scene, PEER) as peer:
        form = await page(peer, f"{PATH}/{number}/ban")
        csrf = form.all("input", name="csrf")[0].attributes["value"]
        await sent(browser, f"{PATH}/{number}/dismiss", note="A matter of taste")
        typed = {"csrf": csrf, "reason": "Twice today", "note": "Keep an eye", "end": "day"}
        response = await peer.post(f"{PATH}/{number}/ban", data=typed)
        assert response.status_code == 409
        shown = parsed(response.text)
        assert alert(shown) == "did:plc:helper has resolved this report already, by dismissing it."
        assert [one.text.strip() for one in shown.all("textarea")] == ["Twice today", "Keep an eye"]
        assert "A matter of taste" in shown.one("form", class_="form act").text
        later = await page(peer, f"{PATH}/{number}/ban")
        assert not later.all("textarea")
        assert "Dismissed" in said(later, "strong")
    assert scene.server.written == []


@pytest.mark.parametrize(("whose", "status", "sentence"), [(PEER, 403, STALE), (None, 401, "Sign in again")])
async def test_a_session_that_ended(scene: Scene, whose: str | None, status: int, sentence: str) -> None:
    """Or that is another by now: the form comes back, and nothing is done."""
    number = await reported(scene)
    async with browser_of(scene, "moderator") as browser:
        form = await page(browser, f"{PATH}/{number}/ban")
        csrf = form.all("input", name="csrf")[0].attributes["value"]
        browser.cookies.clear()
        if whose is not None:
            browser.cookies.set(COOKIE, await session_of(scene.index.database, whose))
        typed = {"csrf": csrf, "reason": "Twice today", "note": "Keep an eye", "end": "day"}
        response = await browser.post(f"{PATH}/{number}/ban", data=typed)
        assert response.status_code == status
        shown = parsed(response.text)
        assert sentence in alert(shown)
        assert [one.text.strip() for one in shown.all("textarea")] == ["Twice today", "Keep an eye"]
        assert shown.one("option", selected="").attributes["value"] == "day"
        assert ("Reported by" in response.text) == (whose is not None)
    assert scene.server.written == []


async def test_while_the_database_is_away() -> None:
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as browser:
        browser.headers.update(HTML)
        response = await browser.post(f"{PATH}/1/hide", data={"reason": "Twice today", "note": "Keep an eye"})
        assert response.status_code == 503
        shown = parsed(response.text)
        assert [one.text.strip() for one in shown.all("textarea")] == ["Twice today", "Keep an eye"]


async def test_in_german(scene: Scene) -> None:
    """Who was faster, too."""
    number = await reported(scene)
    async with browser_of(scene, "moderator") as browser, browser_of(scene, PEER) as peer:
        peer.headers["Accept-Language"] = "de"
        csrf = (await page(peer, PATH)).all("input", name="csrf")[0].attributes["value"]
        await clicked(browser, PATH, f"{PATH}/{number}/claim")
        response = await peer.post(f"{PATH}/{number}/claim", data={"csrf": csrf})
        assert alert(parsed(response.text)) == "did:plc:helper hat diese Meldung übernommen."
        await sent(browser, f"{PATH}/{number}/hide", reason="Insult")
        response = await peer.post(f"{PATH}/{number}/dismiss", data={"csrf": csrf, "note": ""})
        assert "bereits erledigt: Der Beitrag ist verborgen." in alert(parsed(response.text))


async def test_read_only(scene: Scene) -> None:
    """While the forum's account is not signed in, what was typed comes back; a report can be dismissed."""
    number = await reported(scene)
    async with client_as(scene.index.database, HELPER) as browser:
        browser.headers.update(HTML)
        response = await sent(browser, f"{PATH}/{number}/hide", reason="Insult", note="")
        assert response.status_code == 503
        assert parsed(response.text).all("textarea")[0].text.strip() == "Insult"
        assert (await sent(browser, f"{PATH}/{number}/dismiss", note="")).status_code == 303


async def test_posts_that_are_gone_or_dealt_with(scene: Scene) -> None:
    """Say so: deleted by their author, hidden from elsewhere, by somebody who was banned since."""
    number = await reported(scene)
    hidden = await reported(scene, post_id=await replied(scene, CAT, 50), reporter=ANN)
    await scene.index.apply(gone(BOB, 2, 60), put(F, 61, 61, act("delete", f"at://{CAT}/space.atbb.post/{tid(50)}")))
    await scene.index.apply(put(F, 62, 62, act("ban", CAT)))
    async with browser_of(scene, "moderator") as browser:
        shown = await page(browser, PATH)
        assert "The post is gone: its author deleted it." in said(shown, "p", class_="concerned")
        assert said(shown, "span", class_="mark") == ["Hidden", "Author banned"]
        assert ways(shown, number) == {"ban", "dismiss"}
        assert ways(shown, hidden) == {"hide", "ban", "dismiss"}
        assert not (await page(browser, f"{PATH}/{number}/hide")).all("textarea")


async def test_an_edited_post(scene: Scene) -> None:
    await reported(scene)
    await scene.index.apply(put(BOB, 2, 50, reply(TOPIC, "Kinder")))
    await reported(scene, ANN)
    async with browser_of(scene, "moderator") as browser:
        shown = await page(browser, PATH)
        assert shown.one("blockquote").text == "Kinder"
        told = [hint for hint in said(shown, "p", class_="hint") if "another version" in hint]
        assert len(told) == 1
        assert told[0].startswith("did:plc:cat")


async def test_page_by_page(scene: Scene) -> None:
    """The queue forwards, history backwards; a claim leads back to where it was made."""
    await scene.index.do(MANY, 30)
    async with browser_of(scene, "moderator") as browser:
        shown = await page(browser, PATH)
        older = shown.one("a", rel="next").attributes["href"]
        rest = await page(browser, older)
        items = [[one for one in part.all("li") if "id" in one.attributes] for part in (shown, rest)]
        assert [len(part) for part in items] == [25, 5]
        last = items[1][-1].attributes["id"].removeprefix("report-")
        response = await clicked(browser, older, f"{PATH}/{last}/claim")
        assert response.headers["location"] == f"{older}#report-{last}"
        csrf = shown.all("input", name="csrf")[0].attributes["value"]
        response = await browser.post(f"{PATH}/{last}/claim", data={"csrf": csrf, "next": "//elsewhere.test"})
        assert response.headers["location"] == f"{PATH}#report-{last}"
        await scene.index.do("UPDATE reports SET outcome = 'dismiss', resolved_by = 'did:plc:m', resolved_at = now()")
        for path in (HISTORY, f"{HISTORY}?about=did:plc:x"):
            shown = await page(browser, path)
            rest = await page(browser, shown.one("a", rel="next").attributes["href"])
            assert [len(part.all("strong")) for part in (shown, rest)] == [25, 5]
        assert "About did:plc:bob." in (await page(browser, f"{HISTORY}?about={BOB}")).all("p", class_="hint")[0].text
        for path, status in (
            (f"{PATH}?after=x", 400),
            (f"{HISTORY}?before=x", 400),
            (f"{HISTORY}?before=W2ZhbHNlLCIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsIngiXQ", 400),
            (f"{HISTORY}?about=bob", 404),
            (f"{PATH}/{last}/praise", 404),
            (f"{PATH}/x/dismiss", 400),
            (f"{PATH}/99999/dismiss", 404),
        ):
            await page(browser, path, status)


@pytest.mark.slow
async def test_nothing_hostile_gets_through(scene: Scene) -> None:
    """Posts, reasons and notes stay words, in the queue, on the form and in history."""
    await scene.index.apply(*(put(BOB, key, key, reply(TOPIC, text)) for key, text in enumerate(PAYLOADS, 100)))
    await scene.index.do(REPORT_ALL, BOB)
    await scene.index.do(VOICE_ALL, CAT)
    numbers = [row[0] for row in await scene.index.rows("SELECT id FROM reports ORDER BY id")]
    async with browser_of(scene, "moderator") as browser:
        assert await words_of(browser, PATH) == [payload.split() for payload in ["reply", *PAYLOADS]]
        for number in numbers:
            harmless(await page(browser, f"{PATH}/{number}/hide"))
        await scene.index.do(RESOLVE_ALL)
        assert len(await words_of(browser, HISTORY)) == 3 * len(numbers)


async def words_of(browser: httpx.AsyncClient, path: str) -> list[list[str]]:
    """What people said, on all pages from this one on, which do no harm."""
    found: list[list[str]] = []
    while True:
        shown = await page(browser, path)
        harmless(shown)
        found += [one.text.split() for one in shown.all("p", class_="words")]
        following = shown.all("a", rel="next")
        if not following:
            return found
        path = following[0].attributes["href"]


async def test_where_the_audit_has_it(scene: Scene) -> None:
    """What owners read of it: who did what about which post, and no word of those who reported it."""
    number = await reported(scene, reason="Confidential")
    async with browser_of(scene, "moderator") as browser:
        await clicked(browser, PATH, f"{PATH}/{number}/claim")
        await sent(browser, f"{PATH}/{number}/hide", reason="Insult", note="Third time")
    async with browser_of(scene, "owner") as browser:
        shown = await page(browser, "/admin/audit")
        assert said(shown, "strong") == ["Resolve the report", "Hide", "Claim the report"]
        assert shown.links().count(REPLY_PAGE) == 3
        assert "Third time" in shown.all("details")[1].text  # the first is the menu
        assert "Confidential" not in (await browser.get("/admin/audit")).text
