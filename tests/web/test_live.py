"""Open pages: that they are told of changes, not more often than they read, and not for ever."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, aclosing, asynccontextmanager
from typing import cast
from urllib.parse import quote

import httpx
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.health import Board
from daemon.pool import Pool
from forum.changes import Changes
from forum.database import Database
from tests.web.forum_rows import FORUM_DID, SITE, AwayDatabase, Rows, board_uri, client_of
from web.app import make_app
from web.events import STILL_HERE, event
from web.live import CHANGED, HEARTBEAT_SECONDS, MOST_LISTENERS, Live, happenings, has_posts
from web.pages.shown import EVERYTHING

TOPIC, BOARD, ANN = "at://did:plc:ann/space.atbb.post/3ke6kg4v2m222", board_uri(1), "did:plc:ann"


def changed(*uris: str) -> Changes:
    return Changes(uris=frozenset(uris))


@pytest.fixture
def live() -> Live:
    return Live()


@asynccontextmanager
async def open_page(
    live: Live,
    name: str = TOPIC,
    *,
    is_fresh: Callable[[], Awaitable[bool]] | None = None,
    stop: trio.Event | None = None,
) -> AsyncIterator[AsyncIterator[bytes]]:
    stop = trio.Event() if stop is None else stop
    async with aclosing(happenings(live, name, is_fresh, stop)) as events:
        yield events


def test_an_event() -> None:
    """As browsers read it: its data line by line."""
    assert event("now", "<p>one\ntwo</p>") == b"event: now\ndata: <p>one\ndata: two</p>\n\n"


@pytest.mark.parametrize("name", [TOPIC, BOARD, EVERYTHING])
async def test_changes(autojump_clock: MockClock, live: Live, name: str) -> None:
    """Of what it shows, and of what changes everything."""
    async with open_page(live, name) as events:
        assert await anext(events) == STILL_HERE
        live.tell(changed(TOPIC, BOARD))
        assert await anext(events) == CHANGED
        live.tell(Changes(all=True))
        assert await anext(events) == CHANGED


async def test_what_is_not_its_own(autojump_clock: MockClock, live: Live) -> None:
    """Is not told; the page hears now and then that we are there."""
    async with open_page(live) as events:
        await anext(events)
        live.tell(changed(BOARD))
        live.tell(Changes(dids=frozenset({ANN}), jobs=True))
        began = trio.current_time()
        assert await anext(events) == STILL_HERE
        assert trio.current_time() - began >= HEARTBEAT_SECONDS


async def test_a_page_that_reads_slowly(autojump_clock: MockClock, live: Live) -> None:
    """Finds one event for all that happened meanwhile."""
    async with open_page(live) as events:
        await anext(events)
        for _ in range(1_000):
            live.tell(changed(TOPIC))
        assert [await anext(events), await anext(events)] == [CHANGED, STILL_HERE]


async def test_a_change_before_it_is_told(autojump_clock: MockClock, live: Live) -> None:
    """Is in what the page then fetches; one after it is told again."""

    async def once_more() -> None:
        await trio.sleep(1.05)  # after the rest, within the pause
        live.tell(changed(TOPIC))

    async with open_page(live) as events:
        await anext(events)
        live.tell(changed(TOPIC))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(once_more)
            assert await anext(events) == CHANGED
        live.tell(changed(TOPIC))
        assert [await anext(events), await anext(events)] == [CHANGED, STILL_HERE]


async def test_many_pages(autojump_clock: MockClock, live: Live) -> None:
    """Do not all come at once."""
    told: list[float] = []

    async def hear() -> None:
        async with open_page(live) as events:
            await anext(events)
            await anext(events)
            told.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(hear)
        await wait_all_tasks_blocked()
        live.tell(changed(TOPIC))
    assert len({round(moment, 2) for moment in told}) > 20


async def test_the_end(autojump_clock: MockClock, live: Live) -> None:
    """When we stop, and when the page is closed; nothing of it stays."""
    stop = trio.Event()
    async with open_page(live, stop=stop) as events:
        await anext(events)
        assert live.listeners == 1
        stop.set()
        assert [event async for event in events] == []
    async with open_page(live) as events:
        await anext(events)
    assert (live.listeners, live.subjects) == (0, {})


# What was seen before -------------------------------------------------------------------------------------------------


async def test_what_changed_before_one_listens(autojump_clock: MockClock, live: Live) -> None:
    """Is told at once."""

    async def is_fresh() -> bool:
        return False

    async with open_page(live, is_fresh=is_fresh) as events:
        assert await anext(events) == CHANGED


async def test_posts_of_a_topic(database: Pool, rows: Rows) -> None:
    await rows.forum()
    await rows.board(1)
    await rows.account(ANN, "ann.test")
    topic = await rows.topic(ANN)
    assert await has_posts(database, SITE, topic.uri, "1")
    await rows.reply(ANN, topic)
    assert await has_posts(database, SITE, topic.uri, "2")
    assert not await has_posts(database, SITE, topic.uri, "1")
    assert not await has_posts(database, SITE, topic.uri, "many")
    assert not await has_posts(database, SITE, TOPIC, "1"), "it is gone"
    assert await has_posts(cast(Database, AwayDatabase()), SITE, topic.uri, "1"), "nothing newer is known"


# Asking ---------------------------------------------------------------------------------------------------------------


async def test_too_many(database: Pool, live: Live) -> None:
    """Are turned away."""
    async with client_of(make_app(database, Board(), SITE, live=live)) as client:
        with ExitStack() as listening:
            for _ in range(MOST_LISTENERS):
                listening.enter_context(live.listening(EVERYTHING))
            assert (await client.get("/live")).status_code == 204


@pytest.mark.parametrize(
    "of", ["nonsense", "at://did:plc:ann", f"at://{FORUM_DID}/space.atbb.forum.role/3k", "at://x" * 999]
)
async def test_of_what_nothing_is_told(client: httpx.AsyncClient, of: str) -> None:
    assert (await client.get(f"/live?of={quote(of)}")).status_code == 400
