"""A server of one websocket stream, by hand: sending costs a socket write, and the sender sees when it has to wait.

Blocking; call it from a thread. Knows nothing of what it sends.
"""

import base64
import hashlib
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PATIENCE_SECONDS = 60
PING, PONG = 0x9, 0x8A


class Client:
    """A reader of the stream, once it has shaken hands. Its pings are answered, so it stays."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._turn = threading.Lock()
        self.sent_bytes = 0

    def send(self, chunks: Iterable[bytes]) -> None:
        """Send whole frames; wait while the reader does not read. Raises `OSError` when it is gone."""
        for chunk in chunks:
            with self._turn:
                self._connection.sendall(chunk)
            self.sent_bytes += len(chunk)

    def answer_pings(self, received: BufferedReader) -> None:
        """Until the reader goes, in whichever way (RFC 6455 §5.2, §5.5)."""
        with suppress(OSError, struct.error):
            while True:
                first, second = struct.unpack("!BB", received.read(2))
                mask, payload = received.read(4), received.read(second & 0x7F)  # control frames are short
                if first & 0xF == PING:
                    unmasked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
                    with self._turn:
                        self._connection.sendall(struct.pack("!BB", PONG, len(unmasked)) + unmasked)
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Listener:
    """A place to connect to."""

    _socket: socket.socket

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._socket.getsockname()[1]}/subscribe"

    def accept(self) -> Client:
        """Wait for the next reader and shake hands with it (§4.2.2)."""
        connection, _ = self._socket.accept()
        received = connection.makefile("rb")
        headers = list(iter(received.readline, b"\r\n"))
        key = next(line for line in headers if line.lower().startswith(b"sec-websocket-key:")).split(b":", 1)[1].strip()
        accepted = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        connection.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accepted}\r\n\r\n".encode()
        )
        client = Client(connection)
        threading.Thread(target=client.answer_pings, args=(received,), daemon=True).start()
        return client


@contextmanager
def listening() -> Iterator[Listener]:
    """A server on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        yield Listener(listener)
