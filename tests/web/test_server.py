"""The server over real sockets: connections that end when they should, and a shutdown that nobody can hold up.

The guards below only turn a hang into a failure; nothing is asserted about how long anything takes.
"""

import gc
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
import trio
from hypercorn.typing import ASGIFramework
from quart import request
from quart_trio import QuartTrio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.health import Pulse
from actors.server import ClientStream, listen, port_of, run_server
from web.cover import finish_responses, log_requests, refuse_oddities

GUARD_SECONDS = 20
BIG = 64 * 1024 * 1024  # more than the kernel buffers on the way

KEEPING = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
UPGRADING = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n\r\n"
)
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
WEBSOCKET = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it is, how to stop it, and when it has ended."""

    port: int
    stop: trio.Event
    ended: trio.Event
    pulse: Pulse

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)


@asynccontextmanager
async def serving(
    app: ASGIFramework, *, grace_seconds: float = GUARD_SECONDS, keep_alive_seconds: float = GUARD_SECONDS * 10
) -> AsyncIterator[Server]:
    stop, ended, pulse = trio.Event(), trio.Event(), Pulse("server")
    listener = await listen(0)

    async def run(task_status: trio.TaskStatus[None]) -> None:
        await run_server(
            app, listener, stop=stop, pulse=pulse, grace_seconds=grace_seconds,
            keep_alive_seconds=keep_alive_seconds, task_status=task_status,
        )  # fmt: skip
        ended.set()

    with trio.fail_after(GUARD_SECONDS):
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            yield Server(port_of(listener), stop, ended, pulse)
            stop.set()


def app_of(handler: Callable[[], Awaitable[bytes]]) -> QuartTrio:
    """An app with one page."""
    app = QuartTrio("one_page", static_folder=None)
    app.add_url_rule("/", "page", handler, methods=["GET", "POST"])
    return app


def covered(app: QuartTrio) -> ASGIFramework:
    return log_requests(finish_responses(app))


async def say(words: bytes) -> bytes:
    return words


@pytest.fixture
def hello() -> QuartTrio:
    return app_of(partial(say, b"hello"))


async def read_all(stream: trio.SocketStream) -> bytes:
    """Everything until the server closes."""
    return b"".join([piece async for piece in stream])


async def read_until(stream: trio.SocketStream, words: bytes) -> None:
    """Everything up to these words."""
    seen = b""
    while words not in seen:
        piece = await stream.receive_some()
        assert piece, f"closed after {seen!r}"
        seen += piece


async def until_open(server: Server, number: int) -> None:
    """Wait until the server holds so many connections."""
    while server.pulse.inbox_depth != number:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    "request_head",
    [CLOSING, b"GET / HTTP/1.0\r\n\r\n"],
    ids=["connection-close", "http-1.0"],
)
async def test_closes_when_asked(hello: QuartTrio, request_head: bytes) -> None:
    """A client that asks for it sees the end of the stream after its response."""
    async with serving(covered(hello)) as server:
        stream = await server.connect()
        await stream.send_all(request_head)
        assert (await read_all(stream)).endswith(b"hello")
        await stream.aclose()


async def test_keeps_alive_and_then_closes(hello: QuartTrio, mock_clock: MockClock) -> None:
    """A connection serves several requests; left idle, it is closed."""
    async with serving(covered(hello), keep_alive_seconds=0.2) as server:
        stream = await server.connect()
        for _ in range(3):
            await stream.send_all(KEEPING)
            await read_until(stream, b"hello")
        mock_clock.rate = 1  # time stood still, however long we took
        assert await read_all(stream) == b""
        await stream.aclose()


async def test_gives_back_every_connection(hello: QuartTrio) -> None:
    """Whoever asks, idles or vanishes, in whatever protocol: no file stays open behind them."""
    async with serving(covered(hello)) as server:
        gc.collect()  # else files that other tests have left could go meanwhile
        before = len(os.listdir("/proc/self/fd"))
        for head in (CLOSING, KEEPING, UPGRADING, HTTP2, b"GET / HT", b"\x00\r\n\r\n", b""):
            for _ in range(5):
                stream = await server.connect()
                await stream.send_all(head)
                await stream.aclose()
        for head, words in ((KEEPING, b"hello"), (UPGRADING, b" 101 ")):
            for _ in range(5):
                stream = await server.connect()
                await stream.send_all(head)
                await read_until(stream, words)
                await stream.aclose()
        while server.pulse.counters["connections"] < 45:
            await trio.lowlevel.checkpoint()
        await until_open(server, 0)
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET ?x HTTP/1.1\r\nHost: a\r\n\r\n", b" 400 "),
        (b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n", b" 400 "),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b" 400 "),
        (WEBSOCKET, b" 403 "),
    ],
    ids=["no-path", "not-a-url", "asterisk", "websocket"],
)
async def test_refuses_oddities(hello: QuartTrio, head: bytes, status: bytes) -> None:
    """What we have no use for is refused before the app sees it."""
    async with serving(refuse_oddities(covered(hello))) as server:
        stream = await server.connect()
        await stream.send_all(head)
        await read_until(stream, status)
        await stream.aclose()


async def test_stop_finishes_what_is_under_way() -> None:
    """A request that is being answered at the stop gets its answer; idle connections are closed, new ones refused."""
    begun, go_on = trio.Event(), trio.Event()

    async def slow() -> bytes:
        begun.set()
        await go_on.wait()
        return b"at last"

    async with serving(covered(app_of(slow))) as server:
        idle, busy = await server.connect(), await server.connect()
        await busy.send_all(KEEPING)
        await begun.wait()
        server.stop.set()
        assert await read_all(idle) == b""
        with pytest.raises(OSError, match="connect"):
            await server.connect()
        go_on.set()
        assert (await read_all(busy)).endswith(b"at last")
        await server.ended.wait()
        await idle.aclose()
        await busy.aclose()
    assert server.pulse.state == "stopped"


async def test_stalled_reader_does_not_hold_up_the_stop() -> None:
    """A client that asks for much and reads nothing is cut off when the grace is over."""
    app = app_of(partial(say, bytes(BIG)))

    async with serving(covered(app), grace_seconds=0.01) as server:
        stream = await server.connect()
        await stream.send_all(KEEPING)
        await stream.receive_some(1)
        await wait_all_tasks_blocked()  # the server is in the middle of its response
        server.stop.set()
        await server.ended.wait()
        await stream.aclose()


async def test_hanging_handler_does_not_hold_up_the_stop() -> None:
    """A handler that never answers is cancelled when the grace is over."""
    begun = trio.Event()

    async def hang() -> bytes:
        begun.set()
        await trio.sleep_forever()
        raise AssertionError

    async with serving(covered(app_of(hang)), grace_seconds=0.01) as server:
        stream = await server.connect()
        await stream.send_all(KEEPING)
        await begun.wait()
        server.stop.set()
        await server.ended.wait()
        await stream.aclose()


async def test_cancelling_does_not_wait_for_stalled_readers() -> None:
    """Cancelled from outside, the server ends at once, whoever does not read."""
    app = app_of(partial(say, bytes(BIG)))

    listener = await listen(0)
    with trio.move_on_after(GUARD_SECONDS) as guard:
        async with trio.open_nursery() as nursery:
            serve = partial(run_server, covered(app), listener, pulse=Pulse("server"))
            await nursery.start(partial(serve, stop=trio.Event(), grace_seconds=GUARD_SECONDS * 10))
            stream = await trio.open_tcp_stream("127.0.0.1", port_of(listener))
            await stream.send_all(KEEPING)
            await stream.receive_some(1)
            await wait_all_tasks_blocked()  # the server is in the middle of its response
            nursery.cancel_scope.cancel()
    await stream.aclose()
    assert not guard.cancel_called


async def test_a_write_that_makes_no_progress_breaks_the_connection(autojump_clock: MockClock) -> None:
    """A stalled reader costs no memory for ever, also while nobody stops the server."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = ClientStream(trio.SocketStream(trio.socket.from_stdlib_socket(ours)))
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(bytes(BIG))


async def test_body_too_long() -> None:
    """A request body has a limit, announced or not."""

    async def take() -> bytes:
        return await request.get_data()

    app = app_of(take)
    app.config["MAX_CONTENT_LENGTH"] = 1000

    announced = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" + bytes(1001)
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + bytes(1001) + b"\r\n"
    async with serving(covered(app)) as server:
        for request_bytes in (announced, chunked):
            stream = await server.connect()
            await stream.send_all(request_bytes)
            await read_until(stream, b" 413 ")
            await stream.aclose()
