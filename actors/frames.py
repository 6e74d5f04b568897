"""A websocket as a source of frames; the one module that knows the websocket library.

Adds what the library leaves to its user: a limit on messages, pings, and one family of errors.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import h11
import trio
import wsproto.utilities
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)

from forum.errors import Unavailable
from forum.protocol.jetstream2 import refusal_of

MAX_MESSAGE_BYTES = 32 * 1024 * 1024  # of the transport; ours is smaller and checked after receipt
RECEIVE_BYTES = 65_536  # many small frames a read
CONNECT_SECONDS = 15
PONG_SECONDS = 20
TOO_LARGE = 1009

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class StreamClosed(Unavailable):
    """The stream ended, or could not be opened. `too_large`: a message over the transport's limit ended it."""

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class Frames:
    """An open stream."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self._socket = socket

    async def receive(self) -> str | bytes:
        """The next frame. Raises `StreamClosed`."""
        try:
            return await self._socket.get_message()
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def ping(self) -> None:
        """Return when the other side has answered. Raises `StreamClosed` when it does not."""
        try:
            with trio.fail_after(PONG_SECONDS):
                await self._socket.ping()
        except ConnectionClosed as error:
            raise _closed(error) from error
        except trio.TooSlowError as error:
            raise StreamClosed("the other side does not answer pings") from error


@asynccontextmanager
async def open_frames(url: str) -> AsyncIterator[Frames]:
    """Connect. Raises `StreamClosed`, or `StreamRefused` when the server says why it will not serve us."""
    stream = await _dial(url)
    # The stream is ours to close: the library leaves it to the garbage collector when the server goes first.
    try:
        async with trio.open_nursery() as nursery:
            yield Frames(await _shake_hands(nursery, stream, url))
            nursery.cancel_scope.cancel()
    except* ConnectionRejected as rejected:
        # The library raises it from the task that reads, not to who waits for the handshake.
        raise _refusal(rejected.exceptions[0]) from rejected
    except* (h11.ProtocolError, wsproto.utilities.ProtocolError) as broken:
        raise StreamClosed("the server speaks something else") from broken
    finally:
        await trio.aclose_forcefully(stream)


async def _dial(url: str) -> Stream:
    parts = urlsplit(url)
    host, tls = parts.hostname or "", parts.scheme == "wss"
    try:
        with trio.fail_after(CONNECT_SECONDS):
            port = parts.port or (443 if tls else 80)
            if tls:
                return await trio.open_ssl_over_tcp_stream(host, port, ssl_context=ssl.create_default_context())
            return await trio.open_tcp_stream(host, port)
    except trio.TooSlowError as error:
        raise StreamClosed("the server does not answer") from error
    except OSError as error:
        raise StreamClosed(f"cannot connect: {error}") from error


async def _shake_hands(nursery: trio.Nursery, stream: Stream, url: str) -> WebSocketConnection:
    parts = urlsplit(url)
    resource = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        with trio.fail_after(CONNECT_SECONDS):
            return await wrap_client_stream(
                nursery,
                stream,
                parts.netloc,
                resource,
                max_message_size=MAX_MESSAGE_BYTES,
                receive_buffer_size=RECEIVE_BYTES,
            )
    except trio.TooSlowError as error:
        raise StreamClosed("the server does not answer") from error
    except (HandshakeError, OSError, ssl.SSLError, trio.BrokenResourceError) as error:
        raise StreamClosed(f"cannot connect: {type(error).__name__} {error}") from error


def _refusal(rejected: BaseException) -> Unavailable:
    """What the server said with its refusal, if it is an error of the protocol."""
    while isinstance(rejected, BaseExceptionGroup):
        rejected = rejected.exceptions[0]
    assert isinstance(rejected, ConnectionRejected)
    refusal = refusal_of(rejected.body or b"")
    return refusal or StreamClosed(f"the server refused us with status {rejected.status_code}")


def _closed(error: ConnectionClosed) -> StreamClosed:
    reason = error.reason
    if reason is None:
        return StreamClosed("the stream was closed")
    too_large = reason.code == TOO_LARGE
    return StreamClosed(
        f"the stream was closed with code {reason.code} {reason.reason or ''}".strip(), too_large=too_large
    )
