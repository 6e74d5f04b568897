"""The HTTP server: Hypercorn's connections under an accept loop of our own, around the ASGI app it is handed.

Hypercorn shields what it sends from cancellation, without a time limit, so a client that stops reading could hold up
the shutdown for ever. Hence the sockets are ours: a write that makes no progress breaks its connection, and what is
still open at the end of the grace is closed under it. Knows nothing of what is served.
"""

import logging
import socket
from functools import partial

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, ConnectionState, Scope

from actors.health import Pulse

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 800  # systemd's usual limit is 1024 open files, and others need some
KEEP_ALIVE_SECONDS = 75.0  # longer than reverse proxies keep theirs (60 s), so that they close first
STALLED_SECONDS = 30.0  # for each piece of a response to be taken by the kernel
PIECE = 64 * 1024
BACKLOG = 1000


class ClientStream:
    """A client's connection as Hypercorn expects it, whose writes fail when the client stops reading."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self.socket = stream.socket
        self.receive_some = stream.receive_some
        self.send_eof = stream.send_eof
        self.aclose = stream.aclose

    async def send_all(self, data: bytes) -> None:
        """Send piece by piece, each in its time: slow readers are served, stalled ones are not."""
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            with trio.move_on_after(STALLED_SECONDS) as patience:
                await self._stream.send_all(view[start : start + PIECE])
            if patience.cancelled_caught:
                raise trio.BrokenResourceError("the client does not read")


class ClientServer(TCPServer):
    """Hypercorn's side of one connection, over as soon as the client has left.

    Hypercorn alone would hold the connection's file for the keep-alive time even then, and over HTTP/2 for ever.
    """

    async def _read_data(self) -> None:
        await super()._read_data()
        self.left.cancel()

    async def run(self) -> None:
        with trio.CancelScope() as self.left:
            await super().run()


async def listen(port: int) -> trio.SocketListener:
    """Take the port, on loopback alone, before there is anything to serve; 0 is any that is free."""
    [listener] = await trio.open_tcp_listeners(port, host="127.0.0.1", backlog=BACKLOG)
    return listener


def inherited(descriptor: int) -> trio.SocketListener:
    """The port as another process has taken it, who shares it with us."""
    return trio.SocketListener(trio.socket.from_stdlib_socket(socket.socket(fileno=descriptor)))


def port_of(listener: trio.SocketListener) -> int:
    port: int = listener.socket.getsockname()[1]
    return port


async def run_server(
    app: ASGIFramework,
    listener: trio.SocketListener,
    *,
    stop: trio.Event,
    pulse: Pulse,
    grace_seconds: float,
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `stop`, then finish what is under way within the grace."""
    context = WorkerContext(max_requests=None)
    streams: set[ClientStream] = set()
    wrapped = ASGIWrapper(counted(app, pulse))
    serve_one = partial(serve_client, partial(ClientServer, wrapped, config(keep_alive_seconds), context))
    async with trio.open_nursery() as watch:
        async with trio.open_nursery() as clients:
            watch.start_soon(cut_off, stop, grace_seconds, clients.cancel_scope, streams)
            async with trio.open_nursery() as accepting:
                accept = partial(trio.serve_listeners, handler_nursery=clients)
                accepting.start_soon(accept, partial(serve_one, streams, pulse), [listener])
                pulse.become("running")
                task_status.started()
                await stop.wait()
                accepting.cancel_scope.cancel()
            await context.terminated.set()  # idle connections close now, busy ones after their response
        watch.cancel_scope.cancel()
    pulse.become("stopped")


def counted(app: ASGIFramework, pulse: Pulse) -> ASGIFramework:
    async def counting(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        pulse.handled += scope["type"] == "http"
        await app(scope, receive, send)

    return counting


async def serve_client(
    protocol: partial[ClientServer], streams: set[ClientStream], pulse: Pulse, accepted: trio.SocketStream
) -> None:
    """Serve one connection to its end; a failure of the protocol code ends that connection alone."""
    if len(streams) >= MAX_CONNECTIONS:
        pulse.counters["connections_refused"] += 1
        await accepted.aclose()
        return
    stream = ClientStream(accepted)
    streams.add(stream)
    pulse.counters["connections"] += 1
    pulse.beat(inbox_depth=len(streams))
    try:
        await protocol(ConnectionState({}), stream)
    except Exception as error:
        pulse.fail(type(error).__name__)
        log.exception("connection_failed")
    finally:
        streams.discard(stream)
        pulse.beat(inbox_depth=len(streams))


async def cut_off(
    stop: trio.Event, grace_seconds: float, clients: trio.CancelScope, streams: set[ClientStream]
) -> None:
    """End every connection when the grace after `stop` is over; or now, if we are cancelled."""
    try:
        await stop.wait()
        await trio.sleep(grace_seconds)
    finally:
        clients.cancel()
        for stream in streams:
            stream.socket.close()  # wakes also who sends behind Hypercorn's shield


def config(keep_alive_seconds: float) -> Config:
    """Hypercorn's settings: quiet, since the app writes its own line per request."""
    settings = Config()
    settings.accesslog = None
    settings.errorlog = logging.getLogger("hypercorn.error")
    settings.include_server_header = False
    settings.keep_alive_timeout = keep_alive_seconds  # also the time a client has for its request's head
    settings.keep_alive_max_requests = 100_000
    return settings
