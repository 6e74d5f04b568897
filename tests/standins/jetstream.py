"""A Jetstream on loopback, fed by the subscribeRepos stream of a real PDS: v1 `/subscribe` and v2 `subscribeEvents`.

Like the true ones it believes its source, keeps a bounded backlog, numbers events from 1, moves a v1 cursor forward
in silence and refuses a v2 cursor that is too old. Compression and options messages are left out.
"""

import json
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

import libipld
import trio
from trio_websocket import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    open_websocket_url,
    wrap_server_stream,
)

from forum.protocol.car import split_car
from forum.protocol.wire import time_of
from forum.records.datamodel import from_cbor, to_json
from tests.protocol.repo_builder import iso
from tests.standins.streams import Server, listening, until_left

NSID = "network.bsky.jetstream.subscribeEvents"
Query = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `body` is the operation, or the upstream event as it came."""

    seq: int
    time_us: int
    did: str
    kind: str
    body: Mapping[str, Any]

    def text(self, *, v2: bool) -> str:
        if not v2:
            return json.dumps({"did": self.did, "time_us": self.time_us, "kind": self.kind, self.kind: self.body})
        head = {"$type": f"{NSID}#{self.kind}", "seq": self.seq, "did": self.did, "time": iso(self.time_us)}
        payload = head | (dict(self.body) if self.kind == "commit" else {self.kind: self.body})
        return json.dumps({"$type": "message", "payload": payload})


@dataclass(slots=True)
class Jetstream(Server):
    """The stand-in: its backlog, and how to interrupt those who listen."""

    backlog: deque[Event] = field(default_factory=deque)
    last: Event | None = None
    _grown: trio.Event = field(default_factory=trio.Event)
    _listeners: set[trio.CancelScope] = field(default_factory=set)

    def cut(self) -> None:
        """End every connection without a goodbye."""
        for scope in self._listeners:
            scope.cancel()

    async def wait_event(self, seq: int) -> None:
        """Return when that many events have come from the PDS."""
        while self.last is None or self.last.seq < seq:
            await self._grown.wait()

    def add(self, did: str, kind: str, body: Mapping[str, Any], at: int) -> None:
        """Take an event in; times are made unique."""
        seq, time_us = (self.last.seq + 1, max(at, self.last.time_us + 1)) if self.last else (1, at)
        self.last = Event(seq, time_us, did, kind, body)
        self.backlog.append(self.last)
        self._grown.set()
        self._grown = trio.Event()

    async def handle(self, stream: trio.SocketStream) -> None:
        with trio.CancelScope() as scope:
            self._listeners.add(scope)
            async with stream, trio.open_nursery() as nursery:
                request = await wrap_server_stream(nursery, stream)
                self.note(request.path)
                with suppress(ConnectionClosed, trio.BrokenResourceError):
                    await self._answer(request)
                nursery.cancel_scope.cancel()
        self._listeners.discard(scope)

    async def _answer(self, request: WebSocketRequest) -> None:
        parts = urlsplit(request.path)
        query, v2 = parse_qs(parts.query), parts.path == f"/xrpc/{NSID}"
        cursor = int(query["cursor"][0]) if "cursor" in query else None
        start = self._start(cursor, v2=v2)
        if v2 and cursor is not None and self.backlog and cursor < self.backlog[0].seq:
            return await request.reject(400, body=b'{"error": "CursorTooOld", "message": "before the backlog"}')
        socket = await request.accept()
        if v2 and cursor is not None and cursor > start:
            info = {"$type": f"{NSID}#info", "name": "FutureCursor"}
            await socket.send_message(json.dumps({"$type": "message", "payload": info}))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, socket, query, start, v2)
            await until_left(socket)
            nursery.cancel_scope.cancel()
        return None

    def _start(self, cursor: int | None, *, v2: bool) -> int:
        """The number of the first event to send: the next one, unless the cursor is of the past."""
        if cursor is not None:
            for event in self.backlog:
                if (event.seq if v2 else event.time_us) >= cursor:
                    return event.seq
        return self.last.seq + 1 if self.last else 1

    async def _send(self, socket: WebSocketConnection, query: Query, seq: int, v2: bool) -> None:
        with suppress(ConnectionClosed):
            while True:
                grown = self._grown
                first = self.backlog[0].seq if self.backlog else seq
                for event in list(islice(self.backlog, max(0, seq - first), None)):
                    if _asked_for(event, query, v2=v2):
                        await socket.send_message(event.text(v2=v2))
                    seq = event.seq + 1
                await grown.wait()


def _asked_for(event: Event, query: Query, *, v2: bool) -> bool:
    dids = query.get("dids" if v2 else "wantedDids")
    patterns = query.get("collections" if v2 else "wantedCollections")
    if (dids and event.did not in dids) or (event.kind == "sync" and not v2):
        return False
    if event.kind not in query.get("kinds", [event.kind]):
        return False
    if event.kind != "commit" or not patterns:
        return True
    name: str = event.body["collection"]
    return any(name == pattern or (pattern[-1] == "*" and name.startswith(pattern[:-1])) for pattern in patterns)


@asynccontextmanager
async def jetstream_of(pds: str, *, backlog: int = 10_000) -> AsyncIterator[Jetstream]:
    """A Jetstream of the PDS at this http URL, from its first event on; it reconnects when the PDS restarts."""
    server = Jetstream(backlog=deque(maxlen=backlog))
    async with listening(server, server.handle), trio.open_nursery() as nursery:
        nursery.start_soon(_follow, server, pds.replace("http", "ws", 1) + "/xrpc/com.atproto.sync.subscribeRepos")
        yield server
        nursery.cancel_scope.cancel()


async def _follow(server: Jetstream, upstream: str) -> None:
    cursor = 0
    while True:
        with suppress(ConnectionClosed, HandshakeError, OSError):
            async with open_websocket_url(f"{upstream}?cursor={cursor}", max_message_size=2**25) as socket:
                while True:
                    frame = await socket.get_message()
                    assert isinstance(frame, bytes)
                    header, body = libipld.decode_dag_cbor_multi(frame)
                    for did, kind, change in _changes(header["t"], body):
                        server.add(did, kind, change, time_of(body["time"]))
                    cursor = body.get("seq", cursor)
        await trio.sleep(0.05)  # a PDS that restarts has nothing to be waited for by


def _changes(kind: str, body: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if kind in ("#identity", "#account", "#sync"):
        yield body["did"], kind[1:], to_json(body)
    elif kind == "#commit":
        _, blocks = split_car(body["blocks"])
        for op in body["ops"]:
            collection, _, rkey = op["path"].partition("/")
            change = {"rev": body["rev"], "operation": op["action"], "collection": collection, "rkey": rkey}
            if op["cid"] is not None:
                change |= {"record": from_cbor(blocks[op["cid"]]), "cid": libipld.encode_cid(op["cid"])}
            yield body["repo"], "commit", change
