"""What a stream of the Jetstream v1 wire says of a forum that is being written, as websocket frames.

Everything is made before it is sent: the sender shares the machine with what is measured, so it must cost next to
nothing then.
"""

import random
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from forum.records.datamodel import cid_of
from forum.records.names import BOARD, CATEGORY, FORUM, POST
from forum.records.syntax import tid_of

FORUM_DID = "did:plc:forumforumforumforumforu"
AUTHORS = 300
BOARDS = 8
START = 1_750_000_000_000_000
EVENT_MICROSECONDS = 1_000  # from one to the next
STAMP = "2025-06-15T15:06:40.000Z"
CID = "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq"  # of what is referred to: nobody looks
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
WORDS = ("seeds", "soil", "rain", "tomato", "bread", "river", "chair", "lamp", "garden", "letter", "winter", "morning")
FRAMES_A_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its cursor, and its JSON."""

    at: int
    text: bytes

    @property
    def rev(self) -> str:
        return tid_of(self.at, 0)


def forum_events(*, seed: int = 1) -> Iterator[Event]:
    """A forum without end: its boards, then one topic to ten replies, by each author once and then by any of them."""
    dice = random.Random(seed)
    at = START
    yield written(FORUM_DID, at, FORUM, "self", {"name": "Bench", "createdAt": STAMP})
    boards = []
    for number in range(BOARDS):
        at += EVENT_MICROSECONDS
        boards.append(f"at://{FORUM_DID}/{BOARD}/{tid_of(at, 1)}")
        yield written(FORUM_DID, at, BOARD, tid_of(at, 1), board(f"Board {number}"))
    authors = [made_up_did(dice) for _ in range(AUTHORS)]
    waiting = list(authors)
    topics: list[str] = []
    while True:
        at += EVENT_MICROSECONDS
        did = waiting.pop() if waiting else dice.choice(authors)
        if not topics or dice.random() < 0.1:
            record = topic(some_words(dice, 5), some_words(dice, 25), dice.choice(boards))
            topics = [*topics[-199:], f"at://{did}/{POST}/{tid_of(at, 1)}"]
        else:
            record = reply(some_words(dice, 25), dice.choice(topics))
        yield written(did, at, POST, tid_of(at, 1), record)


def flood_events(*, seed: int = 2) -> Iterator[Event]:
    """What the whole network sends of accounts nobody here knows."""
    dice = random.Random(seed)
    at = START
    while True:
        at += EVENT_MICROSECONDS
        did = made_up_did(dice)
        identity = {"did": did, "handle": f"{did[8:20]}.bsky.social", "seq": at, "time": STAMP}
        yield event(did, at, "identity", identity)


def again(events: Sequence[Event]) -> Iterator[Event]:
    """The same records, written anew without end: each time with a higher rev, so each time it takes effect."""
    at = events[-1].at
    while True:
        for old in events:
            at += EVENT_MICROSECONDS
            text = old.text.replace(b"%d" % old.at, b"%d" % at, 1)
            text = text.replace(old.rev.encode(), tid_of(at, 0).encode(), 1)
            yield Event(at, text.replace(b'"create"', b'"update"', 1))


def board(name: str) -> dict[str, object]:
    category = {"category": ref(f"at://{FORUM_DID}/{CATEGORY}/{tid_of(START, 0)}")}
    return {"name": name, "category": category, "createdAt": STAMP}


def topic(title: str, text: str, board_uri: str) -> dict[str, object]:
    refs = {"$type": f"{POST}#boardRef", "board": ref(board_uri)}
    return {"title": title, "text": text, "board": refs, "createdAt": STAMP}


def reply(text: str, topic_uri: str) -> dict[str, object]:
    refs = {"$type": f"{POST}#replyRef", "root": ref(topic_uri), "parent": ref(topic_uri)}
    return {"text": text, "reply": refs, "createdAt": STAMP}


def ref(uri: str) -> dict[str, str]:
    return {"uri": uri, "cid": CID}


def some_words(dice: random.Random, count: int) -> str:
    return " ".join(dice.choices(WORDS, k=count))


def made_up_did(dice: random.Random) -> str:
    return f"did:plc:{''.join(dice.choices(LETTERS, k=24))}"


def written(did: str, at: int, collection: str, rkey: str, fields: Mapping[str, object]) -> Event:
    """The commit that creates a record."""
    record = {"$type": collection, **fields}
    commit = {
        "rev": tid_of(at, 0),
        "operation": "create",
        "collection": collection,
        "rkey": rkey,
        "record": record,
        "cid": cid_of(record),
    }
    return event(did, at, "commit", commit)


def event(did: str, at: int, kind: str, body: Mapping[str, object]) -> Event:
    return Event(at, msgspec.json.encode({"did": did, "time_us": at, "kind": kind, kind: body}))


def chunks(events: Iterable[Event]) -> Iterator[bytes]:
    """Whole frames, some at a time, ready for the socket."""
    frames: list[bytes] = []
    for one in events:
        frames.append(text_frame(one.text))
        if len(frames) == FRAMES_A_CHUNK:
            yield b"".join(frames)
            frames.clear()
    yield b"".join(frames)


def text_frame(text: bytes) -> bytes:
    """An unmasked text frame, as a server sends it (RFC 6455 §5.2)."""
    size = len(text)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + text
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size) + text
    return struct.pack("!BBQ", 0x81, 127, size) + text
