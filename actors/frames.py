"""A websocket as a source of frames; the one module that knows the websocket library.

Adds what the library leaves to its user: a limit on messages, pings, and one family of errors.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    open_websocket_url,
)

from forum.errors import Unavailable
from forum.protocol.jetstream2 import refusal_of

MAX_MESSAGE_BYTES = 32 * 1024 * 1024  # of the transport; ours is smaller and checked after receipt
QUEUE = 16  # messages read ahead, so that reader and decoder need not take turns
CONNECT_SECONDS = 15
GOODBYE_SECONDS = 1
PONG_SECONDS = 20
TOO_LARGE = 1009


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
    try:
        with trio.fail_after(CONNECT_SECONDS) as connecting:
            async with open_websocket_url(
                url,
                message_queue_size=QUEUE,
                max_message_size=MAX_MESSAGE_BYTES,
                connect_timeout=CONNECT_SECONDS,
                disconnect_timeout=GOODBYE_SECONDS,
            ) as socket:
                connecting.deadline = float("inf")
                yield Frames(socket)
    except ConnectionRejected as error:
        refusal = refusal_of(error.body or b"")
        raise refusal or StreamClosed(f"the server refused us with status {error.status_code}") from error
    except trio.TooSlowError as error:
        raise StreamClosed("the server does not answer") from error
    except (HandshakeError, OSError, trio.BrokenResourceError) as error:
        raise StreamClosed(f"cannot connect: {type(error).__name__} {error}") from error


def _closed(error: ConnectionClosed) -> StreamClosed:
    reason = error.reason
    if reason is None:
        return StreamClosed("the stream was closed")
    too_large = reason.code == TOO_LARGE
    return StreamClosed(
        f"the stream was closed with code {reason.code} {reason.reason or ''}".strip(), too_large=too_large
    )
