"""Readers of one page, many at a time, each on a connection that it keeps: what they are answered a second, and when.

Made of sockets alone, since it shares the machine with what is measured. Blocking; call it from a thread.
"""

import selectors
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PATIENCE_SECONDS = 30
PIECE = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of it."""

    a_second: float
    seconds: list[float]  # of each request, from the shortest

    def milliseconds(self, percentile: int) -> float:
        return self.seconds[min(len(self.seconds) - 1, len(self.seconds) * percentile // 100)] * 1e3


@dataclass(slots=True)
class Reader:
    """One connection: what it asks, and as much of the answer as has come."""

    connection: socket.socket
    request: bytes
    began: float = 0.0
    answer: bytearray = field(default_factory=bytearray)
    expected: int = 0

    def ask(self) -> None:
        self.answer.clear()
        self.expected = 0
        self.began = time.perf_counter()
        self.connection.sendall(self.request)

    def is_answered(self) -> bool:
        """Take what has come; whether that is all of it. Raises `RuntimeError` unless it is a page."""
        piece = self.connection.recv(PIECE)
        self.answer += piece
        if not self.expected and (end := self.answer.find(b"\r\n\r\n")) > 0:
            head = bytes(self.answer[:end]).lower()
            if not head.startswith(b"http/1.1 200"):
                raise RuntimeError(f"not a page: {head[:80]!r}")
            length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
            self.expected = end + 4 + int(length)
        if not piece:
            raise RuntimeError("the connection was closed")
        return len(self.answer) == self.expected


def read_often(url: str, *, times: int, readers: int, headers: Mapping[str, str] | None = None) -> Load:
    """Ask for the page so many times in all."""
    place = urlsplit(url)
    path = f"{place.path}?{place.query}" if place.query else place.path or "/"
    lines = [f"GET {path} HTTP/1.1", f"Host: {place.netloc}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    request = "\r\n".join([*lines, "", ""]).encode()
    address = (place.hostname, place.port)
    open_ones = [Reader(socket.create_connection(address, PATIENCE_SECONDS), request) for _ in range(readers)]
    try:
        return _run(open_ones, times)
    finally:
        for reader in open_ones:
            reader.connection.close()


def _run(readers: list[Reader], times: int) -> Load:
    seconds: list[float] = []
    began = time.perf_counter()
    with selectors.DefaultSelector() as waiting:
        for reader in readers[:times]:
            waiting.register(reader.connection, selectors.EVENT_READ, reader)
            reader.ask()
        to_ask = times - len(readers[:times])
        while len(seconds) < times:
            for key, _ in waiting.select(PATIENCE_SECONDS):
                if key.data.is_answered():
                    seconds.append(time.perf_counter() - key.data.began)
                    if to_ask:
                        to_ask -= 1
                        key.data.ask()
    return Load(a_second=times / (time.perf_counter() - began), seconds=sorted(seconds))
