"""Prove a commit of the raw stream: blocks, signature, revision, and each of our operations in the signed tree.

Nothing of a commit is believed before; one that fails is a `RepoSuspect`, and the repository is fetched anew. A
record that is proven but unusable is its author's affair instead: an operation with a reason, as from Jetstream.
"""

from collections.abc import Mapping
from typing import Any, Final

import libipld

from forum.errors import BadInput
from forum.protocol.car import Blocks, is_cid, split_car
from forum.protocol.events import CommitSeen, RecordOp, RepoSuspect
from forum.protocol.mst import find_all
from forum.protocol.signing import PublicKey, verify
from forum.protocol.wire import MAX_RECORD_BYTES, RawCommit, RawOp, is_future_rev
from forum.records.datamodel import from_cbor, to_cbor

_COMMIT_VERSION: Final = 3


def check_commit(raw: RawCommit, key: PublicKey, now: int) -> CommitSeen | RepoSuspect:
    """The proven commit. A `bad_signature` may mean that the key was changed: ask the identity again, once."""
    try:
        ops = _proven_ops(raw, key, now)
    except BadInput as bad:
        return RepoSuspect(cursor=raw.cursor, at=raw.at, did=raw.did, reason=bad.reason)
    return CommitSeen(cursor=raw.cursor, at=raw.at, did=raw.did, rev=raw.rev, ops=ops, since=raw.since, verified=True)


def _proven_ops(raw: RawCommit, key: PublicKey, now: int) -> tuple[RecordOp, ...]:
    if is_future_rev(raw.rev, now):
        raise BadInput("future_rev")
    root, blocks = split_car(raw.blocks)
    if root != raw.commit:
        raise BadInput("bad_block", "the root is not the commit")
    tree = _signed_tree(raw, blocks, key)
    claimed = {f"{op.collection}/{op.rkey}".encode(): op for op in raw.ops}
    proven = find_all(tree, claimed, blocks)
    if any(proven[path] != op.cid for path, op in claimed.items()):
        raise BadInput("bad_proof", "an operation that the tree does not show")
    return tuple([_record_op(raw, op, blocks) for op in raw.ops])


def _signed_tree(raw: RawCommit, blocks: Blocks, key: PublicKey) -> bytes:
    """The root of the tree that the commit block signs."""
    commit = _commit_block(blocks, raw.commit)
    if commit.get("did") != raw.did:
        raise BadInput("bad_did", "the commit is of another repository")
    if commit.get("rev") != raw.rev:
        raise BadInput("bad_rev", "the commit has another rev than its frame")
    signature = commit.pop("sig", None)
    if not verify(key, libipld.encode_dag_cbor(commit), signature):
        raise BadInput("bad_signature")
    tree: bytes = commit["data"]
    return tree


def _commit_block(blocks: Blocks, cid: bytes) -> dict[str, Any]:  # Any: fields are checked one by one
    try:
        commit = libipld.decode_dag_cbor(blocks[cid])
    except (KeyError, ValueError, RecursionError) as error:
        raise BadInput("bad_block", "a missing or broken commit") from error
    if type(commit) is not dict or commit.get("version") != _COMMIT_VERSION or not is_cid(commit.get("data")):
        raise BadInput("bad_block", "not a commit")
    return commit


def _record_op(raw: RawCommit, op: RawOp, blocks: Blocks) -> RecordOp:
    cid, record, why = None, None, None
    if op.cid is not None:
        block = blocks.get(op.cid)
        if block is None:
            raise BadInput("bad_block", "a record without its block")
        try:
            record, cid = _read_record(block), libipld.encode_cid(op.cid)
        except BadInput as bad:
            why = bad.reason
    return RecordOp(
        did=raw.did,
        collection=op.collection,
        rkey=op.rkey,
        rev=raw.rev,
        cid=cid,
        record=record,
        why=why,
    )


def _read_record(block: bytes) -> Mapping[str, Any]:
    if len(block) > MAX_RECORD_BYTES:
        raise BadInput("too_large")
    record: Mapping[str, Any] = from_cbor(block)
    # Encoded in any but the one canonical way it would have another CID wherever it is fetched as JSON.
    if to_cbor(record) != block:
        raise BadInput("bad_cbor", "not canonical")
    return record
