"""A stream of the Jetstream v1 wire at the price of a socket write: frames are made and encoded before they are sent.

The sender shares the machine with what is measured, so it must cost next to nothing.
"""

import base64
import hashlib
import json
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from forum.records.datamodel import cid_of
from forum.records.names import BOARD, FORUM, POST
from forum.records.syntax import tid_of

FORUM_DID = "did:plc:forumforumforumforumforu"
START = 1_750_000_000_000_000
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
WORDS = "seeds soil rain tomato bread river chair lamp garden letter winter morning copper thread bicycle".split()


@dataclass(frozen=True, slots=True)
class Frames:
    """Encoded websocket frames, and the cursor of the last."""

    count: int
    payload: bytes
    last_cursor: int


def text_frame(text: bytes) -> bytes:
    """An unmasked text frame, as a server sends it (RFC 6455 §5.2)."""
    size = len(text)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + text
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size) + text
    return struct.pack("!BBQ", 0x81, 127, size) + text


def commit_event(did: str, at: int, collection: str, rkey: str, record: dict[str, object]) -> bytes:
    commit = {
        "rev": tid_of(at, 0),
        "operation": "create",
        "collection": collection,
        "rkey": rkey,
        "record": {"$type": collection, **record},
        "cid": cid_of({"$type": collection, **record}),
    }
    return json.dumps({"did": did, "time_us": at, "kind": "commit", "commit": commit}).encode()


def forum_events(count: int, *, authors: int = 300, boards: int = 8, seed: int = 1) -> Iterator[tuple[int, bytes]]:
    """A forum being written: boards, then one topic to ten replies, by many authors. (cursor, JSON)"""
    dice = random.Random(seed)
    dids = [f"did:plc:{''.join(dice.choices('abcdefghijklmnopqrstuvwxyz234567', k=24))}" for _ in range(authors)]
    stamp = "2025-06-15T15:06:40.000Z"
    ref = {"uri": f"at://{FORUM_DID}/{BOARD}/", "cid": "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq"}
    at = START
    yield at, commit_event(FORUM_DID, at, FORUM, "self", {"name": "Bench", "createdAt": stamp})
    keys = []
    for number in range(boards):
        at += 1_000
        keys.append(tid_of(at, 0))
        category = {"category": {**ref, "uri": f"at://{FORUM_DID}/space.atbb.forum.category/{keys[0]}"}}
        record = {"name": f"Board {number}", "category": category, "createdAt": stamp}
        yield at, commit_event(FORUM_DID, at, BOARD, keys[-1], record)
    topics: list[str] = []
    for _ in range(count - boards - 1):
        at += 1_000
        did, rkey = dice.choice(dids), tid_of(at, 1)
        record = {"text": " ".join(dice.choices(WORDS, k=25)), "createdAt": stamp}
        if not topics or dice.random() < 0.1:
            board = {"$type": f"{POST}#boardRef", "board": {**ref, "uri": ref["uri"] + dice.choice(keys)}}
            record |= {"title": " ".join(dice.choices(WORDS, k=5)), "board": board}
            topics.append(f"at://{did}/{POST}/{rkey}")
        else:
            root = {**ref, "uri": dice.choice(topics[-200:])}
            record |= {"reply": {"$type": f"{POST}#replyRef", "root": root, "parent": root}}
        yield at, commit_event(did, at, POST, rkey, record)


def flood_events(count: int, seed: int = 2) -> Iterator[tuple[int, bytes]]:
    """What the whole network sends of accounts nobody here knows."""
    dice = random.Random(seed)
    at = START
    for _ in range(count):
        at += 1_000
        did = f"did:plc:{''.join(dice.choices('abcdefghijklmnopqrstuvwxyz234567', k=24))}"
        identity = {"did": did, "handle": f"{did[8:20]}.bsky.social", "seq": at, "time": "2025-06-15T15:06:40.000Z"}
        yield at, json.dumps({"did": did, "time_us": at, "kind": "identity", "identity": identity}).encode()


def encoded(events: Iterator[tuple[int, bytes]]) -> Frames:
    """All frames in one piece of memory."""
    parts, last = [], 0
    for last, text in events:
        parts.append(text_frame(text))
    return Frames(len(parts), b"".join(parts), last)


@contextmanager
def serving(frames: Frames) -> Iterator[str]:
    """A server that sends the frames to each client in turn, then stays silent. Gives the URL to connect to."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, args=(listener, frames), daemon=True).start()
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/subscribe"
    finally:
        listener.close()


def accept(listener: socket.socket, frames: Frames) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=send, args=(client, frames), daemon=True).start()


def send(client: socket.socket, frames: Frames) -> None:
    """Shake hands (RFC 6455 §4.2.2), send, and answer nothing more."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(65_536)
    key = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    accepted = base64.b64encode(hashlib.sha1(key.split(b":", 1)[1].strip() + GUID).digest()).decode()
    client.sendall(
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accepted}\r\n\r\n".encode()
    )
    try:
        client.sendall(frames.payload)
        while client.recv(65_536)[:1] not in (b"", b"\x88"):  # pings are left unanswered, a close frame is the end
            pass
    except OSError:
        pass
    finally:
        client.close()
