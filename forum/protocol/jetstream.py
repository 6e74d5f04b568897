"""Jetstream's `/subscribe` wire: one JSON text per operation, identity or account event.

A network's worth of frames says nothing to us, so a frame is decoded just far enough to be dropped: the record
stays raw bytes until it is wanted. An operation whose record cannot be used still counts, as a delete with a reason.
"""

from typing import Any, Final, TypeVar

import msgspec

from forum.errors import BadInput
from forum.protocol.events import AccountSeen, CommitSeen, IdentitySeen, RecordOp, RepoSuspect, StreamEvent
from forum.protocol.wire import MAX_RECORD_BYTES, Cursor, Decoded, Time, Wanted, is_future_rev
from forum.records.syntax import is_cid, is_did, is_record_key, is_tid

_T = TypeVar("_T")
_RECORD_KEY: Final = b'"record":'
# RecursionError: msgspec counts nesting even in what it skips.
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


class Mutation(msgspec.Struct, gc=False):
    """One operation of a commit. Fields may be missing here: their syntax is checked when they are wanted."""

    rev: str = ""
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    cid: object = None  # of the wrong type it spoils the record, not the operation
    record: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct, gc=False):
    did: str
    time_us: Time
    kind: str
    commit: Mutation | None = None
    cursor: Cursor | None = None  # of servers that number their events; their `time_us` is not unique


_decoder: Final = msgspec.json.Decoder(_Event)


def decode(frame: str | bytes, wanted: Wanted, now: int) -> Decoded:
    """Decode one frame."""
    event = read_frame(_decoder, frame)
    at = event.time_us
    # Without a number the time is the cursor; one that lies ahead would be resumed at the present, in silence.
    cursor = min(at, now) if event.cursor is None else event.cursor
    return Decoded(cursor, at, _event_of(event, cursor, wanted, now))


def _event_of(event: _Event, cursor: int, wanted: Wanted, now: int) -> StreamEvent | None:
    if event.kind == "commit":
        if event.commit is None:
            raise BadInput("bad_frame", "a commit event without a commit")
        return commit_event(event.commit, event.did, cursor, event.time_us, wanted, now)
    if event.did not in wanted.known:
        return None
    if event.kind == "identity":
        return IdentitySeen(cursor=cursor, at=event.time_us, did=event.did)
    if event.kind == "account":
        return AccountSeen(cursor=cursor, at=event.time_us, did=event.did)
    return None


def read_frame(decoder: msgspec.json.Decoder[_T], frame: str | bytes) -> _T:
    """Decode a frame; if a record of absurd depth or with broken text spoils it, decode what stands before it."""
    try:
        return decoder.decode(frame)
    except _UNREADABLE as error:
        cause = error
    text = frame if isinstance(frame, bytes) else frame.encode(errors="replace")
    head, found, _ = text.partition(_RECORD_KEY)
    try:
        if found:
            return decoder.decode(head + b'"record":null}}')
    except _UNREADABLE as error:
        cause = error
    raise BadInput("bad_frame", type(cause).__name__) from cause


def commit_event(
    change: Mutation, did: str, cursor: int, at: int, wanted: Wanted, now: int
) -> CommitSeen | RepoSuspect | None:
    """The event of one operation, or None if it is not ours."""
    if not wanted.takes(did, change.collection):
        return None
    if not (is_did(did) and is_record_key(change.rkey) and is_tid(change.rev)):
        raise BadInput("bad_frame", "did, rkey or rev")
    if is_future_rev(change.rev, now):
        return RepoSuspect(cursor=cursor, at=at, did=did, reason="future_rev")
    return CommitSeen(cursor=cursor, at=at, did=did, rev=change.rev, ops=(_record_op(change, did),))


def _record_op(change: Mutation, did: str) -> RecordOp:
    cid, record, why = None, None, None
    if change.operation in ("create", "update"):
        try:
            record, cid = _record(change.record), _cid(change.cid)
        except BadInput as bad:
            why = bad.reason
    elif change.operation != "delete":
        raise BadInput("bad_frame", "unknown operation")
    return RecordOp(
        did=did,
        collection=change.collection,
        rkey=change.rkey,
        rev=change.rev,
        cid=cid,
        record=record,
        why=why,
    )


def _cid(cid: object) -> str:
    if not isinstance(cid, str) or not is_cid(cid):
        raise BadInput("bad_cid")
    return cid


def _record(raw: msgspec.Raw) -> dict[str, Any]:  # Any: a record is whatever its author wrote
    data = memoryview(raw)
    if len(data) > MAX_RECORD_BYTES:
        raise BadInput("too_large")
    try:
        record = msgspec.json.decode(data)
    except _UNREADABLE as error:
        raise BadInput("bad_record") from error
    if type(record) is not dict:
        raise BadInput("bad_record", "missing, or no object")
    return record
