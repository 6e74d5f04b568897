"""Backfill jobs: rows that say what was asked for, what is planned, how far it is, and what went wrong.

A unique index lets one be in progress at a time, whichever process was asked. Everything a job needs to go on after a
crash is here; the loop that does the work is actors/backfill.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from forum.changes import Changes, notify
from forum.database import Connection, RowRefused

Type = Literal["catch_up", "full_sync"]
Status = Literal["in_progress", "completed", "failed", "cancelled"]

ABOVE_IDS = 2**63 - 1
LONGEST_MESSAGE = 500
MOST_ERRORS = 1_000

# Without a place in the stream or without the forum's own record everything is missing, whatever the gaps say.
HAS_BEGUN = "SELECT EXISTS (SELECT FROM stream WHERE cursor IS NOT NULL) AND EXISTS (SELECT FROM forum)"
# A gap without which nothing of us is there to catch up with asks for everything.
VERDICT = """
SELECT CASE WHEN count(*) = 0 THEN NULL
            WHEN bool_or(reason IN ('no_cursor', 'no_forum')) THEN 'full_sync' ELSE 'catch_up' END
  FROM gaps WHERE closed_at IS NULL AND ($1::timestamptz IS NULL OR opened_at > $1)
"""
IS_AWAY = "SELECT connected_at < clock_timestamp() - $1::interval FROM stream"
START = "INSERT INTO backfills (type) VALUES ($1) RETURNING *"
CURRENT = "SELECT * FROM backfills WHERE status = 'in_progress'"
READ = "SELECT * FROM backfills WHERE id = $1"
HISTORY = "SELECT * FROM backfills WHERE id < $1 ORDER BY id DESC LIMIT $2 OFFSET $3"
LAST_START = "SELECT max(started_at) FROM backfills"
ASK_TO_CANCEL = "UPDATE backfills SET cancel_asked = true WHERE id = $1 AND status = 'in_progress' RETURNING true"
CANCEL_ASKED = "SELECT cancel_asked FROM backfills WHERE id = $1"

PLAN = """
WITH planned AS (
    INSERT INTO backfill_repos (backfill_id, did) SELECT $1, did FROM unnest($2::text[]) AS did
        ON CONFLICT DO NOTHING RETURNING 1)
UPDATE backfills SET dids_total = dids_total + (SELECT count(*) FROM planned) WHERE id = $1
"""
PLAN_KNOWN = """
WITH planned AS (
    INSERT INTO backfill_repos (backfill_id, did)
    SELECT $1, did FROM accounts WHERE status <> 'deleted' ORDER BY did
        ON CONFLICT DO NOTHING RETURNING 1)
UPDATE backfills SET dids_total = dids_total + (SELECT count(*) FROM planned) WHERE id = $1
"""
PLANNED = "UPDATE backfills SET planned = true, error_message = left($2, $3) WHERE id = $1"
NEXT_REPOS = """
SELECT r.did, r.tries, coalesce(a.pds, r.pds) AS pds, coalesce(a.status <> 'active', false) AS is_closed,
       CASE WHEN p.stale_since IS NULL THEN p.synced_rev END AS synced_rev
  FROM backfill_repos r LEFT JOIN accounts a USING (did) LEFT JOIN repos p USING (did)
 WHERE r.backfill_id = $1 AND NOT r.is_done AND r.try_at <= now() AND r.did <> ALL ($2::text[])
   AND coalesce(coalesce(a.pds, r.pds) <> ALL ($3::text[]), true)
 ORDER BY r.place
 LIMIT $4
"""
LEFT = "SELECT count(*) FROM backfill_repos WHERE backfill_id = $1 AND NOT is_done"
DONE = """
WITH done AS (
    UPDATE backfill_repos SET is_done = true
     WHERE backfill_id = $1 AND did = ANY ($2::text[]) AND NOT is_done RETURNING 1)
UPDATE backfills SET dids_processed = dids_processed + (SELECT count(*) FROM done),
                     records_indexed = records_indexed + $3
 WHERE id = $1
"""
LIVES_AT = "UPDATE backfill_repos SET pds = $3 WHERE backfill_id = $1 AND did = $2"
LATER = """
UPDATE backfill_repos SET tries = tries + $4, try_at = now() + make_interval(secs => $3)
 WHERE backfill_id = $1 AND did = $2
"""
ADD_ERROR = """
WITH added AS (
    INSERT INTO backfill_errors (backfill_id, did, collection, error_message) VALUES ($1, $2, $3, $4))
UPDATE backfills SET error_count = error_count + 1 WHERE id = $1
"""
ERRORS = """
SELECT id, did, collection, error_message, created_at FROM backfill_errors WHERE backfill_id = $1 ORDER BY id LIMIT $2
"""
STALE_AMONG = """
SELECT did FROM backfill_repos b JOIN repos r USING (did) WHERE b.backfill_id = $1 AND r.stale_since IS NOT NULL
 ORDER BY b.place
"""
FINISH = """
UPDATE backfills b SET status = $2, error_message = nullif(left(concat_ws(' ', b.error_message, $3::text), $4), ''),
                       completed_at = clock_timestamp()
  FROM backfills before WHERE b.id = $1 AND before.id = b.id AND b.status = 'in_progress'
RETURNING b.started_at, before.error_message IS NULL AS asked_everywhere
"""
CLOSE_GAPS = "UPDATE gaps SET closed_at = clock_timestamp() WHERE closed_at IS NULL AND opened_at < $1"
# The plan was to be gone through once; what is worth keeping of a finished job is in its row and its errors.
FORGET_PLAN = "DELETE FROM backfill_repos WHERE backfill_id = $1"
HAS_LEADER = "SELECT heartbeat_at > clock_timestamp() - make_interval(secs => $1) FROM leader"

STALE_DUE = """
SELECT r.did, r.mend_failures AS tries, a.pds, coalesce(a.status <> 'active', false) AS is_closed,
       NULL::text AS synced_rev
  FROM repos r LEFT JOIN accounts a USING (did)
 WHERE r.stale_since IS NOT NULL AND r.mend_at <= now()
 ORDER BY r.mend_at LIMIT $1
"""
MEND_LATER = """
UPDATE repos SET mend_failures = mend_failures + 1, mend_at = now() + make_interval(secs => $2) WHERE did = $1
"""
# An account that is away has no repository to fetch. Coming back makes it stale anew, perhaps just before this.
LEAVE = """
UPDATE repos SET stale_since = NULL, stale_reason = NULL
 WHERE did = $1 AND NOT EXISTS (SELECT FROM accounts a WHERE a.did = $1 AND a.status = 'active')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as its row has it; counts are of the moment."""

    id: int
    type: Type
    status: Status
    planned: bool
    cancel_asked: bool
    dids_total: int
    dids_processed: int
    records_indexed: int
    error_count: int
    error_message: str | None
    started_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoDue:
    """A repository to visit. `pds` is None while we do not know where it lives.

    `is_closed`: when last asked about, the account was not active. `synced_rev` is None when it is to be read anew.
    """

    did: str
    tries: int
    pds: str | None
    is_closed: bool
    synced_rev: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    id: int
    did: str
    collection: str | None
    error_message: str
    created_at: datetime


class AlreadyRunning(Exception):
    """Another job is in progress."""


async def verdict(connection: Connection, *, since: datetime | None = None) -> Type | None:
    """The kind of job that open gaps (those opened after `since`) ask for; None when none is open."""
    found: Type | None = await connection.fetchval(VERDICT, since)
    return found


async def needed(connection: Connection, *, max_age: timedelta) -> Type | None:
    """The kind of job that would make the index complete; None when it is.

    A stream that is away for longer than `max_age` has left a gap, though nobody could open it yet.
    """
    if not await connection.fetchval(HAS_BEGUN):
        return "full_sync"
    return await verdict(connection) or ("catch_up" if await connection.fetchval(IS_AWAY, max_age) else None)


async def start(tx: Connection, kind: Type) -> Job:
    """Ask for a job; whoever leads is told. Raises `AlreadyRunning`."""
    try:
        row = await tx.fetchrow(START, kind)
    except RowRefused as refused:
        raise AlreadyRunning from refused
    await notify(tx, Changes(jobs=True))
    return _job(row)


async def current(connection: Connection) -> Job | None:
    """The job in progress."""
    row = await connection.fetchrow(CURRENT)
    return None if row is None else _job(row)


async def read(connection: Connection, job_id: int) -> Job | None:
    row = await connection.fetchrow(READ, job_id)
    return None if row is None else _job(row)


async def history(connection: Connection, *, limit: int, offset: int = 0, below: int = ABOVE_IDS) -> list[Job]:
    """Newest first, from the id `below` downwards, less `offset`."""
    return [_job(row) for row in await connection.fetch(HISTORY, below, limit, offset)]


async def errors(connection: Connection, job_id: int) -> list[JobError]:
    """Oldest first, at most a thousand."""
    rows = await connection.fetch(ERRORS, job_id, MOST_ERRORS)
    return [
        JobError(
            id=row["id"],
            did=row["did"],
            collection=row["collection"],
            error_message=row["error_message"],
            created_at=row["created_at"],
        )
        for row in rows
    ]


async def ask_to_cancel(tx: Connection, job_id: int) -> bool:
    """Whether there was such a job to cancel; the loop that works at it looks every second."""
    return await tx.fetchval(ASK_TO_CANCEL, job_id) is not None


async def cancel_asked(connection: Connection, job_id: int) -> bool:
    return bool(await connection.fetchval(CANCEL_ASKED, job_id))


async def last_start(connection: Connection) -> datetime | None:
    started: datetime | None = await connection.fetchval(LAST_START)
    return started


async def has_leader(connection: Connection, *, within_seconds: float) -> bool:
    """Whether some process would work at a job: its heartbeat is fresh."""
    return bool(await connection.fetchval(HAS_LEADER, within_seconds))


async def plan(tx: Connection, job_id: int, dids: Sequence[str]) -> None:
    """Add repositories to a job; those it has already are not added twice."""
    await tx.execute(PLAN, job_id, list(dids))


async def plan_known(tx: Connection, job_id: int) -> None:
    """Add everyone we know to a job."""
    await tx.execute(PLAN_KNOWN, job_id)


async def close_plan(tx: Connection, job_id: int, message: str | None = None) -> None:
    """All repositories are planned: after a restart the network is not asked again.

    `message` says whose list is missing; then no gap is closed, for nothing else would look for who is only on that.
    """
    await tx.execute(PLANNED, job_id, message, LONGEST_MESSAGE)


async def next_repos(
    connection: Connection, job_id: int, *, but_not: Sequence[str], not_on: Sequence[str], limit: int
) -> list[RepoDue]:
    """Repositories whose turn it is, without those under way and those on parked hosts."""
    return _due(await connection.fetch(NEXT_REPOS, job_id, list(but_not), list(not_on), limit))


async def count_left(connection: Connection, job_id: int) -> int:
    left: int = await connection.fetchval(LEFT, job_id)
    return left


async def stale_due(connection: Connection, limit: int) -> list[RepoDue]:
    """Stale repositories whose turn it is."""
    return _due(await connection.fetch(STALE_DUE, limit))


async def mend_later(tx: Connection, did: str, *, seconds: float) -> None:
    await tx.execute(MEND_LATER, did, seconds)


async def leave(tx: Connection, did: str) -> None:
    """Stop trying to fetch a repository that is not to be had."""
    await tx.execute(LEAVE, did)


async def repos_done(tx: Connection, job_id: int, dids: Sequence[str], *, records: int) -> None:
    """Count repositories as visited, in the transaction of their last pages; `records` are all of theirs."""
    await tx.execute(DONE, job_id, list(dids), records)


async def repo_lives_at(tx: Connection, job_id: int, did: str, pds: str) -> None:
    """Remember for this job where an account lives."""
    await tx.execute(LIVES_AT, job_id, did, pds)


async def repo_later(tx: Connection, job_id: int, did: str, *, seconds: float, counts: bool) -> None:
    """Another try, later; `counts` as one that failed."""
    await tx.execute(LATER, job_id, did, seconds, int(counts))


async def add_error(tx: Connection, job_id: int, did: str, collection: str | None, message: str) -> None:
    """Note what went wrong, without what text in PostgreSQL cannot hold: servers have their say in it."""
    await tx.execute(ADD_ERROR, job_id, did, collection, message.replace("\0", "")[:LONGEST_MESSAGE])


async def stale_among(connection: Connection, job_id: int) -> list[str]:
    """Those of a job's repositories that are still stale."""
    return [row["did"] for row in await connection.fetch(STALE_AMONG, job_id)]


async def finish(tx: Connection, job_id: int, status: Status, message: str | None = None) -> None:
    """End a job; `message` is added to what it says.

    A completed one closes the gaps that were open when it began, unless its plan said that somebody may be missing.
    """
    ended = await tx.fetchrow(FINISH, job_id, status, message, LONGEST_MESSAGE)
    if ended is None:
        return
    if status == "completed" and ended["asked_everywhere"]:
        await tx.execute(CLOSE_GAPS, ended["started_at"])
    await tx.execute(FORGET_PLAN, job_id)


def _job(row: object) -> Job:
    assert row is not None
    return Job(**{name: row[name] for name in Job.__dataclass_fields__})  # type: ignore[index]


def _due(rows: Sequence[object]) -> list[RepoDue]:
    return [RepoDue(**{name: row[name] for name in RepoDue.__dataclass_fields__}) for row in rows]  # type: ignore[index]
