"""A stream server on loopback that does what a test's script says: frames, refusals, and every bad end.

async with scripted_stream(["first frame", Cut()], ["second connection", Close(1008)]) as server:
    ...connect to server.url + "/subscribe?cursor=5"; then server.queries == ["/subscribe?cursor=5"]
"""

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, wrap_server_stream

HALF_A_FRAME = b"\x81\x7e\x10\x00half of it"  # a text of 4096 bytes, so its head says


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the upgrade with this instead; only as the first action."""

    status: int = 400
    body: Mapping[str, Any] = field(default_factory=lambda: {"error": "CursorTooOld", "message": "too old"})


@dataclass(frozen=True, slots=True)
class Close:
    """Close the websocket in order."""

    code: int = 1000
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Send half a frame, or other bytes that are none, and end the connection."""

    last: bytes = HALF_A_FRAME


class Freeze:
    """Keep the connection and do nothing more, not even answer a ping."""


Action = str | bytes | trio.Event | Refuse | Close | Cut | Freeze


@dataclass(slots=True)
class Server:
    """Where to connect, and what was asked so far: path and query of every connection."""

    url: str = ""
    queries: list[str] = field(default_factory=list)
    _changed: trio.Event = field(default_factory=trio.Event)

    async def wait_connected(self, times: int) -> None:
        """Return when that many connections were asked for."""
        while len(self.queries) < times:
            await self._changed.wait()

    def note(self, path: str) -> None:
        self.queries.append(path)
        self._changed.set()
        self._changed = trio.Event()


@asynccontextmanager
async def scripted_stream(*scripts: Sequence[Action]) -> AsyncIterator[Server]:
    """Play a script to each connection in turn: texts and bytes are sent, a `trio.Event` is waited for.

    After its last action, and without a script, a connection just stays open.
    """
    server, waiting = Server(), deque(scripts)

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            async with trio.open_nursery() as nursery:
                request = await wrap_server_stream(nursery, stream)
                script = waiting.popleft() if waiting else ()
                server.note(request.path)
                with suppress(ConnectionClosed, trio.BrokenResourceError):
                    await _play(script, request, stream)
                nursery.cancel_scope.cancel()
            if any(isinstance(action, Freeze) for action in script):
                await trio.sleep_forever()

    async with listening(server, handle):
        yield server


async def _play(script: Sequence[Action], request: WebSocketRequest, stream: trio.SocketStream) -> None:
    if script and isinstance(script[0], Refuse):
        return await request.reject(script[0].status, body=json.dumps(script[0].body).encode())
    socket = await request.accept()
    for action in script:
        match action:
            case str() | bytes():
                await socket.send_message(action)
            case trio.Event():
                await action.wait()
            case Close(code, reason):
                return await socket.aclose(code, reason)
            case Cut(last):
                return await stream.send_all(last)
            case Freeze():
                return None
    return await until_left(socket)


async def until_left(socket: WebSocketConnection) -> None:
    """Return when the client has gone."""
    with suppress(ConnectionClosed):
        while True:
            await socket.get_message()


@asynccontextmanager
async def listening(server: Server, handle: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[None]:
    """Serve on a free port, and say so in `server.url`."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        server.url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield
        nursery.cancel_scope.cancel()
