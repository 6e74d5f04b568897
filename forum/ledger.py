"""The convergent index: `apply()` and snapshots, the only ways a record gets into our tables or out.

An operation takes effect if and only if its rev is higher than the ledger's and the floor's. So live events, replays,
snapshots and our own writes may come in any order, any number of times, from any process, and end the same.
All functions run inside a transaction of the caller that holds `take_lock()`; none of them commits.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from forum import index, reports
from forum.changes import Changes
from forum.database import Connection
from forum.protocol.events import RecordOp
from forum.records.names import BOARD, MEMBERSHIP, POST, is_ours

READING = 1
"""Version of our reading of records. Raise it when a record we hold would be read otherwise today."""

LOCK = 0x61746262  # "atbb": one writer at a time, in whichever process

TAKE_LOCK = "SELECT pg_advisory_xact_lock($1)"
# Without waiting for the disk: what a crash of the machine takes, cursor and all, comes again from the stream.
TAKE_LOCK_LAZILY = "SELECT pg_advisory_xact_lock($1), set_config('synchronous_commit', 'off', true)"

# Closed accounts (deactivated, taken down, deleted) are closed to commits: becoming active again makes them stale.
CLAIM = """
INSERT INTO ledger AS l (did, collection, rkey, rev, cid, why, version)
SELECT i.did, i.collection, i.rkey, i.rev, i.cid, i.why, $7
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       AS i (did, collection, rkey, rev, cid, why)
  LEFT JOIN floors f USING (did, collection)
  LEFT JOIN accounts a USING (did)
 WHERE (f.rev IS NULL OR i.rev > f.rev) AND (a.status IS NULL OR a.status = 'active')
    ON CONFLICT (did, collection, rkey) DO UPDATE
   SET rev = excluded.rev, cid = excluded.cid, why = excluded.why, version = excluded.version
 WHERE excluded.rev > l.rev
RETURNING did, collection, rkey
"""

RAISE_FLOORS = """
INSERT INTO floors AS f (did, collection, rev)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
    ON CONFLICT (did, collection) DO UPDATE SET rev = greatest(f.rev, excluded.rev)
"""

MARK_STALE = """
INSERT INTO repos AS r (did, stale_since, stale_reason, stale_marks)
SELECT i.did, now(), i.reason, 1 FROM unnest($1::text[], $2::text[]) AS i (did, reason)
    ON CONFLICT (did) DO UPDATE
   SET stale_since = coalesce(r.stale_since, now()), stale_reason = excluded.stale_reason,
       stale_marks = r.stale_marks + 1
RETURNING did, stale_marks
"""

# Rows of a page's interval that the page has not, $6 to $8 being the keys of all records of all pages.
DROP_MISSING = """
WITH present AS MATERIALIZED (
    SELECT * FROM unnest($6::text[], $7::text[], $8::text[]) AS i (did, collection, rkey)
)
DELETE FROM ledger l
 USING unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS p (did, collection, rev, low, high)
 WHERE l.did = p.did AND l.collection = p.collection AND l.rkey >= p.low AND (p.high IS NULL OR l.rkey < p.high)
   AND l.rev <= p.rev
   AND NOT EXISTS (SELECT FROM present i WHERE (i.did, i.collection, i.rkey) = (l.did, l.collection, l.rkey))
RETURNING l.did, l.collection, l.rkey, p.rev, l.cid
"""

# A page still on its way must not bring back what the deletion of its account erased.
CLAIM_PAGES = """
INSERT INTO ledger AS l (did, collection, rkey, rev, cid, why, version)
SELECT i.did, i.collection, i.rkey, i.rev, i.cid, i.why, $7
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       AS i (did, collection, rkey, rev, cid, why)
  LEFT JOIN accounts a USING (did)
 WHERE a.status IS NULL OR a.status <> 'deleted'
    ON CONFLICT (did, collection, rkey) DO UPDATE
   SET rev = excluded.rev, cid = excluded.cid, why = excluded.why, version = excluded.version
 WHERE l.rev <= excluded.rev AND (l.cid IS DISTINCT FROM excluded.cid OR l.version < excluded.version)
RETURNING did, collection, rkey
"""

FINISH = """
UPDATE repos r
   SET synced_rev = greatest(r.synced_rev, i.rev),
       stale_since = CASE WHEN r.stale_marks = i.mark THEN NULL ELSE r.stale_since END,
       stale_reason = CASE WHEN r.stale_marks = i.mark THEN NULL ELSE r.stale_reason END,
       mend_failures = 0, mend_at = now()
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS i (did, rev, mark)
 WHERE r.did = i.did
"""

ERASE = (
    "DELETE FROM posts WHERE did = $1",
    "DELETE FROM renderings WHERE uri > 'at://' || $1 || '/' AND uri < 'at://' || $1 || '0'",  # 0 follows the slash
    "DELETE FROM memberships WHERE did = $1",
    "DELETE FROM members WHERE did = $1",
    "DELETE FROM reactions WHERE did = $1",
    "DELETE FROM ledger WHERE did = $1",
    "DELETE FROM floors WHERE did = $1",
    "DELETE FROM repos WHERE did = $1",
    "DELETE FROM former_handles WHERE did = $1",
)

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What one call changed: operations that took effect, refusals by reason, and what readers should look at again."""

    effective: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    changes: Changes = field(default_factory=Changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a snapshot of one collection: all records with `low` <= rkey < `high` (None: to the end) at `rev`."""

    did: str
    collection: str
    rev: str
    low: str
    high: str | None
    ops: Sequence[RecordOp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is read anew of a repository: these collections, as of `rev`."""

    did: str
    rev: str
    collections: Sequence[str]


async def take_lock(tx: Connection, *, replayable: bool = False) -> None:
    """Wait to be the one writer until the transaction ends; what was committed before is then seen.

    `replayable`: all that is written comes again if it is lost, so the commit need not wait for the disk.
    """
    await tx.execute(TAKE_LOCK_LAZILY if replayable else TAKE_LOCK, LOCK)


async def apply(tx: Connection, ops: Iterable[RecordOp], *, forum_did: str) -> Applied:
    """Let each operation take effect if it is news. Checked records only: `why` says what was refused before."""
    folded = [kept(op, forum_did) for op in fold(ops) if is_ours(op.did, op.collection, forum_did)]
    if not folded:
        return Applied()
    folded.sort(key=key_of)
    columns = zip(*((o.did, o.collection, o.rkey, o.rev, o.cid, o.why) for o in folded), strict=True)
    rows = await tx.fetch(CLAIM, *columns, READING)
    claimed = {(row[0], row[1], row[2]) for row in rows}
    return await _index(tx, [op for op in folded if key_of(op) in claimed])


def fold(ops: Iterable[RecordOp]) -> Iterable[RecordOp]:
    """One operation per key: that of the highest rev, of the same rev the last."""
    newest: dict[Key, RecordOp] = {}
    for op in ops:
        key = key_of(op)
        known = newest.get(key)
        if known is None or op.rev >= known.rev:
            newest[key] = op
    return newest.values()


def key_of(op: RecordOp) -> Key:
    return (op.did, op.collection, op.rkey)


def kept(op: RecordOp, forum_did: str) -> RecordOp:
    """The operation as the ledger shall have it: a record that belongs to another forum is one we do not hold."""
    if op.why is not None:
        return RecordOp(did=op.did, collection=op.collection, rkey=op.rkey, rev=op.rev, why=op.why)
    if op.record is not None and _is_foreign(op, forum_did):
        return RecordOp(did=op.did, collection=op.collection, rkey=op.rkey, rev=op.rev, why="foreign")
    return op


def _is_foreign(op: RecordOp, forum_did: str) -> bool:
    record = op.record or {}
    if op.collection == POST and "reply" not in record:
        uri: str = record["board"]["board"]["uri"]
        return not uri.startswith(f"at://{forum_did}/{BOARD}/")
    if op.collection == MEMBERSHIP:
        uri = record["forum"]["forum"]["uri"]
        return not uri.startswith(f"at://{forum_did}/")
    return False


async def _index(tx: Connection, effective: Sequence[RecordOp]) -> Applied:
    refused = Counter(op.why for op in effective if op.why is not None)
    changes = await index.write(tx, effective)
    return Applied(effective=len(effective), refused=refused, changes=changes)


async def mark_stale(tx: Connection, reasons: dict[str, str]) -> None:
    """Note repositories (DID → reason) that must be fetched anew: what we hold of them may be wrong."""
    if reasons:
        await tx.fetch(MARK_STALE, *zip(*sorted(reasons.items()), strict=True))


async def begin_snapshots(tx: Connection, snapshots: Sequence[Snapshot]) -> dict[str, int]:
    """Raise the floors before the first page is applied; the repositories are stale until the last one is.

    The returned marks, by DID, go to `finish_snapshots`. (A floor raised later lets a replayed event slip in behind
    the pages.)
    """
    if not snapshots:
        return {}
    dids = sorted(snapshot.did for snapshot in snapshots)
    marks = await tx.fetch(MARK_STALE, dids, ["snapshot"] * len(dids))
    floors = sorted((one.did, collection, one.rev) for one in snapshots for collection in one.collections)
    await tx.execute(RAISE_FLOORS, *_columns(floors, width=3))
    return {row["did"]: row["stale_marks"] for row in marks}


async def plan_anew(tx: Connection) -> None:
    """Have this transaction planned for the tables as they are. A plan that is kept may be from when they were empty,
    and then walks through the whole of them every time: while many rows come, that takes longer and longer.
    """
    await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")


async def apply_pages(tx: Connection, pages: Sequence[Page], *, forum_did: str) -> Applied:
    """Make each interval of keys equal to its page: put what it has, drop what it has not, leave what is newer."""
    pages = [page for page in pages if is_ours(page.did, page.collection, forum_did)]
    ops = {key_of(op): kept(op, forum_did) for page in pages for op in page.ops}
    intervals = _columns([(p.did, p.collection, p.rev, p.low, p.high) for p in pages], width=5)
    missing = await tx.fetch(DROP_MISSING, *intervals, *_columns(list(ops), width=3))
    gone = [
        RecordOp(did=row["did"], collection=row["collection"], rkey=row["rkey"], rev=row["rev"])
        for row in missing
        if row["cid"] is not None
    ]
    if not ops:
        return await _index(tx, gone)
    revs = {key_of(op): page.rev for page in pages for op in page.ops}
    rows = [(*key, revs[key], ops[key].cid, ops[key].why) for key in sorted(ops)]
    claimed = await tx.fetch(CLAIM_PAGES, *_columns(rows, width=6), READING)
    return await _index(tx, gone + [ops[row[0], row[1], row[2]] for row in claimed])


def _columns(rows: Sequence[tuple[object, ...]], *, width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


async def finish_snapshots(tx: Connection, finished: Sequence[tuple[Snapshot, int]]) -> None:
    """All their pages are in: known up to their revs, and no longer stale unless marked since."""
    if finished:
        rows = sorted((snapshot.did, snapshot.rev, mark) for snapshot, mark in finished)
        await tx.execute(FINISH, *_columns(rows, width=3))


async def erase(tx: Connection, did: str) -> None:
    """Forget the content of a deleted account, its ledger and floors with it, and what it has to do with reports."""
    for statement in ERASE:
        await tx.execute(statement, did)
    await reports.forget(tx, did)
