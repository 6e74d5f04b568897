"""Jetstream v2, `network.bsky.jetstream.subscribeEvents`: JSON messages with a numbered envelope.

Operations are those of v1 in a flat payload; `#sync`, `#info` and error frames are new. The cursor is the sequence
number, inclusive: after a reconnect the last event comes once more.
"""

from typing import Final

import msgspec

from forum.errors import BadInput
from forum.protocol.events import (
    AccountSeen,
    GapFound,
    IdentitySeen,
    RepoSuspect,
    StreamEvent,
    SyncSeen,
)
from forum.protocol.jetstream import Mutation, commit_event, read_frame
from forum.protocol.wire import Cursor, Decoded, StreamRefused, Wanted, is_future_rev, time_of
from forum.records.syntax import is_tid

_NSID: Final = "network.bsky.jetstream.subscribeEvents#"


class _Sync(msgspec.Struct, frozen=True, gc=False):
    rev: str = ""


class _Payload(Mutation, gc=False):
    type_: str = msgspec.field(name="$type", default="")
    seq: Cursor | None = None
    did: str = ""
    time: str = ""
    sync: _Sync = _Sync()
    name: str = ""


class _Frame(msgspec.Struct, gc=False):
    type_: str = msgspec.field(name="$type")
    payload: _Payload | None = None
    error: str = ""
    message: str = ""


class _Refusal(msgspec.Struct):
    error: str
    message: str = ""


_decoder: Final = msgspec.json.Decoder(_Frame)
_refusals: Final = msgspec.json.Decoder(_Refusal)


def decode(frame: str | bytes, wanted: Wanted, now: int) -> Decoded:
    """Decode one frame."""
    envelope = read_frame(_decoder, frame)
    if envelope.type_ == "error":
        raise StreamRefused(envelope.error[:100] or "error", envelope.message[:200])
    payload = envelope.payload
    if envelope.type_ != "message" or payload is None or not payload.type_.startswith(_NSID):
        raise BadInput("bad_frame", "not a message")
    kind = payload.type_[len(_NSID) :]
    if kind == "info":
        return Decoded(None, None, gap_of(payload.name))
    if payload.seq is None:
        raise BadInput("bad_frame", "no seq")
    at = time_of(payload.time)
    return Decoded(payload.seq, at, _event_of(kind, payload, payload.seq, at, wanted, now))


def refusal_of(body: bytes) -> StreamRefused | None:
    """What an HTTP answer that refused the upgrade says, if it is an XRPC error."""
    try:
        refusal = _refusals.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return StreamRefused(refusal.error[:100], refusal.message[:200])


def gap_of(name: object) -> GapFound | None:
    """What an `#info` says of our cursor. It is not repeated there: `from_cursor` is for the reader to fill in."""
    return GapFound(from_cursor=None, reason=name) if name in ("OutdatedCursor", "FutureCursor") else None


def _event_of(kind: str, payload: _Payload, seq: int, at: int, wanted: Wanted, now: int) -> StreamEvent | None:
    did = payload.did
    if kind == "commit":
        return commit_event(payload, did, seq, at, wanted, now)
    if did not in wanted.known:
        return None
    if kind == "identity":
        return IdentitySeen(cursor=seq, at=at, did=did)
    if kind == "account":
        return AccountSeen(cursor=seq, at=at, did=did)
    return sync_event(payload.sync.rev, did, seq, at, now) if kind == "sync" else None


def sync_event(rev: object, did: str, cursor: int, at: int, now: int) -> SyncSeen | RepoSuspect:
    """The event of a `#sync`; with a revision nobody should believe, the repository is suspect all the same."""
    if not isinstance(rev, str) or not is_tid(rev):
        return RepoSuspect(cursor=cursor, at=at, did=did, reason="bad_rev")
    if is_future_rev(rev, now):
        return RepoSuspect(cursor=cursor, at=at, did=did, reason="future_rev")
    return SyncSeen(cursor=cursor, at=at, did=did, rev=rev)
