"""Where we are in the stream, what it could not give us, and how far each repository was followed.

All of it is written in the transaction of the events it vouches for; nothing is saved at shutdown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from forum.database import Connection
from forum.errors import Unavailable
from forum.ledger import mark_stale
from forum.protocol.events import CommitSeen, GapFound, SyncSeen

READ_POSITION = "SELECT source, cursor, connected_at, EXISTS (SELECT FROM forum) AS founded FROM stream"

STORE_POSITION = """
INSERT INTO stream AS s (source, cursor, connected_at)
SELECT $1, $2, $3 FROM leader WHERE epoch = $4
    ON CONFLICT (single) DO UPDATE
   SET source = excluded.source, connected_at = excluded.connected_at,
       cursor = CASE WHEN s.source = excluded.source THEN coalesce(excluded.cursor, s.cursor) ELSE excluded.cursor END
RETURNING true
"""

IS_EPOCH = "SELECT true FROM leader WHERE epoch = $1"

# Found again, an open gap is as young as that: a job under way does not bring what was lost behind its back.
OPEN_GAPS = """
INSERT INTO gaps (source, from_cursor, reason)
SELECT DISTINCT $1, i.from_cursor, i.reason FROM unnest($2::bigint[], $3::text[]) AS i (from_cursor, reason)
    ON CONFLICT (source, reason, coalesce(from_cursor, -1)) WHERE closed_at IS NULL
    DO UPDATE SET opened_at = excluded.opened_at
"""

SEEN_REVS = """
SELECT did, greatest(seen_rev, synced_rev) AS rev FROM repos
 WHERE did = ANY ($1::text[]) AND coalesce(seen_rev, synced_rev) IS NOT NULL
"""

# What a snapshot vouched for is carried on by a chain that joins up with it, and by no other.
FOLLOW = """
UPDATE repos r
   SET synced_rev = CASE WHEN r.synced_rev = i.since AND NOT i.broken THEN i.rev ELSE r.synced_rev END, seen_rev = i.rev
  FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[]) AS i (did, since, rev, broken)
 WHERE r.did = i.did
"""
BEGIN_FOLLOWING = """
INSERT INTO repos (did, seen_rev)
SELECT i.did, i.rev FROM unnest($1::text[], $2::text[]) AS i (did, rev) JOIN accounts USING (did)
    ON CONFLICT (did) DO NOTHING
"""
SYNCED_ELSEWHERE = """
SELECT i.did
  FROM unnest($1::text[], $2::text[]) AS i (did, rev) JOIN accounts USING (did) LEFT JOIN repos r USING (did)
 WHERE i.rev IS DISTINCT FROM r.seen_rev AND i.rev IS DISTINCT FROM r.synced_rev
       AND (r.seen_rev IS NULL OR i.rev > r.seen_rev)
"""
GO_ON_FROM = """
UPDATE repos r SET seen_rev = i.rev
  FROM unnest($1::text[], $2::text[]) AS i (did, rev)
 WHERE r.did = i.did AND (r.seen_rev IS NULL OR i.rev > r.seen_rev)
"""

COUNT_TROUBLES = """
SELECT (SELECT count(*) FROM gaps WHERE closed_at IS NULL) AS open_gaps,
       (SELECT count(*) FROM repos WHERE stale_since IS NOT NULL) AS stale_repos
"""


class Replaced(Unavailable):
    """Another process leads now: what this one was about to store must not be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The last stored place in a stream. `founded`: the forum's own record is in the index."""

    source: str
    cursor: int | None
    connected_at: datetime
    founded: bool


async def read_position(connection: Connection) -> Position | None:
    """Where an earlier run got to; None before the first."""
    row = await connection.fetchrow(READ_POSITION)
    if row is None:
        return None
    return Position(
        source=row["source"], cursor=row["cursor"], connected_at=row["connected_at"], founded=row["founded"]
    )


async def store_position(
    tx: Connection, *, source: str, cursor: int | None, connected_at: datetime, epoch: int
) -> None:
    """Vouch for everything up to `cursor`. Raises `Replaced` when another leader began since `epoch`."""
    if await tx.fetchval(STORE_POSITION, source, cursor, connected_at, epoch) is None:
        raise Replaced("another process reads the stream now")


async def check_epoch(tx: Connection, epoch: int) -> None:
    """Raises `Replaced` when another leader began since `epoch`; for writes that vouch for no position."""
    if await tx.fetchval(IS_EPOCH, epoch) is None:
        raise Replaced("another process reads the stream now")


def gap_at_start(position: Position | None, *, source: str, now: datetime, max_age: timedelta) -> GapFound | None:
    """What is missing before the stream is even opened."""
    if position is None:
        return GapFound(from_cursor=None, reason="no_cursor")
    if not position.founded:
        return GapFound(from_cursor=position.cursor, reason="no_forum")
    if position.source != source:
        return GapFound(from_cursor=position.cursor, reason="source_changed")
    if position.cursor is None:
        return GapFound(from_cursor=None, reason="no_cursor")
    if now - position.connected_at > max_age:
        return GapFound(from_cursor=position.cursor, reason="away_too_long")
    return None


async def open_gaps(tx: Connection, source: str, gaps: Sequence[GapFound]) -> None:
    """Record what the stream will not bring; one that is open already is not opened twice."""
    if gaps:
        await tx.execute(OPEN_GAPS, source, [gap.from_cursor for gap in gaps], [gap.reason for gap in gaps])


async def follow(tx: Connection, commits: Iterable[CommitSeen]) -> None:
    """Follow the revs of verified commits; a repository whose chain has a hole becomes stale."""
    verified = [commit for commit in commits if commit.verified]
    if not verified:
        return
    seen = await tx.fetch(SEEN_REVS, sorted({commit.did for commit in verified}))
    links, broken = chains(verified, {row["did"]: row["rev"] for row in seen})
    dids, ends = sorted(links), [links[did] for did in sorted(links)]
    revs = [rev for _, rev in ends]
    await tx.execute(FOLLOW, dids, [since for since, _ in ends], revs, [did in broken for did in dids])
    await tx.execute(BEGIN_FOLLOWING, dids, revs)
    await mark_stale(tx, dict.fromkeys(broken, "missed_commit"))


def chains(
    commits: Iterable[CommitSeen], seen: Mapping[str, str]
) -> tuple[dict[str, tuple[str | None, str]], set[str]]:
    """Per DID the `since` of the first and the rev of the last commit, and the DIDs whose commits do not join up.

    `seen` is how far each repository is known already; what is not newer is a replay.
    """
    links: dict[str, tuple[str | None, str]] = {}
    broken: set[str] = set()
    for commit in commits:
        first, last = links.get(commit.did, (commit.since, seen.get(commit.did)))
        if not commit.verified or (last is not None and commit.rev <= last):
            continue
        if last is not None and last != commit.since:
            broken.add(commit.did)
        links[commit.did] = (first, commit.rev)
    return links, broken


async def note_syncs(tx: Connection, syncs: Sequence[SyncSeen]) -> None:
    """A repository that was reset to a rev we have not seen is stale; its next commit goes on from there."""
    if syncs:
        newest = {sync.did: sync.rev for sync in sorted(syncs, key=lambda sync: sync.rev)}
        dids, revs = list(newest), list(newest.values())
        rows = await tx.fetch(SYNCED_ELSEWHERE, dids, revs)
        await mark_stale(tx, {row["did"]: "sync" for row in rows})
        await tx.execute(GO_ON_FROM, dids, revs)


async def count_troubles(connection: Connection) -> tuple[int, int]:
    """Open gaps and stale repositories, for health."""
    row = await connection.fetchrow(COUNT_TROUBLES)
    assert row is not None
    return row["open_gaps"], row["stale_repos"]


def moment(microseconds: int) -> datetime:
    """A stream's clock as a datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
