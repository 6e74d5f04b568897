"""What was written through us, shown before the stream brings it.

The PDS's answer to a write names its commit, and `apply()` does with it what it will do with the stream's copy: the
first to come takes effect, the other changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from forum import audit, changes, ledger
from forum.database import Connection, Database, DatabaseAway
from forum.errors import BadInput
from forum.protocol.events import RecordOp
from forum.records.syntax import is_cid, is_record_key, is_tid

log = structlog.get_logger(__name__)

Record = Mapping[str, Any]  # Any: JSON
Beside = Callable[
    [Connection], Awaitable[None]
]  # what belongs to a write, and is done in the transaction that shows it


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWrite:
    """A write its PDS has answered. `record` and `cid` are None for a delete, `rev` is None where it is not known."""

    did: str
    collection: str
    rkey: str
    cid: str | None = None
    rev: str | None = None
    record: Record | None = None

    @property
    def uri(self) -> str:
        return f"at://{self.did}/{self.collection}/{self.rkey}"


def read_put(answer: object, *, did: str, collection: str, record: Record) -> OwnWrite:
    """The answer to createRecord or putRecord. Raises `BadInput`."""
    match answer:
        case {"uri": str(uri), "cid": str(cid)} if is_cid(cid):
            place, _, rkey = uri.rpartition("/")
            if place == f"at://{did}/{collection}" and is_record_key(rkey):
                rev = _rev(answer)
                return OwnWrite(did=did, collection=collection, rkey=rkey, cid=cid, rev=rev, record=record)
    raise BadInput("bad_answer", "the answer to a write does not say what was written")


def read_delete(answer: object, *, did: str, collection: str, rkey: str) -> OwnWrite:
    """The answer to deleteRecord."""
    return OwnWrite(did=did, collection=collection, rkey=rkey, rev=_rev(answer))


def _rev(answer: object) -> str | None:
    match answer:
        case {"commit": {"rev": str(rev)}} if is_tid(rev):
            return rev
    return None


async def show_own_write(
    database: Database,
    write: OwnWrite,
    *,
    forum_did: str,
    entry: audit.Entry | None = None,
    beside: Beside | None = None,
) -> None:
    """Bring it into the index, for the writer's next read, and `entry` into the audit. The record has been checked.

    A database that is away is no failure of the write, which is done: the stream brings it later. The audit it does not
    bring, so the log has what was to be noted.
    """
    ops = [] if write.rev is None else [_op_of(write, write.rev)]
    try:
        async with database.transaction() as tx:
            # The disk is waited for only by what no stream brings again.
            await ledger.take_lock(tx, replayable=entry is None)
            applied = await ledger.apply(tx, ops, forum_did=forum_did)
            await changes.notify(tx, applied.changes)
            if entry is not None:
                await audit.note(tx, entry)
            if beside is not None:
                await beside(tx)
    except DatabaseAway as away:
        log.warning("own_write_not_shown", did=write.did, collection=write.collection, reason=str(away))
        if entry is not None:
            log.warning("act_not_in_audit", actor=entry.actor, act=entry.act, subject=entry.subject, uri=write.uri)


def _op_of(write: OwnWrite, rev: str) -> RecordOp:
    return RecordOp(
        did=write.did, collection=write.collection, rkey=write.rkey, rev=rev, cid=write.cid, record=write.record
    )
