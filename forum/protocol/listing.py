"""What a PDS answers when asked for a repository: its newest commit, pages of its records, lists of accounts.

All of it is checked as hostile: whose records they are, that keys fall strictly (so no cursor can loop), and every
record against its CID and its lexicon. A record that fails becomes an operation with a reason; a page is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from forum.errors import BadInput
from forum.protocol.events import RecordOp
from forum.protocol.wire import MAX_RECORD_BYTES, is_future_rev
from forum.records import check_record
from forum.records.datamodel import cid_of_block, to_cbor
from forum.records.syntax import is_cid, is_did, is_record_key, is_tid

PAGE: Final = 100  # the most listRecords gives
MAX_DIDS: Final = 2_000


class LatestCommit(NamedTuple):
    """Where a repository stands."""

    cid: str
    rev: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """Records with falling keys; `cursor` is None on the last page, and may follow a page without any."""

    ops: tuple[RecordOp, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DidPage:
    """Accounts of a list; `cursor` is None on the last page."""

    dids: tuple[str, ...]
    cursor: str | None


def read_latest_commit(answer: object, now: int) -> LatestCommit:
    """The answer of com.atproto.sync.getLatestCommit. Raises `BadInput`."""
    match answer:
        case {"cid": str(cid), "rev": str(rev)} if is_cid(cid) and is_tid(rev) and not is_future_rev(rev, now):
            return LatestCommit(cid, rev)
    raise BadInput("bad_rev", "the newest commit has no rev we can believe")


def read_records(answer: object, *, did: str, collection: str, rev: str, below: str | None) -> RecordPage:
    """A page of com.atproto.repo.listRecords whose keys are all below `below`. Raises `BadInput`."""
    if not isinstance(answer, Mapping) or not isinstance(entries := answer.get("records"), list):
        raise BadInput("bad_page", "no records in the answer")
    ops = []
    for entry in entries:
        op = _record(entry, did, collection, rev)
        if below is not None and op.rkey >= below:
            raise BadInput("bad_page", "the keys do not fall")
        below = op.rkey
        ops.append(op)
    cursor = answer.get("cursor")
    return RecordPage(ops=tuple(ops), cursor=cursor if isinstance(cursor, str) and cursor else None)


def read_dids(answer: object, field: str = "repos") -> DidPage:
    """A page of listRepos or listReposByCollection; what is no DID is left out. Raises `BadInput`."""
    if not isinstance(answer, Mapping) or not isinstance(entries := answer.get(field), list):
        raise BadInput("bad_page", "no accounts in the answer")
    found = (entry.get("did") for entry in entries[:MAX_DIDS] if isinstance(entry, Mapping))
    dids = tuple(did for did in found if isinstance(did, str) and is_did(did))
    cursor = answer.get("cursor")
    return DidPage(dids=dids, cursor=cursor if isinstance(cursor, str) and cursor and entries else None)


def _record(entry: object, did: str, collection: str, rev: str) -> RecordOp:
    match entry:
        case {"uri": str(uri), "cid": str(cid), "value": dict(value)}:
            prefix, _, rkey = uri.rpartition("/")
            if prefix != f"at://{did}/{collection}" or not is_record_key(rkey):
                raise BadInput("bad_page", "a record that is not of this repository")
            why = _fault(collection, rkey, cid, value)
            if why is not None:
                return RecordOp(did=did, collection=collection, rkey=rkey, rev=rev, why=why)
            return RecordOp(did=did, collection=collection, rkey=rkey, rev=rev, cid=cid, record=value)
    raise BadInput("bad_page", "an entry that is no record")


def _fault(collection: str, rkey: str, cid: str, value: Mapping[str, Any]) -> str | None:
    """Why the record is not kept; None when all is well."""
    try:
        block = to_cbor(value)
        if len(block) > MAX_RECORD_BYTES:
            return "too_large"
        if cid_of_block(block) != cid:
            return "bad_cid"
        check_record(collection, rkey, value)
    except BadInput as bad:
        return bad.reason
    return None
