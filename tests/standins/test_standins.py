"""The stand-ins themselves: a script is played as written, and the Jetstream says what a true one would."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    DisconnectionTimeout,
    WebSocketConnection,
    open_websocket_url,
    wrap_client_stream,
)

from forum.protocol import jetstream, jetstream2
from forum.protocol.events import CommitSeen
from forum.protocol.wire import Wanted
from tests.protocol.repo_builder import Commit, frame_of, iso
from tests.protocol.samples import DID, FORUM_DID, NOW, WANTED, new_repo, path_of, post_of
from tests.standins.jetstream import NSID, Jetstream, jetstream_of
from tests.standins.streams import Close, Cut, Freeze, Refuse, scripted_stream


async def test_script_is_played() -> None:
    """One script for each connection, in turn."""
    go = trio.Event()
    async with scripted_stream(["text", go, b"bytes", Close(1008, "enough")], [Cut()], [Refuse()]) as server:
        async with connect(server.url + "/subscribe?cursor=5") as socket:
            assert await socket.get_message() == "text"
            go.set()
            assert await socket.get_message() == b"bytes"
            with pytest.raises(ConnectionClosed) as closed:
                await socket.get_message()
            assert closed.value.reason is not None
            assert closed.value.reason.code == 1008
        async with connect(server.url) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.get_message()
        with pytest.RaisesGroup(ConnectionRejected) as refused:
            async with connect(server.url):
                pass
        assert refusal_in(refused) == (400, "CursorTooOld")
        await server.wait_connected(3)
        assert server.queries == ["/subscribe?cursor=5", "/", "/"]


async def test_frozen_server_answers_nothing() -> None:
    """No ping and no goodbye: whoever waits must give up by itself."""
    async with scripted_stream(["text", Freeze()]) as server:
        with pytest.raises(DisconnectionTimeout):
            async with open_websocket_url(server.url, disconnect_timeout=0.05) as socket:
                assert await socket.get_message() == "text"


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[WebSocketConnection]:
    """As `open_websocket_url`, which leaves its socket to the garbage collector when the server ends first."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    stream = await trio.open_tcp_stream(parts.hostname, parts.port)
    async with stream, trio.open_nursery() as nursery:
        yield await wrap_client_stream(nursery, stream, parts.netloc, url.partition(parts.netloc)[2] or "/")
        nursery.cancel_scope.cancel()


def refusal_in(refused: pytest.ExceptionInfo[BaseExceptionGroup[ConnectionRejected]]) -> tuple[int, str]:
    """Status and error of the answer to an upgrade."""
    (rejected,) = refused.value.exceptions
    assert isinstance(rejected, ConnectionRejected)
    refusal = jetstream2.refusal_of(rejected.body or b"")
    assert refusal is not None
    return rejected.status_code, refusal.name


def history() -> list[Commit]:
    repo = new_repo()
    return [
        repo.commit(NOW, creates={path_of(0): post_of()}),
        repo.commit(NOW + 1, creates={path_of(1, "app.example.note"): {"$type": "app.example.note"}}),
        repo.commit(NOW + 2, updates={path_of(0): post_of("new")}),
        repo.commit(NOW + 3, deletes=[path_of(0)]),
    ]


@asynccontextmanager
async def full_jetstream(*, backlog: int = 100) -> AsyncIterator[tuple[Jetstream, list[Commit]]]:
    """One whose source has said all it has to say: five events."""
    commits = history()
    frames = [commit.frame(seq) for seq, commit in enumerate(commits, 1)]
    frames.append(frame_of("#account", {"did": DID, "seq": 5, "time": iso(NOW), "active": True}))
    async with scripted_stream(frames) as source, jetstream_of(source.url, backlog=backlog) as server:
        await server.wait_event(5)
        yield server, commits


async def take(socket: WebSocketConnection, count: int) -> list[str]:
    return [str(await socket.get_message()) for _ in range(count)]


async def test_jetstream_v1() -> None:
    """Our decoder reads it, the filter holds for commits, and a cursor before the backlog is moved."""
    async with full_jetstream(backlog=4) as (server, commits):
        async with connect(f"{server.url}/subscribe?cursor=1&wantedCollections=space.atbb.*") as socket:
            texts = await take(socket, 3)
        events = [jetstream.decode(text, WANTED, NOW).event for text in texts]
        assert [event.rev for event in events if isinstance(event, CommitSeen)] == [commits[2].rev, commits[3].rev]
        cursor = json.loads(texts[1])["time_us"]
        async with connect(f"{server.url}/subscribe?cursor={cursor}") as socket:
            assert await take(socket, 2) == texts[1:]


async def test_jetstream_v2() -> None:
    """Numbered, inclusive, and refused where the backlog does not reach."""
    async with full_jetstream(backlog=4) as (server, commits):
        url = f"{server.url}/xrpc/{NSID}?collections=space.atbb.*&cursor="
        async with connect(url + "2") as socket:
            decoded = [jetstream2.decode(text, Wanted(FORUM_DID, ()), NOW) for text in await take(socket, 3)]
        assert [one.cursor for one in decoded] == [3, 4, 5]
        revs = [one.event.rev for one in decoded if isinstance(one.event, CommitSeen)]
        assert revs == [commits[2].rev, commits[3].rev]
        with pytest.RaisesGroup(ConnectionRejected) as refused:
            async with connect(url + "1"):
                pass
        assert refusal_in(refused) == (400, "CursorTooOld")


async def test_jetstream_live_and_cut() -> None:
    """What comes later is sent when it comes; a cut connection ends at once."""
    first, later = history()[:2]
    go = trio.Event()
    async with scripted_stream([first.frame(1), go, later.frame(2)]) as source, jetstream_of(source.url) as server:
        await server.wait_event(1)
        async with connect(f"{server.url}/xrpc/{NSID}?cursor=99") as socket:
            assert json.loads((await take(socket, 1))[0])["payload"]["name"] == "FutureCursor"
            go.set()
            assert json.loads((await take(socket, 1))[0])["payload"]["seq"] == 2
            server.cut()
            with pytest.raises(ConnectionClosed):
                await socket.get_message()
