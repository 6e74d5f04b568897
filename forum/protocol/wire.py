"""What the three stream decoders share: which frames are wanted, what one frame comes to, and the common bounds.

A decoder is a function `decode(frame, wanted, now) -> Decoded`. It keeps nothing between two frames and raises
only `BadInput` (count the frame, go on) or `StreamRefused` (the stream ends here). `now` and every time are
microseconds since 1970.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from forum.errors import BadInput, Unavailable
from forum.protocol.events import StreamEvent
from forum.records.names import PREFIX, is_ours
from forum.records.syntax import tid_of

MAX_RECORD_BYTES: Final = 256_000
MAX_CURSOR: Final = 2**63 - 1  # what a bigint holds
_MAX_TIME: Final = 253_402_300_799_999_999  # the end of the year 9999, the last a datetime can say
_MAX_TIME_TEXT: Final = 64
_SECOND: Final = 1_000_000
_CLOCK_SKEW: Final = 5 * 60 * _SECOND
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Cursor = Annotated[int, msgspec.Meta(ge=0, le=MAX_CURSOR)]
Time = Annotated[int, msgspec.Meta(ge=0, le=_MAX_TIME)]


class StreamRefused(Unavailable):
    """The server ends the stream and says why: `CursorTooOld`, `FutureCursor`, `ConsumerTooSlow`, …"""

    def __init__(self, name: str, message: str = "") -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is kept of a stream: our records by anyone, and whatever happens to the accounts we know."""

    forum_did: str
    known: Container[str]

    def takes(self, did: str, collection: str) -> bool:
        return collection.startswith(PREFIX) and is_ours(did, collection, self.forum_did)


class RawOp(msgspec.Struct, frozen=True, gc=False):
    """One operation of ours as a frame claims it; `cid` is None for a delete."""

    collection: str
    rkey: str
    cid: bytes | None


class RawCommit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit of subscribeRepos, well-formed but unproven: for `commits.check_commit` and the account's key."""

    cursor: int
    at: int
    did: str
    rev: str
    since: str | None
    ops: tuple[RawOp, ...]
    commit: bytes
    blocks: bytes


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """One frame: its position, which moves the cursor even when the frame says nothing to us, and what it says.

    `cursor` and `at` are None for a frame outside the sequence (`#info`).
    """

    cursor: int | None
    at: int | None
    event: StreamEvent | RawCommit | None = None


def is_future_rev(rev: str, now: int) -> bool:
    """Whether a revision is more than five minutes ahead: applied, it would shut out all honest ones until then."""
    return rev > _last_rev(now // _SECOND)


@lru_cache(maxsize=1)
def _last_rev(second: int) -> str:
    """The highest revision that is not ahead during this second; made once for all of its events."""
    return tid_of(second * _SECOND + _CLOCK_SKEW, 1023)


def time_of(text: object) -> int:
    """The microseconds of a datetime on the wire."""
    if not isinstance(text, str) or len(text) > _MAX_TIME_TEXT:
        raise BadInput("bad_frame", "not a datetime")
    try:
        micros = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except (TypeError, ValueError) as error:  # TypeError: without an offset
        raise BadInput("bad_frame", "not a datetime") from error
    if not 0 <= micros <= _MAX_TIME:
        raise BadInput("bad_frame", "a time out of range")
    return micros
