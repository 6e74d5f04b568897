"""A tiny HTTP server on loopback: answers by path, remembers what it was asked."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `stalls`: the body is announced and never ends."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stalls: bool = False


def said(body: Any, status: int = 200) -> Reply:  # Any: JSON
    return Reply(status, json.dumps(body).encode())


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked; names of headers in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Site:
    """`answers` by path without query; anything else is 404."""

    answers: dict[str, Reply] = field(default_factory=dict)
    url: str = ""
    asked: list[str] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    stalled: trio.Event = field(default_factory=trio.Event)

    async def handle(self, stream: trio.SocketStream) -> None:
        if not (request := await read_request(stream)):
            return
        self.asked.append(request.path)
        self.sent.append(request)
        reply = self.answers.get(request.path.partition("?")[0], Reply(404))
        try:
            await stream.send_all(bytes_of(reply))
            if reply.stalls:
                self.stalled.set()
                await trio.sleep_forever()
        except trio.BrokenResourceError:
            return  # it has heard enough
        finally:
            await trio.aclose_forcefully(stream) if reply.stalls else await stream.aclose()


async def read_request(stream: trio.abc.ReceiveStream) -> Request | None:
    """The next one; None when there is none."""
    got = b""
    while b"\r\n\r\n" not in got:
        if not (part := await stream.receive_some()):
            return None
        got += part
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        if not (part := await stream.receive_some()):
            return None
        body += part
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body)


def bytes_of(reply: Reply) -> bytes:
    """The whole of it, after which the connection is closed."""
    length = len(reply.body) + (1 if reply.stalls else 0)
    fields = {"content-length": str(length), "connection": "close", **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} .", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + reply.body


@asynccontextmanager
async def serving(**answers: Reply) -> AsyncIterator[Site]:
    """A site on a free port."""
    site = Site({f"/{path}": reply for path, reply in answers.items()})
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, site.handle, 0, host="127.0.0.1"))
        site.url = f"http://localhost:{listeners[0].socket.getsockname()[1]}"
        yield site
        nursery.cancel_scope.cancel()
