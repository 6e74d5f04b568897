"""Numbered pages: all of them together are the whole list, whichever end they are walked to from."""

import random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import NotFound

from actors.health import Board
from daemon.pool import Pool
from forum.reads.window import window
from tests.web.forum_rows import FORUM_DID, SITE, CountingDatabase, Rows, client_of, minute
from tests.web.pages.conftest import ANN, BOB, HTML, Browse
from web.app import make_app
from web.looks import Looks
from web.pages.links import page_of
from web.pages.paging import pager


@given(st.integers(0, 200), st.integers(1, 9), st.integers(1, 30))
def test_windows(total: int, number: int, size: int) -> None:
    """From either end a window holds the same rows."""
    part = window(low=(number - 1) * size, high=number * size, total=total)
    rows = list(range(total))
    walked = rows[::-1] if part.is_nearer_the_end else rows
    found = walked[part.offset : part.offset + part.limit]
    assert sorted(found) == rows[(number - 1) * size : number * size]
    assert part.offset <= total / 2 + size


@given(st.integers(1, 400), st.integers(0, 10_000))
def test_pagers(number: int, total: int) -> None:
    """The first, the last and the neighbours are always among the steps; gaps are never of one page."""
    if number > max(-(-total // 25), 1):
        with pytest.raises(NotFound):
            pager(number, total=total, size=25)
        return
    found = pager(number, total=total, size=25)
    shown = [step for step in found.steps if step]
    assert shown == sorted(set(shown))
    assert {1, found.number, found.count} <= set(shown)
    assert len(found.steps) <= 9
    for before, step, after in zip(found.steps, found.steps[1:], found.steps[2:], strict=False):
        if step is None:
            assert before
            assert after
            assert after - before > 2


def test_page_of() -> None:
    assert [page_of(number) for number in (1, 25, 26, 50, 51)] == [1, 1, 2, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_topics_of_a_board(browse: Browse, forum: Rows, seed: int) -> None:
    """In both orders, some pinned, hidden, of the same minute, or deleted; answered ones keep their places."""
    dice = random.Random(seed)
    topics = [await forum.topic(ANN, at=minute(dice.randrange(9)), hidden=dice.random() < 0.2) for _ in range(130)]
    for topic in dice.sample(topics, 9):
        await forum.pin(topic)
    for topic in dice.sample(topics, 30):
        if dice.random() < 0.8:
            await forum.reply(BOB, topic, at=minute(dice.randrange(9, 12)))
        await forum.delete(topic)
    for sort, order in (("activity", "pinned DESC, activity_at DESC"), ("created", "t.sorted_at DESC")):
        expected = await forum.run(
            f"SELECT array_agg(p.rkey ORDER BY {order}, t.uri DESC) FROM topics t JOIN posts p USING (uri)"
            " WHERE t.shown OR p.deleted_at IS NOT NULL AND NOT p.hidden AND t.reply_count > 0"
        )
        assert await forum.run("SELECT count(*) FROM topics WHERE deleted AND reply_count > 0") > 9
        seen, number, more = [], 1, True
        while more:
            page = await browse(f"/b/0000000000001?sort={sort}&page={number}")
            titles = [one for one in page.all("a", dir="auto") if one.attributes["href"].startswith("/t/")]
            seen += [one.attributes["href"].split("/")[-1] for one in titles]
            assert sum(one.text != "Deleted topic" for one in titles) == 25 or not page.all("a", rel="next")
            more, number = bool(page.all("a", rel="next")), number + 1
        assert seen == expected
        await browse(f"/b/0000000000001?sort={sort}&page={number}", 404)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_posts_of_a_topic(browse: Browse, forum: Rows, seed: int) -> None:
    """Numbers go through, tombstones stand where they were, once."""
    dice = random.Random(seed)
    topic = await forum.topic(ANN)
    for _ in range(120):
        reply = await forum.reply(BOB, topic, at=minute(dice.randrange(2, 30)), hidden=dice.random() < 0.1)
        if dice.random() < 0.3:
            await forum.delete(reply)
    expected = await forum.run(
        "SELECT array_agg(did || '/' || rkey ORDER BY sorted_at, uri) FROM posts WHERE NOT hidden"
    )
    seen, numbers, number, more = [], [], 1, True
    while more:
        page = await browse(f"/t/ann.test/0000000000001?page={number}")
        seen += [one.attributes["id"] for one in page.all("article")]
        found = [int(one.text.removeprefix("#")) for one in page.all("a", class_="number")]
        assert len(found) == 25 or not page.all("a", rel="next")
        numbers += found
        more, number = bool(page.all("a", rel="next")), number + 1
    assert seen == expected
    assert numbers == list(range(1, len(numbers) + 1))


async def test_no_number(browse: Browse, forum: Rows) -> None:
    await forum.topic(ANN)
    for page in ("0", "-1", "x", "", "1.5", "９", "1" * 10, "+1"):
        for path in ("/b/0000000000001", "/t/ann.test/0000000000001"):
            await browse(f"{path}?page={page}", 400)


async def test_beyond_the_end(browse: Browse, forum: Rows) -> None:
    """Told which is the last, however far."""
    await forum.topic(ANN)
    for path in ("/b/0000000000001", "/t/ann.test/0000000000001"):
        page = await browse(f"{path}?page=999999999", 404)
        assert "the last one is 1" in page.one("p", class_="sentence").text


async def test_statements(database: Pool, forum: Rows) -> None:
    """Two a page at most, once its posts are rendered; one more when they are not. However much it shows.

    What pages look like is not asked for each time.
    """
    topic = await forum.topic(ANN)
    for _ in range(30):
        await forum.reply(BOB, topic)
    counting = CountingDatabase(database)
    path = "/t/ann.test/0000000000001"
    looks = Looks(counting, FORUM_DID)
    assert await looks.now()
    async with client_of(make_app(counting, Board(), SITE, looks=looks)) as client:
        client.headers.update(HTML)
        for asked, most in {
            path: 3, f"{path}?page=2": 3, f"{path}/newest": 1, f"{path}/p/{BOB}/{9:013}": 1, f"{path}/feed.atom": 2,
            "/": 2, "/b/0000000000001": 2, "/@ann.test": 2, "/about": 1, "/sitemap.xml": 2, "/feed.atom": 2,
        }.items():  # fmt: skip
            counting.statements = 0
            response = await client.get(asked)
            assert response.status_code in (200, 302)
            assert counting.statements <= most, asked
        counting.statements = 0
        await client.get(path)
        assert counting.statements == 2


async def test_pages_keep_their_query(browser: httpx.AsyncClient, forum: Rows) -> None:
    for _ in range(30):
        await forum.topic(ANN)
    text = (await browser.get("/b/0000000000001?sort=created")).text
    assert 'href="/b/0000000000001?sort=created&amp;page=2"' in text
