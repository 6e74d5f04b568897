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


@dataclass(slots=True)
class Site:
    """`answers` by path without query; anything else is 404."""

    answers: dict[str, Reply] = field(default_factory=dict)
    url: str = ""
    asked: list[str] = field(default_factory=list)
    stalled: trio.Event = field(default_factory=trio.Event)

    async def handle(self, stream: trio.SocketStream) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (part := await stream.receive_some()):
                return
            head += part
        path = head.split(b" ")[1].decode()
        self.asked.append(path)
        reply = self.answers.get(path.partition("?")[0], Reply(404))
        length = len(reply.body) + (1 if reply.stalls else 0)
        fields = {"content-length": str(length), "connection": "close", **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} .", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        try:
            await stream.send_all("\r\n".join(lines).encode() + reply.body)
            if reply.stalls:
                self.stalled.set()
                await trio.sleep_forever()
        except trio.BrokenResourceError:
            return  # it has heard enough
        finally:
            await trio.aclose_forcefully(stream) if reply.stalls else await stream.aclose()


@asynccontextmanager
async def serving(**answers: Reply) -> AsyncIterator[Site]:
    """A site on a free port."""
    site = Site({f"/{path}": reply for path, reply in answers.items()})
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, site.handle, 0, host="127.0.0.1"))
        site.url = f"http://localhost:{listeners[0].socket.getsockname()[1]}"
        yield site
        nursery.cancel_scope.cancel()
