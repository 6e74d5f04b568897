"""Paging: by offset and by cursor alike, every row comes once, in order, at a cost that does not grow with the page."""

import random
from collections.abc import AsyncIterator
from datetime import UTC

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.health import Board
from daemon.pool import Pool
from forum.reads.place import Place
from tests.web.forum_rows import SITE, CountingDatabase, Post, Rows, client_of, minute
from web.app import make_app
from web.params import cursor_for, place_from

ANN, BOB = "did:plc:ann", "did:plc:bob"

DELETED_REPLIES = """
INSERT INTO posts (uri, did, rkey, cid, root_uri, text, created_at, sorted_at, deleted_at, shown)
SELECT 'at://deleted/' || n, $1, n::text, 'cid', $2, '', $3, $3, now(), false FROM generate_series(1, 300) AS n
"""

URIS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=200)
PLACES = st.builds(Place, st.booleans(), st.datetimes(timezones=st.just(UTC)), URIS)


@given(PLACES)
def test_cursors_come_back(place: Place) -> None:
    """A cursor is a place in other words, exactly."""
    assert place_from(cursor_for(place)) == place


async def by_offset(client: httpx.AsyncClient, path: str, key: str, limit: int, **query: str) -> list[list[dict]]:
    """The pages up to `total`."""
    pages, offset = [], 0
    while True:
        page = (await client.get(path, params={"limit": limit, "offset": offset, **query})).json()
        pages.append(page[key])
        offset += limit
        if offset >= page["total"]:
            assert "cursor" not in page
            return pages
        assert "cursor" in page


async def by_cursor(client: httpx.AsyncClient, path: str, key: str, limit: int, **query: str) -> list[list[dict]]:
    """The pages up to the one without a cursor."""
    pages, more = [], {}
    while True:
        page = (await client.get(path, params={"limit": limit, **more, **query})).json()
        pages.append(page[key])
        if "cursor" not in page:
            return pages
        more = {"cursor": page["cursor"]}


async def many_topics(rows: Rows, rng: random.Random) -> None:
    """A board of topics, some pinned, hidden or of the same minute; some with replies."""
    topics = []
    for _ in range(17):
        topics.append(await rows.topic(ANN, at=minute(rng.randrange(5)), hidden=rng.random() < 0.2))
    for topic in rng.sample(topics, 4):
        await rows.pin(topic)
    for topic in rng.choices(topics, k=6):
        await rows.reply(ANN, topic, at=minute(rng.randrange(9)))


async def many_replies(rows: Rows, rng: random.Random) -> Post:
    """A topic with replies, some hidden, deleted or of the same minute."""
    topic = await rows.topic(ANN)
    for _ in range(25):
        reply = await rows.reply(ANN, topic, at=minute(rng.randrange(8)), hidden=rng.random() < 0.2)
        if rng.random() < 0.3:
            await rows.delete(reply)
    return topic


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sort", ["activity", "created"])
async def test_topics(client: httpx.AsyncClient, rows: Rows, seed: int, sort: str) -> None:
    """A board's pages are its whole list cut in pieces, whichever way they are asked for."""
    board = await rows.board(1)
    await rows.account(ANN)
    await many_topics(rows, random.Random(seed))
    path = f"/api/boards/{board}/topics"
    [whole] = await by_offset(client, path, "topics", 100, sort=sort)

    for limit in (1, 4, 100):
        pages = await by_offset(client, path, "topics", limit, sort=sort)
        assert [topic for page in pages for topic in page] == whole
        assert await by_cursor(client, path, "topics", limit, sort=sort) == pages


@pytest.mark.parametrize("seed", range(4))
async def test_replies(client: httpx.AsyncClient, rows: Rows, seed: int) -> None:
    """A topic's pages are its whole thread cut in pieces, tombstones in their places, none twice."""
    await rows.board(1)
    await rows.account(ANN)
    topic = await many_replies(rows, random.Random(seed))
    path = f"/api/topics/{topic.id}"
    [whole] = await by_offset(client, path, "replies", 250)
    expected = await rows.run(
        "SELECT array_agg(id::text ORDER BY sorted_at, uri) FROM posts WHERE root_uri = $1 AND NOT hidden", topic.uri
    )
    assert [reply["id"] for reply in whole] == expected

    for limit in (3, 10, 250):
        pages = await by_offset(client, path, "replies", limit)
        assert [reply for page in pages for reply in page] == whole
        assert all(sum("deleted" not in reply for reply in page) <= limit for page in pages)
        assert await by_cursor(client, path, "replies", limit) == pages


async def test_beyond_the_end(client: httpx.AsyncClient, rows: Rows) -> None:
    """An offset past the last row is an empty page, however far."""
    board = await rows.board(1)
    await rows.account(ANN)
    topic = await rows.topic(ANN)
    await rows.delete(await rows.reply(ANN, topic))
    for offset in (1, 2**63 - 1):
        for path, key in ((f"/api/boards/{board}/topics", "topics"), (f"/api/topics/{topic.id}", "replies")):
            page = (await client.get(path, params={"offset": offset})).json()
            assert (page[key], page["offset"]) == ([], offset)
            assert "cursor" not in page


async def test_nobody_fills_a_page_with_tombstones(client: httpx.AsyncClient, rows: Rows) -> None:
    """A page tells 250 tombstones at most, and they hide no reply."""
    await rows.board(1)
    await rows.account(ANN)
    topic = await rows.topic(ANN)
    await rows.run(DELETED_REPLIES, ANN, topic.uri, minute(1))
    reply = await rows.reply(ANN, topic)

    page = (await client.get(f"/api/topics/{topic.id}", params={"limit": 1})).json()

    assert sum("deleted" in r for r in page["replies"]) == 250
    assert page["replies"][-1]["id"] == str(reply.id)


@pytest.fixture
def counting(database: Pool) -> CountingDatabase:
    return CountingDatabase(database)


@pytest.fixture
async def counted(counting: CountingDatabase) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app(counting, Board(), SITE)) as client:
        yield client


async def test_a_page_costs_two_statements_at_most(
    counted: httpx.AsyncClient, counting: CountingDatabase, rows: Rows
) -> None:
    """However many rows it shows."""
    await rows.forum()
    category = await rows.category(1)
    board = await rows.board(1)
    for number in range(2, 6):
        await rows.board(number)
    await rows.account(ANN)
    await rows.account(BOB)
    for _ in range(3):
        topic = await rows.topic(ANN)
        for _ in range(5):
            await rows.reply(BOB, topic)

    for path, most in {
        "/api/forum": 1,
        "/api/categories": 1,
        f"/api/categories/{category}": 1,
        f"/api/categories/{category}/boards": 2,
        "/api/boards": 1,
        f"/api/boards/{board}": 1,
        f"/api/boards/{board}/topics": 2,
        f"/api/topics/{topic.id}": 2,
        f"/api/topics/{topic.id}?offset=3": 2,
        "/api/health": 2,
        "/readyz": 1,
    }.items():
        counting.statements = 0
        assert (await counted.get(path)).status_code == 200
        assert counting.statements <= most, path
