"""Open pages: what they are told, once for all of them, not more often than they read, and not for ever."""

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.health import Board
from daemon.pool import Pool
from forum.changes import Changes
from tests.web.forum_rows import FORUM_DID, SITE, AwayDatabase, Rows, board_uri, client_of
from web.app import make_app
from web.live import CHANGED, HEARTBEAT_SECONDS, MOST_LISTENERS, STILL_HERE, Live, Read, happenings, topic_now
from web.pages.shown import EVERYTHING

TOPIC, BOARD, ANN = "at://did:plc:ann/space.atbb.post/3ke6kg4v2m222", board_uri(1), "did:plc:ann"


def changed(*uris: str) -> Changes:
    return Changes(uris=frozenset(uris))


@dataclass
class Reads:
    """What is read of a topic: how often it was; once it may go on."""

    times: int = 0
    may_go_on: trio.Event = field(default_factory=trio.Event)

    async def __call__(self) -> bytes:
        self.times += 1
        answer = b"%d" % self.times
        await self.may_go_on.wait()
        return answer


@pytest.fixture
def live() -> Live:
    return Live()


@pytest.fixture
def reads() -> Reads:
    reads = Reads()
    reads.may_go_on.set()
    return reads


@asynccontextmanager
async def open_page(
    live: Live, name: str = TOPIC, *, read: Read | None = None, stop: trio.Event | None = None
) -> AsyncIterator[AsyncIterator[bytes]]:
    stop = trio.Event() if stop is None else stop
    async with aclosing(happenings(live, name, read, stop)) as events:
        yield events


async def test_a_topic(autojump_clock: MockClock, live: Live, reads: Reads) -> None:
    """As it is now, and again whenever it changes."""
    async with open_page(live, read=reads) as events:
        assert await anext(events) == b"1"
        live.tell(changed(TOPIC, BOARD))
        assert await anext(events) == b"2"
        live.tell(Changes(all=True))
        assert await anext(events) == b"3"


@pytest.mark.parametrize("name", [BOARD, EVERYTHING])
async def test_boards_and_everything(autojump_clock: MockClock, live: Live, name: str) -> None:
    async with open_page(live, name) as events:
        assert await anext(events) == STILL_HERE
        live.tell(changed(TOPIC, BOARD))
        assert await anext(events) == CHANGED


async def test_what_is_not_its_own(autojump_clock: MockClock, live: Live, reads: Reads) -> None:
    """Is not told; the page hears now and then that we are there."""
    async with open_page(live, read=reads) as events:
        await anext(events)
        live.tell(changed(BOARD))
        live.tell(Changes(dids=frozenset({ANN}), jobs=True))
        began = trio.current_time()
        assert await anext(events) == STILL_HERE
        assert trio.current_time() - began >= HEARTBEAT_SECONDS
    assert reads.times == 1


async def test_a_page_that_reads_slowly(autojump_clock: MockClock, live: Live, reads: Reads) -> None:
    """Finds one event for all that happened meanwhile."""
    async with open_page(live, read=reads) as events:
        await anext(events)
        for _ in range(1_000):
            live.tell(changed(TOPIC))
        assert [await anext(events), await anext(events)] == [b"2", STILL_HERE]


async def test_many_pages(autojump_clock: MockClock, live: Live, reads: Reads) -> None:
    """Cost one read a change."""
    told: list[bytes] = []

    async def read_two() -> None:
        async with open_page(live, read=reads) as events:
            told.extend([await anext(events), await anext(events)])

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(read_two)
        await wait_all_tasks_blocked()
        live.tell(changed(TOPIC))
    assert (reads.times, told.count(b"1"), told.count(b"2")) == (2, 100, 100)


async def test_a_change_while_it_is_read(autojump_clock: MockClock, live: Live) -> None:
    """Is told by a read that began after it."""
    reads, told = Reads(), []

    async def read_two() -> None:
        async with open_page(live, read=reads) as events:
            told.extend([await anext(events), await anext(events)])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_two)
        await wait_all_tasks_blocked()
        live.tell(changed(TOPIC))
        reads.may_go_on.set()
    assert told == [b"1", b"2"]


async def test_the_end(autojump_clock: MockClock, live: Live, reads: Reads) -> None:
    """When we stop, and when the page is closed; nothing of it stays."""
    stop = trio.Event()
    async with open_page(live, read=reads, stop=stop) as events:
        await anext(events)
        assert live.listeners == 1
        stop.set()
        assert [event async for event in events] == []
    async with open_page(live, read=reads) as events:
        await anext(events)
    assert (live.listeners, live.subjects) == (0, {})


# The topic ------------------------------------------------------------------------------------------------------------


async def test_a_topic_now(database: Pool, rows: Rows) -> None:
    """So many posts, and where the last is; of what is gone only that it changed."""
    await rows.forum()
    await rows.board(1)
    await rows.account(ANN, "ann.test")
    topic = await rows.topic(ANN)
    key = topic.uri.rpartition("/")[2]
    assert data_of(await topic_now(database, SITE, topic.uri)) == {"posts": 1, "newest": f"/t/ann.test/{key}"}
    reply = await rows.reply(ANN, topic)
    newest = f"/t/ann.test/{key}/p/{ANN}/{reply.uri.rpartition('/')[2]}"
    assert data_of(await topic_now(database, SITE, topic.uri)) == {"posts": 2, "newest": newest}
    assert await topic_now(database, SITE, TOPIC) == CHANGED


def data_of(event: bytes) -> object:
    name, data, *_ = event.decode().split("\n")
    assert name == "event: now"
    return json.loads(data.removeprefix("data: "))


async def test_a_database_that_is_away(autojump_clock: MockClock, live: Live) -> None:
    """Is waited for."""

    async def read() -> bytes:
        return await topic_now(AwayDatabase(), SITE, TOPIC)

    async with open_page(live, read=read) as events:
        assert await anext(events) == STILL_HERE


# Asking ---------------------------------------------------------------------------------------------------------------


async def test_too_many(database: Pool, live: Live) -> None:
    """Are turned away for good, not to come again at once."""
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
