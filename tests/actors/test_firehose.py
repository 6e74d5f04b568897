"""Firehose and applier as the pair they are, on real sockets and a real database, against servers that misbehave.

Time is real but for two leaps: over the waiting between two connections, and, where a test says so, over idle hours.
"""

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock, wait_all_tasks_blocked
from trio_websocket import WebSocketConnection, wrap_server_stream

from actors.applier import run_applier
from actors.firehose import run_firehose
from actors.frames import MAX_MESSAGE_BYTES
from actors.health import Pulse
from actors.inbox import Inbox, open_inbox
from daemon.pool import Limits
from forum import ledger, stream
from forum.protocol.repos import MAX_FRAME_BYTES
from forum.protocol.sources import REWIND_MICROSECONDS, source_of
from forum.records.names import POST
from forum.records.syntax import tid_of
from tests.conftest import fresh_database
from tests.protocol.repo_builder import Commit, K256Signer, RepoBuilder, error_frame, frame_of
from tests.standins.streams import Close, Cut, Freeze, Refuse, Server, listening, scripted_stream
from tests.support.forum import ANN, BOB, F, Index, topic

SECOND = 1_000_000
NOW = time.time_ns() // 1_000 - 120 * SECOND  # of the first commit: a little ago
UNHURRIED = Limits(acquire_seconds=1e6, connect_seconds=1e6, command_seconds=1e6, settle_seconds=1e6)
POLLS, PAUSE_SECONDS = 5_000, 0.003

Frame = str | bytes


@dataclass(frozen=True)
class Wire:
    """One of the three kinds of stream."""

    path: str
    frames: Callable[[Commit, int], Sequence[Frame]]
    inclusive: bool = True

    def cursor_of(self, commit: Commit, seq: int) -> int:
        return commit.time if self is V1 else seq

    def asked(self, commit: Commit, seq: int) -> int:
        """What a reader that has had this commit asks for."""
        return commit.time - REWIND_MICROSECONDS if self is V1 else seq


V1 = Wire("/subscribe", lambda commit, _: commit.jetstream())
V2 = Wire("/xrpc/network.bsky.jetstream.subscribeEvents", lambda commit, seq: commit.jetstream2(seq))
RAW = Wire("/xrpc/com.atproto.sync.subscribeRepos", lambda commit, seq: [commit.frame(seq)], inclusive=False)
WIRES = pytest.mark.parametrize("wire", [V1, V2, RAW], ids=["v1", "v2", "raw"])


class Author:
    """Ann writes topics, numbered from 1 and a second apart unless told otherwise; her frames on one wire."""

    def __init__(self, wire: Wire, *, apart: int = SECOND) -> None:
        self.wire, self.apart = wire, apart
        self.repo = RepoBuilder(ANN, K256Signer(b"\x07" * 32))
        self.commits: list[Commit] = []

    def commit(self, *, later: int = 0, **fields: Any) -> Commit:  # Any: a record's fields
        moment = NOW + len(self.commits) * self.apart + later
        path = f"{POST}/{tid_of(moment, 0)}"
        record = {"$type": POST} | topic(f"post {len(self.commits) + 1}") | fields
        self.commits.append(self.repo.commit(moment, creates={path: record}))
        return self.commits[-1]

    def post(self, **fields: Any) -> Frame:  # Any: a record's fields
        return self.wire.frames(self.commit(**fields), len(self.commits))[0]

    @property
    def asked(self) -> int:
        return self.wire.asked(self.commits[-1], len(self.commits))

    async def key(self, did: str, *, fresh: bool = False) -> str | None:
        return self.repo.signer.did_key


@pytest.fixture
def clock() -> MockClock:
    return MockClock(rate=1)


@pytest.fixture
async def index(postgres_dsn: str) -> AsyncIterator[Index]:
    """One whose deadlines are no matter when the clock leaps."""
    async with fresh_database(postgres_dsn, limits=UNHURRIED) as database:
        yield Index(database)


@dataclass
class Pair:
    """Firehose and applier at work."""

    clock: MockClock
    index: Index
    inbox: Inbox
    firehose: Pulse = field(default_factory=lambda: Pulse("firehose"))
    applier: Pulse = field(default_factory=lambda: Pulse("applier"))

    async def until(self, happened: Callable[[], Any], *, passing: float = 0) -> None:  # Any: true or not
        """Wait for something; with `passing`, let so many seconds go by between two looks."""
        for _ in range(POLLS):
            if await happened():
                return
            if self.firehose.detail == "the stream is away":
                self.clock.jump(100)
            self.clock.jump(passing)
            await trio.sleep(PAUSE_SECONDS)
        raise AssertionError(f"never happened; {self.firehose} {self.applier}")

    async def until_held(self, count: int, *, passing: float = 0) -> None:
        async def held() -> bool:
            return await self.index.held() >= count

        await self.until(held, passing=passing)
        assert await self.index.held() == count

    async def until_row(self, query: str, *, passing: float = 0) -> None:
        await self.until(lambda: self.index.one(query), passing=passing)

    async def gaps(self) -> list[tuple[int | None, str]]:
        return await self.index.rows("SELECT from_cursor, reason FROM gaps ORDER BY id")

    @property
    def dropped(self) -> dict[str, int]:
        """What was dropped, by reason."""
        counted = self.firehose.counters.items()
        return {name.removeprefix("dropped:"): n for name, n in counted if name.startswith("dropped:")}


@asynccontextmanager
async def following(
    index: Index,
    clock: MockClock,
    server: Server,
    author: Author,
    *,
    key_of: Any = None,
    max_age: timedelta = timedelta(days=2),
    max_events: int = 1_000,
) -> AsyncIterator[Pair]:
    outlet, inbox = open_inbox(max_events=max_events)
    pair, source = Pair(clock, index, inbox), source_of(server.url + author.wire.path)
    async with trio.open_nursery() as nursery:

        async def apply() -> None:
            await run_applier(inbox, index.database, pair.applier, forum_did=F, source=source.name, epoch=0)

        async def read() -> None:
            await run_firehose(
                source,
                outlet,
                index.database,
                pair.firehose,
                forum_did=F,
                known={ANN},
                key_of=key_of or author.key,
                max_age=max_age,
            )

        nursery.start_soon(apply)
        nursery.start_soon(read)
        yield pair
        nursery.cancel_scope.cancel()


async def remember(index: Index, server: Server, wire: Wire, cursor: int | None) -> None:
    """As if an earlier run had got so far, a moment ago, with the forum in the index."""
    await index.do("INSERT INTO forum (uri, name) VALUES ('at://forum', 'Forum')")
    await index.do("INSERT INTO stream VALUES (true, $1, $2, now())", server.url + wire.path, cursor)


def cursors(server: Server) -> list[int | None]:
    """What each connection asked for."""
    asked = [parse_qs(urlsplit(query).query).get("cursor") for query in server.queries]
    return [None if found is None else int(found[0]) for found in asked]


# Hostile frames -------------------------------------------------------------------------------------------------------


def spoilt(frame: str, *path: str) -> list[str]:
    """The frame with the field of that path holding what it must not."""
    values: list[Any] = [None, True, -1, 2**70, 1.5, "", "\0", "x" * 10_000, [], {}, [[{}]]]
    frames = []
    for value in values:
        message = json.loads(frame)
        place = message
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        frames.append(json.dumps(message))
    return frames


def deep(frame: str, key: str) -> str:
    """The frame with 10,000 arrays in one another."""
    return frame.replace(f'"{key}": ', f'"{key}": {"[" * 10_000}{"]" * 10_000}, "x": ', 1)


GARBAGE: list[Frame] = ["", b"", "\0", "{", "null", "[]", b"\xff\xfe", b"\x81" * 10_000, "[" * 10_000, "x" * 6_000_000]


def hostile_json(author: Author) -> list[Frame]:
    frame = str(author.post())
    change = ("commit",) if author.wire is V1 else ("payload",)
    heads = [("did",), ("time_us",), ("kind",), ("commit",)] if author.wire is V1 else [("$type",), ("payload",)]
    fields = ["rev", "operation", "collection", "rkey", "cid", "record"]
    fields += [] if author.wire is V1 else ["$type", "seq", "did", "time"]
    found = [spoiled for path in heads for spoiled in spoilt(frame, *path)]
    found += [spoiled for name in fields for spoiled in spoilt(frame, *change, name)]
    found += [deep(frame, "record"), deep(frame, "did"), deep(frame, "text")]
    found += [frame.replace("post 1", "\\ud800"), frame.replace("post 1", "\\u0000"), frame.replace("post 1", "\ufffe")]
    return [*GARBAGE, *found]


def hostile_cbor(author: Author) -> list[Frame]:
    body = RepoBuilder(BOB, author.repo.signer).commit(NOW, creates={f"{POST}/{'2' * 13}": topic()}).body(1)
    values: list[Any] = [None, True, -1, 2**63, 1.5, "", "\0", "x" * 10_000, b"", b"\0" * 40, [], {}, [[{}]]]
    spoiled: list[Frame] = [frame_of("#commit", body | {key: value}) for key in body for value in values]
    spoiled += [frame_of("#commit", body | {"ops": body["ops"] * 100_000}), frame_of("#commit", body)[:-9]]
    return [*GARBAGE, *spoiled]


@WIRES
async def test_hostile_frames(index: Index, clock: MockClock, wire: Wire) -> None:
    """After each of them a valid record arrives; all on one connection, and whatever was dropped is counted."""
    other = Author(wire)
    hostile = hostile_cbor(other) if wire is RAW else hostile_json(other)
    author = Author(wire)
    script = [frame for bad in hostile for frame in (bad, author.post(later=1))]
    async with scripted_stream(script) as server, following(index, clock, server, author) as pair:
        texts = len(author.commits)
        valid = "SELECT count(DISTINCT text) FROM posts WHERE text LIKE 'post %'"
        await pair.until_row(f"SELECT ({valid}) = {texts}")
        assert len(server.queries) == 1
        assert pair.firehose.state == "running"
        assert pair.dropped["bad_frame"] >= len(GARBAGE) - 1
        assert pair.applier.state == "running"


# Bounds ---------------------------------------------------------------------------------------------------------------


@WIRES
async def test_records_nobody_should_send(index: Index, clock: MockClock, wire: Wire) -> None:
    """Proven or not, they are kept out with a reason; a rev of the future makes the repository stale."""
    author = Author(wire)
    script = [
        author.post(text="a\0b"),
        author.post(junk="x" * 1_000_000),
        author.post(createdAt="the day before yesterday"),
        author.post(createdAt="0000-01-01T00:00:00Z"),
        author.post(createdAt="9999-12-31T23:59:59Z"),
    ]
    lost = Author(wire)
    script += [lost.post(later=10**6 * SECOND * 3600), author.post()]
    async with scripted_stream(script) as server, following(index, clock, server, author) as pair:
        await pair.until_held(3)
        reasons = {row[0] for row in await index.rows("SELECT why FROM ledger WHERE cid IS NULL")}
        assert {"too_large"} < reasons
        assert len(reasons) == 3
        assert pair.dropped["future_rev"] == 1
        assert await index.stale(ANN) == "future_rev"


@pytest.mark.parametrize("size", [MAX_FRAME_BYTES + 1, MAX_FRAME_BYTES + 1_000_000])
async def test_frame_over_our_limit(index: Index, clock: MockClock, size: int) -> None:
    """It is counted and its repository is stale; the stream goes on."""
    author = Author(RAW)
    body = author.commit().body(1)
    large = frame_of("#commit", body | {"blocks": body["blocks"] + b"\0" * (size - len(body["blocks"]))})
    async with scripted_stream([large, author.post()]) as server, following(index, clock, server, author) as pair:
        await pair.until_held(1)
        assert pair.dropped == {"too_large": 1}
        assert await index.stale(ANN) is not None
        assert len(server.queries) == 1


@dataclass
class Tape:
    """A stream that can be resumed: frames by cursor; None ends the connection as a message too large does."""

    wire: Wire
    frames: list[tuple[int, Frame | None]]
    server: Server = field(default_factory=Server)

    async def handle(self, peer: trio.SocketStream) -> None:
        async with peer, trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, peer)
            self.server.note(request.path)
            asked = cursors(self.server)[-1]
            try:
                await self.play(await request.accept(), asked)
            finally:
                nursery.cancel_scope.cancel()

    async def play(self, socket: WebSocketConnection, asked: int | None) -> None:
        for cursor, frame in self.frames:
            if asked is None or cursor > asked or (self.wire.inclusive and cursor == asked):
                if frame is None:
                    return await socket.aclose(1009)
                await socket.send_message(frame)
        await trio.sleep_forever()
        return None


@WIRES
@pytest.mark.parametrize("first", [0, 1])
async def test_frame_that_always_ends_the_stream(index: Index, clock: MockClock, wire: Wire, first: int) -> None:
    """It is stepped over, however far the next cursor is, and a gap says so; also where it is the first there is."""
    author = Author(wire)
    tape = Tape(wire, [])
    for number in range(first):
        frame = author.post()
        tape.frames.append((wire.cursor_of(author.commits[-1], number + 1), frame))
    tape.frames.append((NOW + SECOND * first if wire is V1 else 40 + first, None))
    author.commits += [author.commit()] * 100
    frame = author.post()
    tape.frames.append((wire.cursor_of(author.commits[-1], len(author.commits)), frame))
    async with listening(tape.server, tape.handle):
        if first == 0 and wire is not RAW:
            await remember(index, tape.server, wire, tape.frames[0][0] - 10)
        async with following(index, clock, tape.server, author) as pair:
            await pair.until_held(first + 1)
            assert "frame_too_large" in [reason for _, reason in await pair.gaps()]
            assert len(cursors(tape.server)) < 20


@pytest.mark.slow
async def test_frame_over_the_limit_of_the_transport(index: Index, clock: MockClock) -> None:
    """Twice at one cursor, in earnest."""
    author = Author(V2)
    frames = [author.post(), "x" * (MAX_MESSAGE_BYTES + 1), author.post()]
    tape = Tape(V2, [(1, frames[0]), (2, frames[1]), (3, frames[2])])
    async with listening(tape.server, tape.handle), following(index, clock, tape.server, author) as pair:
        await pair.until_held(2)
        assert "frame_too_large" in [reason for _, reason in await pair.gaps()]


# Ends and beginnings --------------------------------------------------------------------------------------------------


@WIRES
@pytest.mark.parametrize("end", [Cut(), Cut(b"HTTP/1.1 200 OK\r\n\r\nno frame"), Close(), Close(1008, "too slow")])
async def test_stream_ends(index: Index, clock: MockClock, wire: Wire, end: Cut | Close) -> None:
    """However it ends, the next connection asks for what comes next."""
    author = Author(wire)
    first = [author.post(), author.post(), end]
    asked = author.asked
    async with scripted_stream(first, [author.post()]) as server, following(index, clock, server, author) as pair:
        await pair.until_held(3)
        assert cursors(server) == [0 if wire is RAW else None, asked]
        assert pair.firehose.last_error != ""
        assert await pair.gaps() == [(None, "no_cursor")]


async def test_frozen_server(index: Index, clock: MockClock) -> None:
    """A ping finds out that nobody is there any more."""
    author = Author(V2)
    async with (
        scripted_stream([author.post(), Freeze()], [author.post()]) as server,
        following(index, clock, server, author) as pair,
    ):
        await pair.until_held(1)
        await pair.until_held(2, passing=1)
        assert pair.firehose.last_error == "the other side does not answer pings"


USELESS = [
    (V1, ["\0", Close()]),
    (V2, ['{"$type": "error", "error": "ConsumerTooSlow"}']),
    (RAW, [error_frame("ConsumerTooSlow")]),
    (RAW, [b"\xff\xfe", Close()]),
]


async def seconds_until(clock: MockClock, server: Server, pair: Pair, *, connections: int) -> float:
    """How much was waited between two connections, all in all, until there were so many."""
    clock.rate, seconds = 0, 0.0
    while len(server.queries) < connections:
        if pair.firehose.detail == "the stream is away":
            clock.jump(0.25)
            seconds += 0.25
        await wait_all_tasks_blocked(PAUSE_SECONDS)
    return seconds


@pytest.mark.parametrize(("wire", "frames"), USELESS)
async def test_frames_that_lead_nowhere(index: Index, clock: MockClock, wire: Wire, frames: list[Frame]) -> None:
    """The same error on every connection is asked for ever more rarely; news, however often we are cut off, is not."""
    author = Author(wire)
    news = [[author.post(), Close()] for _ in range(4)]
    async with scripted_stream(*news, *[frames] * 6) as server, following(index, clock, server, author) as pair:
        assert await seconds_until(clock, server, pair, connections=4) <= 3 * 0.75
        assert await seconds_until(clock, server, pair, connections=10) >= (0.5 + 1 + 2 + 4 + 8 + 16) / 2


async def test_quiet_connections(index: Index, clock: MockClock) -> None:
    """One that lived until somebody hung up is begun anew at once, though nobody had written anything."""
    author, ends = Author(V2), [trio.Event() for _ in range(4)]
    scripts = [[author.post(), ends[0], Close()], *([end, Close()] for end in ends[1:])]
    async with scripted_stream(*scripts) as server, following(index, clock, server, author) as pair:
        await pair.until_held(1)
        for number, end in enumerate(ends, 1):
            clock.rate, handled = 0, pair.applier.handled
            while pair.applier.handled == handled:  # until it is stored that we are caught up
                clock.jump(1)
                await wait_all_tasks_blocked(PAUSE_SECONDS)
            end.set()
            assert await seconds_until(clock, server, pair, connections=number + 1) <= 0.75


GREETINGS = [b"", b"garbage\r\n\r\n", b"\x16\x03\x01", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 101 Now\r\n\r\n"]


@pytest.mark.parametrize("greeting", [*GREETINGS, b"HTTP/1.1 503 Busy\r\ncontent-length: 99\r\n\r\n{"])
async def test_server_of_something_else(index: Index, clock: MockClock, greeting: bytes) -> None:
    """Whatever answers instead of a stream is left alone for a while, and asked again."""
    author, server = Author(V2), Server()

    async def handle(peer: trio.SocketStream) -> None:
        async with peer:
            await peer.receive_some()
            await peer.send_all(greeting)

    async with listening(server, handle), following(index, clock, server, author) as pair:

        async def tried() -> bool:
            return pair.firehose.counters["errors"] > 3

        await pair.until(tried, passing=0.5)
        await pair.until_row("SELECT array_agg(reason) = '{no_cursor}' FROM gaps")


async def test_server_that_is_not_there(index: Index, clock: MockClock) -> None:
    """It is asked again until it is."""
    author = Author(V2)
    async with scripted_stream() as gone:
        pass
    async with following(index, clock, gone, author) as pair:

        async def tried() -> bool:
            return pair.firehose.counters["errors"] > 3

        await pair.until(tried)
        assert pair.firehose.last_error.startswith("cannot connect")


@WIRES
async def test_resumes_where_it_was(index: Index, clock: MockClock, wire: Wire) -> None:
    """A new pair asks for what the last one had not stored."""
    author = Author(wire)
    async with scripted_stream([author.post()]) as server:
        await remember(index, server, wire, None)
        async with following(index, clock, server, author) as pair:
            await pair.until_held(1)
        async with following(index, clock, server, author) as pair:
            await server.wait_connected(2)
            assert cursors(server)[1] == author.asked


# Gaps -----------------------------------------------------------------------------------------------------------------


async def test_cursor_too_old(index: Index, clock: MockClock) -> None:
    """The refusal is a gap; reading begins anew with what is live."""
    author = Author(V2)
    async with scripted_stream([Refuse()], [author.post()]) as server:
        await remember(index, server, V2, 5)
        async with following(index, clock, server, author) as pair:
            await pair.until_held(1)
            assert await pair.gaps() == [(5, "CursorTooOld")]
            assert cursors(server) == [5, None]


async def test_outdated_cursor(index: Index, clock: MockClock) -> None:
    author = Author(RAW)
    async with scripted_stream([frame_of("#info", {"name": "OutdatedCursor"}), author.post()]) as server:
        await remember(index, server, RAW, 5)
        async with following(index, clock, server, author) as pair:
            await pair.until_held(1)
            assert await pair.gaps() == [(5, "OutdatedCursor")]
            assert cursors(server) == [5]


async def test_future_cursor(index: Index, clock: MockClock) -> None:
    """The server has begun anew: so do we."""
    author = Author(RAW)
    async with scripted_stream([error_frame("FutureCursor"), Close(1008)], [author.post()]) as server:
        await remember(index, server, RAW, 5)
        async with following(index, clock, server, author) as pair:
            await pair.until_held(1)
            assert await pair.gaps() == [(5, "FutureCursor")]
            assert cursors(server) == [5, 0]
            await pair.until_row("SELECT cursor = 1 FROM stream")


async def test_clamped_cursor(index: Index, clock: MockClock) -> None:
    """Jetstream moves an old cursor forward in silence; its first event shows it."""
    author = Author(V1)
    async with scripted_stream([author.post(), author.post()]) as server:
        await remember(index, server, V1, NOW - 3600 * SECOND)
        async with following(index, clock, server, author) as pair:
            await pair.until_held(2)
            assert await pair.gaps() == [(NOW - 3600 * SECOND - REWIND_MICROSECONDS, "cursor_clamped")]


async def test_another_source(index: Index, clock: MockClock) -> None:
    """Its cursors are not ours."""
    author = Author(V2)
    async with scripted_stream([author.post()]) as server:
        await remember(index, server, V1, 5)
        async with following(index, clock, server, author) as pair:
            await pair.until_held(1)
            assert await pair.gaps() == [(5, "source_changed")]
            assert cursors(server) == [None]


async def test_reconnect_without_a_cursor(index: Index, clock: MockClock) -> None:
    """What came while we were away has no cursor to be asked by."""
    author = Author(V2)
    async with scripted_stream([Close()], [author.post()]) as server, following(index, clock, server, author) as pair:
        await pair.until_held(1)
        assert await pair.gaps() == [(None, "no_cursor"), (None, "no_place")]


async def test_away_too_long(index: Index, clock: MockClock) -> None:
    author = Author(V2)
    async with (
        scripted_stream([author.post(), Close()], [author.post()]) as server,
        following(index, clock, server, author, max_age=timedelta(seconds=60)) as pair,
    ):
        await pair.until_held(2)
        assert await pair.gaps() == [(None, "no_cursor"), (1, "away_too_long")]


# Quiet and flood ------------------------------------------------------------------------------------------------------


@WIRES
async def test_idle_stream(index: Index, clock: MockClock, wire: Wire) -> None:
    """That we are caught up is stored; having been so a moment ago is not having been away."""
    author, go = Author(wire), trio.Event()
    first = [author.post(), go, Close()]
    cursor = wire.cursor_of(author.commits[0], 1)
    async with (
        scripted_stream(first, [author.post()]) as server,
        following(index, clock, server, author, max_age=timedelta(seconds=60)) as pair,
    ):
        await pair.until_held(1)
        assert await index.one("SELECT now() - connected_at > interval '1 minute' FROM stream")
        await pair.until_row("SELECT now() - connected_at < interval '1 minute' FROM stream", passing=1)
        assert await index.one("SELECT cursor FROM stream") == cursor
        assert pair.firehose.last_event_at == stream.moment(author.commits[0].time)
        go.set()
        await pair.until_held(2)
        assert await pair.gaps() == [(None, "no_cursor")]


async def test_idle_vouches_for_nothing_under_way(index: Index, clock: MockClock) -> None:
    """While a commit waits for its author's key, quiet hours do not store its cursor."""
    author, go = Author(RAW), trio.Event()

    async def slow_key(did: str, *, fresh: bool = False) -> str | None:
        await go.wait()
        return await author.key(did)

    async with (
        scripted_stream([author.post()]) as server,
        following(index, clock, server, author, key_of=slow_key) as pair,
    ):
        await pair.until_row("SELECT cursor IS NULL FROM stream", passing=1)
        go.set()
        await pair.until_held(1)
        assert await index.one("SELECT cursor FROM stream") == 1


@pytest.mark.slow
async def test_back_pressure(index: Index, clock: MockClock) -> None:
    """While the applier is held up the server has to wait, and our memory is bounded; then everything arrives."""
    author, count = Author(V1, apart=1_000), 500
    frames = [author.post(junk="x" * 40_000) for _ in range(count)]
    sent: list[int] = []
    tape = Tape(V1, [])

    async def play(socket: WebSocketConnection, asked: int | None) -> None:
        for number, frame in enumerate(frames):
            await socket.send_message(frame)
            sent.append(number)
        await trio.sleep_forever()

    tape.play = play  # type: ignore[method-assign]
    async with (
        listening(tape.server, tape.handle),
        following(index, clock, tape.server, author, max_events=5) as pair,
    ):
        async with index.database.transaction() as tx:
            await ledger.take_lock(tx)
            quiet = 0
            while quiet < 100:  # until nothing moves any more
                before = len(sent)
                await trio.sleep(PAUSE_SECONDS)
                quiet = quiet + 1 if sent and len(sent) == before else 0
            assert pair.inbox.depth == 5
            assert len(sent) < count
            for _ in range(40):  # a long time to be blocked: nobody is to take it for a dead connection
                clock.jump(1)
                await trio.sleep(PAUSE_SECONDS)
        await pair.until_held(count)
        assert len(tape.server.queries) == 1


@pytest.mark.slow
async def test_flood_of_changes(index: Index, clock: MockClock) -> None:
    """Thousands of changes of one record: the last one stays."""
    author, count = Author(V1), 3_000
    path = f"{POST}/{tid_of(NOW, 0)}"
    commits = [author.repo.commit(NOW + n, creates={path: {"$type": POST} | topic(str(n))}) for n in range(count)]
    script = [commit.jetstream()[0] for commit in commits]
    async with scripted_stream(script) as server, following(index, clock, server, author) as pair:
        await pair.until_row(f"SELECT text = '{count - 1}' FROM posts")
        assert await index.held() == 1

        async def all_are_counted() -> bool:
            return pair.applier.counters["events"] >= count + 1

        await pair.until(all_are_counted)  # what is committed is seen before who committed it hears so
        assert pair.applier.counters["events"] == count + 1
