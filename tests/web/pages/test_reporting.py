"""Reporting a post by form alone: who is offered it, what one is told, and that nothing typed is lost."""

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum.reports import MOST_AN_HOUR
from tests.standins.account_server import AccountServer
from tests.support.forum import ANN, BOB, CAT, F, act, gone, put, reply, tid, uri
from tests.web.forum_rows import SITE, AwayDatabase, client_of
from tests.web.pages.conftest import HTML
from tests.web.pages.parsed import Parsed, parsed
from tests.web.pages.test_moderating import REPLY_KEYS, TOPIC_PAGE, browser_of, page, sent
from tests.web.signing_in import client_as, session_of
from tests.web.staff import PEER, TOPIC, Scene, staffed
from web.app import make_app
from web.pages.who import STALE
from web.signed_in import COOKIE

REPLY_PAGE = f"{TOPIC_PAGE}/p/{REPLY_KEYS}"
REPORT, REPORT_TOPIC = f"{REPLY_PAGE}/report", f"{TOPIC_PAGE}/report"
PAYLOADS = json.loads(Path(__file__).with_name("payloads.json").read_text())
OF_FORMS = {f"<{tag}>" for tag in ("form", "input", "button", "label", "textarea", "dialog")}

# Of all that somebody wrote; each in its own words.
REPORT_ALL = "INSERT INTO reports (post_uri, author) SELECT uri, did FROM posts WHERE did = $1 ORDER BY rkey"
VOICE_ALL = """
INSERT INTO voices (report_id, reporter, post_cid, reason)
SELECT r.id, $1, p.cid, p.text FROM reports r JOIN posts p ON p.uri = r.post_uri
"""


@pytest.fixture
async def scene(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    return await staffed(database, account, server)


def ways(shown: Parsed) -> set[str]:
    """Where reports are written."""
    return {unquote(link) for link in shown.links() if link.endswith("/report")}


def alert(shown: Parsed) -> str:
    return " ".join(shown.one("p", role="alert").text.split())


async def voices(scene: Scene) -> list[tuple[str, str]]:
    return [
        (row[0], row[1]) for row in await scene.index.rows("SELECT reporter, reason FROM voices ORDER BY created_at")
    ]


async def test_the_way_there(scene: Scene) -> None:
    """From what others wrote, for who is signed in; also in a locked topic, for who is muted; not for who decides."""
    await scene.index.apply(put(F, 40, 40, act("lock", TOPIC)), put(F, 41, 41, act("mute", CAT)))
    for who, found in {
        "anonymous": set(),
        "banned": set(),
        ANN: {REPORT},
        BOB: {REPORT_TOPIC},
        CAT: {REPORT, REPORT_TOPIC},
        "moderator": set(),
    }.items():
        async with browser_of(scene, who) as browser:
            assert ways(await page(browser, TOPIC_PAGE)) == found, who


async def test_what_is_hidden_is_not_reported(scene: Scene) -> None:
    """There is no way to it, not for moderators either, who see it."""
    report = REPORT.replace(f"{BOB}/{tid(2)}", f"{PEER}/{tid(4)}")
    await scene.index.apply(put(PEER, 4, 30, reply(TOPIC)))
    async with browser_of(scene, "moderator") as browser:
        assert ways(await page(browser, TOPIC_PAGE)) == {report}
        await scene.index.apply(put(F, 40, 40, act("delete", uri(PEER, 4))))
        assert ways(await page(browser, TOPIC_PAGE)) == set()
        await page(browser, report, 404)


STATUS = {"anonymous": 401, "banned": 403, BOB: 403, CAT: 200, "moderator": 200, "admin": 200, "owner": 200}


@pytest.mark.parametrize(("who", "status"), STATUS.items())
async def test_who_may(scene: Scene, who: str, status: int) -> None:
    """Others are told why not, and led on; what they send all the same is refused."""
    async with browser_of(scene, who) as browser:
        shown = await page(browser, REPORT, status)
        assert len(shown.all("textarea")) == (1 if status == 200 else 0)
        if who == "anonymous":
            assert f"/sign-in?next={REPORT.replace('/', '%2F').replace(':', '%3A')}" in shown.links()
        own = shown.all("input", name="csrf")
        word = {"csrf": own[0].attributes["value"]} if own else {}
        response = await browser.post(REPORT, data={**word, "reason": "Rude"})
        assert response.status_code == (303 if status == 200 else status)
    assert len(await voices(scene)) == (1 if status == 200 else 0)


async def test_thanks(scene: Scene) -> None:
    """Led to the thanks, with what was said; there is no second form while that waits."""
    async with browser_of(scene, CAT) as browser:
        form = await page(browser, REPORT)
        assert "Report this post by" in form.one("h1").text
        assert form.all("blockquote", class_="concerned")[0].text == "reply"
        response = await sent(browser, REPORT, reason="  Rude,\r\nand untrue ")
        assert (response.status_code, response.headers["location"]) == (303, REPORT)
        for _ in range(2):
            shown = await page(browser, REPORT)
            assert shown.one("h1").text == "Thank you"
            assert "with the moderators" in shown.one("p", role="status").text
            assert shown.one("blockquote").text.replace("\r", "") == "Rude,\nand untrue"
            assert REPLY_PAGE in shown.links()
            assert not shown.all("textarea")
        assert not (await page(browser, REPORT_TOPIC)).all("blockquote", class_="concerned words")


async def test_a_second_click(scene: Scene) -> None:
    """With the same words it is the same report; with others, told with a sentence, and they are kept."""
    async with browser_of(scene, CAT) as browser:
        form = await page(browser, REPORT)
        word = {"csrf": form.all("input", name="csrf")[0].attributes["value"]}
        for _ in range(2):
            assert (await browser.post(REPORT, data={**word, "reason": "Rude"})).status_code == 303
        response = await browser.post(REPORT, data={**word, "reason": "Very rude"})
        assert response.status_code == 409
        shown = parsed(response.text)
        assert alert(shown) == "You have reported this post already; the moderators will look at it."
        assert shown.one("textarea").text.strip() == "Very rude"
    assert await voices(scene) == [(CAT, "Rude")]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("  \n ", "Please say what is wrong."),
        ("x" * 1001, "This is 1 character too long."),
        ("é" * 1100, "This is 100 characters too long."),
        ("👩‍👩‍👧‍👦" * 900, "1,000"),  # as many as may be, and too many bytes
        ("a\0b", "NUL"),
    ],
)
async def test_what_cannot_be_taken(scene: Scene, typed: str, sentence: str) -> None:
    """The form again, with the sentence and all that was typed; not kept by anybody."""
    async with browser_of(scene, CAT) as browser:
        response = await sent(browser, REPORT, reason=typed)
        assert response.status_code == 400
        assert response.headers["cache-control"] == "no-store"
        shown = parsed(response.text)
        assert sentence in alert(shown)
        assert shown.one("textarea").text.strip("\n").replace("\r", "") == typed.strip()
    assert await voices(scene) == []


async def test_too_many(scene: Scene) -> None:
    """A sentence, in the reader's language; and the text stays."""
    await scene.index.apply(*(put(BOB, key, key, reply(TOPIC)) for key in range(50, 50 + MOST_AN_HOUR)))
    async with browser_of(scene, CAT) as browser:
        for key in range(50, 50 + MOST_AN_HOUR):
            response = await sent(browser, f"{TOPIC_PAGE}/p/{BOB}/{tid(key)}/report", reason="Rude")
            assert response.status_code == 303
        for language, sentence in (("en", "many posts within an hour"), ("de", "innerhalb einer Stunde")):
            browser.headers["Accept-Language"] = language
            response = await sent(browser, REPORT, reason="One more")
            assert response.status_code == 429
            shown = parsed(response.text)
            assert sentence in alert(shown)
            assert shown.one("textarea").text.strip() == "One more"


async def test_the_post_is_gone_meanwhile(scene: Scene) -> None:
    """Between the form and its sending."""
    async with browser_of(scene, CAT) as browser:
        form = await page(browser, REPORT)
        word = {"csrf": form.all("input", name="csrf")[0].attributes["value"]}
        await scene.index.apply(gone(BOB, 2, 60))
        response = await browser.post(REPORT, data={**word, "reason": "Rude"})
        assert response.status_code == 404
        shown = parsed(response.text)
        assert "perhaps it was deleted" in alert(shown)
        assert shown.one("textarea").text.strip() == "Rude"
        await page(browser, REPORT, 404)


async def test_a_session_that_ended(scene: Scene) -> None:
    """The text stays, with the way to sign in; also when somebody else has signed in meanwhile."""
    async with browser_of(scene, CAT) as browser:
        form = await page(browser, REPORT)
        word = {"csrf": form.all("input", name="csrf")[0].attributes["value"]}
        browser.cookies.set(COOKIE, await session_of(scene.index.database, ANN))
        response = await browser.post(REPORT, data={**word, "reason": "Rude"})
        assert response.status_code == 403
        shown = parsed(response.text)
        assert alert(shown) == STALE
        assert shown.one("textarea").text.strip() == "Rude"
        browser.cookies.clear()
        response = await browser.post(REPORT, data={**word, "reason": "Rude"})
        assert response.status_code == 401
        shown = parsed(response.text)
        assert "your text stays here" in alert(shown)
        assert shown.one("textarea").text.strip() == "Rude"
    assert await voices(scene) == []


async def test_while_the_database_is_away() -> None:
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as browser:
        browser.headers.update(HTML)
        response = await browser.post(REPORT, data={"reason": "Rude"})
        assert response.status_code == 503
        assert parsed(response.text).one("textarea").text.strip() == "Rude"


async def test_no_such_post(scene: Scene) -> None:
    async with browser_of(scene, CAT) as browser:
        for path in (
            f"{TOPIC_PAGE}/p/{BOB}/{tid(99)}/report",
            f"{TOPIC_PAGE}/p/{BOB}/a%20b/report",
            f"{TOPIC_PAGE}/p/bob/{tid(2)}/report",
            f"/t/{BOB}/{tid(99)}/report",
            f"/t/{BOB}/{tid(2)}/report",
        ):
            await page(browser, path, 404)


@pytest.mark.slow
async def test_nothing_hostile_gets_through(scene: Scene) -> None:
    """Neither what is reported nor what is said of it runs, on the form and on the thanks."""
    await scene.index.apply(*(put(BOB, key, key, reply(TOPIC, text)) for key, text in enumerate(PAYLOADS, 100)))
    paths = [f"{TOPIC_PAGE}/p/{BOB}/{tid(key)}/report" for key, _ in enumerate(PAYLOADS, 100)]
    async with client_as(scene.index.database, CAT) as browser:
        browser.headers.update(HTML)
        for path in paths:
            harmless(await page(browser, path))
        await scene.index.do(REPORT_ALL, BOB)
        await scene.index.do(VOICE_ALL, CAT)
        for path, payload in zip(paths, PAYLOADS, strict=True):
            shown = await page(browser, path)
            harmless(shown)
            assert shown.one("blockquote").text.split() == payload.split()


def harmless(shown: Parsed) -> None:
    assert set(shown.dangers()) <= OF_FORMS


async def test_nobody_else_reads_it(scene: Scene) -> None:
    """What is said in a report is on no page of others, the author's least of all."""
    async with browser_of(scene, CAT) as browser:
        await sent(browser, REPORT, reason="Confidential")
    for who in ("anonymous", "member", BOB):
        async with browser_of(scene, who) as browser:
            for path in ("/", TOPIC_PAGE, f"/@{BOB}", f"/@{CAT}", REPORT, "/feed.atom"):
                assert "Confidential" not in (await browser.get(path)).text
