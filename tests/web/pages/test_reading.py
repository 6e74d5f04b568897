"""What visitors read: what each page says and in which order, where it leads, and what it keeps to itself."""

from dataclasses import replace
from itertools import pairwise

import httpx
import pytest

from actors.health import Board
from daemon.pool import Pool
from tests.web.forum_rows import SITE, Rows, client_of, minute, post_uri
from tests.web.pages.conftest import ANN, BOB, CAT, Browse
from tests.web.pages.parsed import Parsed, parsed
from web.app import make_app

BOARD = "/b/0000000000001"


def texts(page: Parsed, tag: str, **attributes: str) -> list[str]:
    return [" ".join(one.text.split()) for one in page.all(tag, **attributes)]


async def test_home_before_there_is_a_forum(browse: Browse) -> None:
    """Somebody who looks too early is told so."""
    page = await browse("/")
    assert "This forum is being set up" in texts(page, "p", class_="lead")


async def test_home_of_a_new_forum(browse: Browse, rows: Rows) -> None:
    await rows.forum()
    await rows.category(1)  # without boards there is nothing to show of it
    page = await browse("/")
    assert texts(page, "h1") == ["Cats"]
    assert texts(page, "p", class_="lead") == ["All about cats", "This forum has just been founded"]
    assert not page.all("h2")


async def test_home(browse: Browse, forum: Rows) -> None:
    """Categories and boards in the forum's order, each with its figures and its last post; strays at the end."""
    await forum.category(2, sort_order=-1)
    await forum.board(2, category=2)
    await forum.board(3, category=9)
    topic = await forum.topic(ANN)
    await forum.reply(BOB, topic)
    page = await browse("/")
    assert texts(page, "h2") == ["Category 2", "Category 1", "Other boards"]
    assert texts(page, "h3") == ["Board 2", "Board 1", "Board 3"]
    assert texts(page, "p", class_="counts")[1] == "1 topic 1 reply"
    last = texts(page, "div", class_="last")
    assert last[0] == "Nobody has written here yet."
    assert last[1] == "Topic 1 by bob.test, 1 Jan 2026, 12:02"
    assert "/t/ann.test/0000000000001/newest" in page.links()


async def test_board(browse: Browse, forum: Rows) -> None:
    """Pinned first, then by activity, with who spoke last; or by age."""
    old, quiet, pinned = [await forum.topic(ANN) for _ in range(3)]
    await forum.pin(pinned)
    await forum.lock(quiet, "3zzzzzzzzzzzz")
    await forum.reply(BOB, old)
    page = await browse(BOARD)
    assert texts(page, "h2") == ["Pinned Topic 3", "Topic 1", "Locked Topic 2"]
    assert [text.removesuffix(" →") for text in texts(page, "p", class_="last")] == [
        "",
        "Last by bob.test, 1 Jan 2026, 12:04",
        "",
    ]
    page = await browse(f"{BOARD}?sort=created")
    assert texts(page, "h2") == ["Pinned Topic 3", "Locked Topic 2", "Topic 1"]
    assert page.one("link", rel="canonical").attributes["href"] == f"http://forum.test{BOARD}"


async def test_empty_board(browse: Browse, forum: Rows) -> None:
    page = await browse(BOARD)
    assert "No topics yet" in texts(page, "p", class_="lead")
    assert "Nobody has begun a conversation here. You could be the first." in texts(page, "p")


async def test_topic(browse: Browse, forum: Rows) -> None:
    """Numbered, in order; tombstones in their places, without a number; answers refer to what they answer."""
    topic = await forum.topic(ANN, markdown="*Hello*")
    first = await forum.reply(BOB, topic, text="first of all")
    gone = await forum.reply(BOB, topic, text="secret")
    await forum.reply(CAT, topic, parent=first, edited_at=minute(9))
    await forum.reply(ANN, topic, parent=gone)
    await forum.delete(gone)
    page = await browse("/t/ann.test/0000000000001")
    assert [one.attributes["id"] for one in page.all("article")] == [
        f"{did}/{number:013}" for did, number in ((ANN, 1), (BOB, 2), (BOB, 3), (CAT, 4), (ANN, 5))
    ]
    assert [text[0] for text in texts(page, "a", class_="number")] == ["#"] * 4
    assert texts(page, "a", class_="number") == ["#1", "#2", "#3", "#4"]
    assert texts(page, "p", class_="answers") == ["In answer to bob.test first of all"]
    assert "bob.test · 1 Jan 2026 · Deleted by its author." in texts(page, "p")
    assert page.one("em").text == "Hello"
    assert "edited 1 Jan 2026, 12:09" in page.all("article")[3].text
    assert "secret" not in page.one("html").text
    assert texts(page, "span", class_="mark") == ["Author"]  # who began the topic, where they answer


async def test_deleted_topic_with_replies(browse: Browse, forum: Rows) -> None:
    topic = await forum.topic(ANN)
    reply = await forum.reply(BOB, topic)
    await forum.delete(topic)
    page = await browse("/t/ann.test/0000000000001")
    assert texts(page, "h1") == ["Deleted topic"]
    assert len(page.all("article")) == 2
    assert texts(await browse("/@bob.test"), "h3") == ["Deleted topic"]
    await forum.delete(reply)
    await browse("/t/ann.test/0000000000001", 404)


async def test_locked_and_pinned(browse: Browse, forum: Rows) -> None:
    topic = await forum.topic(ANN)
    await forum.lock(topic, "3zzzzzzzzzzzz")
    await forum.pin(topic)
    page = await browse("/t/ann.test/0000000000001")
    assert texts(page, "span", class_="mark pin") == ["Pinned"]
    assert texts(page, "p", class_="note")[0].startswith("This topic is locked")


async def test_topic_without_a_title(browse: Browse, forum: Rows) -> None:
    """Is called by its first words; without any, untitled."""
    await forum.topic(ANN, title=None, text="word " * 50)
    await forum.topic(ANN, title="  ", text="")
    assert texts(await browse(BOARD), "h2") == ["Untitled", f"{'word ' * 15}word…"]
    assert texts(await browse("/t/ann.test/0000000000002"), "h1") == ["Untitled"]


@pytest.mark.parametrize("where", [BOARD, "/t/ann.test/0000000000001", "/", "/@bob.test", "/feed.atom"])
async def test_banned_a_moment_ago(browser: httpx.AsyncClient, forum: Rows, where: str) -> None:
    """Before the counts have followed, nothing of theirs is shown any more; what others wrote keeps its number."""
    topic = await forum.topic(ANN)
    await forum.topic(BOB, title="vile", text="vile")
    await forum.reply(BOB, topic, text="vile")
    await forum.reply(CAT, topic, text="kind")
    await forum.ban(BOB)
    response = await browser.get(where)
    assert response.status_code == 200
    assert "vile" not in response.text
    if where.startswith("/t/"):
        assert "#3" in response.text


async def test_profile(browse: Browse, forum: Rows) -> None:
    """Who it is, and what they wrote, newest first."""
    await forum.run("INSERT INTO members VALUES ($1, $2)", ANN, minute(0))
    topic = await forum.topic(ANN)
    await forum.reply(ANN, topic, text="and another thing")
    await forum.topic(ANN, hidden=True)
    page = await browse("/@ann.test")
    assert texts(page, "h1") == ["ann.test"]
    assert "Joined January 2026" in texts(page, "p")
    assert texts(page, "dd")[:2] == ["@ann.test", "Member"]
    assert "https://plc.directory/did:plc:ann" in page.links()
    assert texts(page, "h3") == ["Topic 1", "Topic 1"]
    assert f"/t/ann.test/0000000000001/p/{ANN}/0000000000002" in page.links()
    assert "and another thing" in texts(page, "p", class_="said")


async def test_profile_pages(browse: Browse, forum: Rows) -> None:
    """From the newest to the oldest, each post once."""
    for _ in range(60):
        await forum.topic(ANN)
    seen, path = [], "/@ann.test"
    while path:
        page = await browse(path)
        seen += texts(page, "h3")
        path = next((one.attributes["href"] for one in page.all("a", rel="next")), "")
    assert seen == [f"Topic {number}" for number in range(60, 0, -1)]


async def test_profiles_of_others(browse: Browse, forum: Rows) -> None:
    """Who has no confirmed handle, who is banned, who is away."""
    page = await browse(f"/@{CAT}")
    assert texts(page, "h1") == [CAT]
    assert texts(page, "dd")[0] == "not confirmed"
    await forum.ban(CAT)
    assert texts(await browse(f"/@{CAT}"), "p", class_="note")[0].startswith("This account is banned")
    await forum.run("UPDATE accounts SET status = 'deactivated' WHERE did = $1", BOB)
    assert texts(await browse("/@bob.test"), "p", class_="note")[0].startswith("This account is not active")
    await forum.run("UPDATE accounts SET status = 'deleted' WHERE did = $1", BOB)
    await browse("/@bob.test", 404)


async def test_about(browse: Browse, forum: Rows) -> None:
    page = await browse("/about")
    assert texts(page, "h1") == ["About Cats"]
    assert "All about cats" in texts(page, "p")
    await forum.run("DELETE FROM forum")
    assert texts(await browse("/about"), "h1") == ["About A forum"]


async def test_every_page_has_its_parts(browse: Browse, forum: Rows) -> None:
    """One h1 and headings without gaps, landmarks, a way past the header, times that machines read, who may link."""
    topic = await forum.topic(ANN, markdown="## a\n#### b")
    await forum.reply(BOB, topic, markdown="# c")
    for path in ("/", BOARD, "/t/ann.test/0000000000001", "/@ann.test", "/about"):
        page = await browse(path)
        levels = [int(one.tag[1]) for one in page.elements if one.tag in ("h1", "h2", "h3", "h4", "h5", "h6")]
        assert levels[0] == 1, path
        assert levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in pairwise(levels)), path
        assert [len(page.all(tag)) for tag in ("main", "title")] == [1, 1]
        assert page.links()[0] == "#main"
        assert page.one("main").attributes["id"] == "main"
        assert page.one("html").attributes["lang"] == "en"
        assert all("datetime" in one.attributes for one in page.all("time"))
        assert page.one("meta", property="og:title").attributes["content"]
        assert page.one("link", rel="canonical").attributes["href"].startswith("http://forum.test/")
        names = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
        assert len(names) == len(set(names))


async def test_headers(browser: httpx.AsyncClient, forum: Rows) -> None:
    """What browsers must not do with a page; and that it depends on the language, and on who asks."""
    headers = (await browser.get("/")).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "geolocation=()" in headers["permissions-policy"]
    assert headers["cache-control"] == "no-cache"
    assert headers["vary"] == "Accept-Language, Cookie"
    assert "strict-transport-security" not in headers


async def test_renderings_are_kept_while_they_are_true(browse: Browse, forum: Rows) -> None:
    """Made once for all of a page; not asked for another version of the post, and made anew then."""
    topic = await forum.topic(ANN, markdown="*one*")
    await forum.reply(BOB, topic)
    assert (await browse("/t/ann.test/0000000000001")).one("em").text == "one"
    assert await forum.run("SELECT count(*) FROM renderings") == 2
    await forum.run("UPDATE renderings SET html = '<p><em>kept</em></p>' WHERE uri = $1", topic.uri)
    assert (await browse("/t/ann.test/0000000000001")).one("em").text == "kept"
    await forum.run("UPDATE posts SET cid = 'cid2', markdown = '*two*' WHERE uri = $1", topic.uri)
    assert (await browse("/t/ann.test/0000000000001")).one("em").text == "two"
    await forum.run("UPDATE renderings SET version = 0, html = 'old' WHERE uri = $1", topic.uri)
    assert (await browse("/t/ann.test/0000000000001")).one("em").text == "two"
    assert await forum.run("SELECT cid FROM renderings WHERE uri = $1", post_uri(ANN, 1)) == "cid2"


async def test_images(database: Pool, forum: Rows) -> None:
    """Are links, unless the forum shows them; only then may a page load any."""
    topic = await forum.topic(ANN, markdown="![A cat](https://b.example/cat.png)")
    path = f"/t/ann.test/{topic.uri.rpartition('/')[2]}"
    for site, images in ((SITE, 0), (replace(SITE, shows_images=True), 1)):
        async with client_of(make_app(database, Board(), site)) as client:
            response = await client.get(path, headers={"Accept": "text/html"})
        page = parsed(response.text)
        assert len([image for image in page.all("img") if image.attributes["src"].startswith("https")]) == images
        assert "https://b.example/cat.png" in page.links()
        assert ("img-src 'self' data: https:;" in response.headers["Content-Security-Policy"]) == bool(images)
