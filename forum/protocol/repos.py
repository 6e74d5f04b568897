"""`com.atproto.sync.subscribeRepos`, the raw stream of a PDS or relay: two DAG-CBOR values to a binary frame.

What happens to others is dropped by the paths of its operations, before any block is looked at. What concerns us
comes out as a `RawCommit`, well-formed but unproven; `commits.check_commit` does the proving with the account's key.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import libipld

from forum.errors import BadInput
from forum.protocol.car import is_cid
from forum.protocol.events import AccountSeen, IdentitySeen, RepoSuspect, StreamEvent
from forum.protocol.jetstream2 import gap_of, sync_event
from forum.protocol.wire import MAX_CURSOR, Decoded, RawCommit, RawOp, StreamRefused, Wanted, time_of
from forum.records.names import PREFIX
from forum.records.syntax import is_did, is_nsid, is_record_key, is_tid

# Any, throughout: a decoded body is whatever was sent, until it is checked.

MAX_FRAME_BYTES: Final = 5_000_000
_MAX_OPS: Final = 200


def decode(frame: str | bytes, wanted: Wanted, now: int) -> Decoded:
    """Decode one frame."""
    if not isinstance(frame, bytes):
        raise BadInput("bad_frame", "text on a binary stream")
    if len(frame) > MAX_FRAME_BYTES:
        return _oversized(frame)
    header, body = _parts(frame)
    if header.get("op") == -1:
        raise _refusal(body)
    kind = header.get("t")
    if header.get("op") != 1 or not isinstance(kind, str):
        raise BadInput("bad_frame", "header")
    if kind == "#info":
        return Decoded(None, None, gap_of(body.get("name")))
    cursor, at = _position(body)
    return Decoded(cursor, at, _event_of(kind, body, cursor, at, wanted, now))


def _parts(frame: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        parts = libipld.decode_dag_cbor_multi(frame)
    except (ValueError, RecursionError) as error:
        raise BadInput("bad_frame", "not DAG-CBOR") from error
    match parts:
        case [dict(header), dict(body)]:
            return header, body
    raise BadInput("bad_frame", "not a header and a body")


def _refusal(body: Mapping[str, Any]) -> StreamRefused:
    name, message = body.get("error"), body.get("message")
    return StreamRefused(
        name[:100] if isinstance(name, str) else "error", message[:200] if isinstance(message, str) else ""
    )


def _position(body: Mapping[str, Any]) -> tuple[int, int]:
    seq = body.get("seq")
    if type(seq) is not int or not 0 <= seq <= MAX_CURSOR:
        raise BadInput("bad_frame", "seq")
    return seq, time_of(body.get("time"))


def _oversized(frame: bytes) -> Decoded:
    """Name the repository of a commit too large to decode: the fields before its blocks are enough for that."""
    start = frame.find(b"cseq")
    end = frame.find(b"eblobs", start)
    if start < 0 or not 0 < end - start < 3000:
        raise BadInput("too_large", "a frame that does not say whose it is")
    try:
        body = libipld.decode_dag_cbor(b"\xa3" + frame[start:end])
    except (ValueError, RecursionError) as error:
        raise BadInput("too_large", "a frame that does not say whose it is") from error
    (cursor, at), did = _position(body), _did(body, "repo")
    return Decoded(cursor, at, RepoSuspect(cursor=cursor, at=at, did=did, reason="too_large"))


def _event_of(
    kind: str, body: Mapping[str, Any], cursor: int, at: int, wanted: Wanted, now: int
) -> StreamEvent | RawCommit | None:
    if kind == "#commit":
        return _commit(body, cursor, at, wanted)
    if kind not in ("#identity", "#account", "#sync"):
        return None
    did = _did(body, "did")
    if did not in wanted.known:
        return None
    if kind == "#identity":
        return IdentitySeen(cursor=cursor, at=at, did=did)
    if kind == "#account":
        return AccountSeen(cursor=cursor, at=at, did=did)
    return sync_event(body.get("rev"), did, cursor, at, now)


def _did(body: Mapping[str, Any], key: str) -> str:
    did = body.get(key)
    if not isinstance(did, str) or not is_did(did):
        raise BadInput("bad_frame", key)
    return did


def _commit(body: Mapping[str, Any], cursor: int, at: int, wanted: Wanted) -> RawCommit | RepoSuspect | None:
    did, ops = body.get("repo"), body.get("ops")
    if not isinstance(did, str) or not isinstance(ops, list):
        raise BadInput("bad_frame", "repo or ops")
    ours = list(_ours(did, ops, wanted))
    if not ours and did not in wanted.known:
        return None
    if not is_did(did):
        raise BadInput("bad_frame", "repo")
    try:
        return _raw_commit(did, body, ours, cursor, at)
    except BadInput as bad:
        return RepoSuspect(cursor=cursor, at=at, did=did, reason=bad.reason)


def _ours(did: str, ops: list[Any], wanted: Wanted) -> Iterator[Mapping[str, Any]]:
    for op in ops:
        path = op.get("path") if isinstance(op, dict) else None
        if isinstance(path, str) and path.startswith(PREFIX) and wanted.takes(did, path.partition("/")[0]):
            yield op


def _raw_commit(did: str, body: Mapping[str, Any], ours: list[Mapping[str, Any]], cursor: int, at: int) -> RawCommit:
    # Both flags are of the past: "too big to say what changed" and "history rewritten".
    if body.get("tooBig") or body.get("rebase") or len(body["ops"]) > _MAX_OPS:
        raise BadInput("too_large")
    rev, since, commit, blocks = body.get("rev"), body.get("since"), body.get("commit"), body.get("blocks")
    if not isinstance(rev, str) or not is_tid(rev):
        raise BadInput("bad_rev")
    if since is not None and not (isinstance(since, str) and is_tid(since) and since < rev):
        raise BadInput("bad_rev")
    if not isinstance(commit, bytes) or not is_cid(commit) or not isinstance(blocks, bytes):
        raise BadInput("bad_block")
    # Within one commit the last operation on a path counts; the tree could prove no other.
    last = {op["path"]: _raw_op(op) for op in ours}
    return RawCommit(
        cursor=cursor,
        at=at,
        did=did,
        rev=rev,
        since=since,
        ops=tuple(last.values()),
        commit=commit,
        blocks=blocks,
    )


def _raw_op(op: Mapping[str, Any]) -> RawOp:
    collection, _, rkey = op["path"].partition("/")
    action, cid = op.get("action"), op.get("cid")
    if not is_nsid(collection) or not is_record_key(rkey):
        raise BadInput("bad_op", "path")
    if action == "delete" and cid is None:
        return RawOp(collection, rkey, None)
    if action not in ("create", "update") or not is_cid(cid):
        raise BadInput("bad_op", "action or cid")
    return RawOp(collection, rkey, cid)
