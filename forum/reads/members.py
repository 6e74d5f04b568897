"""Who has joined, with the roles they were given."""

from dataclasses import dataclass
from datetime import datetime

from forum.database import Connection, Row
from forum.reads.place import BEFORE_NEWEST, Place

# Walks members_newest from the place on; per member, role_of() takes the first of grants_newest, and few roles.
# `uri` of a place is here the DID, which rises where times are equal.
_MEMBERS = """
SELECT m.did, m.joined_at, a.shown_handle AS handle, r.name AS role, r.uri AS role_uri
  FROM members m
  LEFT JOIN accounts a USING (did)
  LEFT JOIN LATERAL role_of(m.did) AS r ON true
 {which}
"""
MEMBERS = _MEMBERS.format(
    which="""
 WHERE m.joined_at < $1 OR m.joined_at = $1 AND m.did > $2::text
 ORDER BY m.joined_at DESC, m.did
 LIMIT $3 OFFSET $4"""
)
# The handles that begin so, by accounts_by_handle, or one DID.
NAMED = _MEMBERS.format(
    which="""
 WHERE m.did = $1 OR a.handle >= $1 AND a.handle < $1 || '~'
 ORDER BY a.handle, m.did
 LIMIT $2"""
)
# Only where joining is by approval: whoever was never given a role, and did not lose it again. Elsewhere nobody is even
# looked at.
_WAITS = """
 WHERE (SELECT default_role IS NULL FROM settings) AND m.did <> $1
   AND NOT EXISTS (SELECT FROM grants g WHERE g.subject = m.did)
"""
WAITING = _MEMBERS.format(which=f"{_WAITS} ORDER BY m.joined_at, m.did LIMIT $2")
_WAITING_COUNT = "SELECT count(*) FROM members m {waits}"
WAITING_COUNT = _WAITING_COUNT.format(waits=_WAITS)
# Whose newest grant gives the role; some of them have not joined.
HOLDING = """
SELECT newest.subject AS did, m.joined_at, a.shown_handle AS handle, r.name AS role, r.uri AS role_uri
  FROM (SELECT DISTINCT ON (subject) subject, role_uri FROM grants ORDER BY subject, rkey DESC) AS newest
  JOIN roles r ON r.uri = newest.role_uri
  LEFT JOIN members m ON m.did = newest.subject
  LEFT JOIN accounts a ON a.did = newest.subject
 WHERE newest.role_uri = $1
 ORDER BY a.handle, newest.subject
 LIMIT $2
"""
TOTAL = "SELECT member_count FROM forum_counts"

# A grant is as good as a membership: the forum has had to do with them. Its own account is always here.
IS_KNOWN = """
SELECT $1 = $2 OR EXISTS (SELECT FROM members WHERE did = $1) OR EXISTS (SELECT FROM grants WHERE subject = $1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    did: str
    handle: str | None
    role: str | None  # None: not yet approved
    role_uri: str | None  # None: a role that is no record
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who was given a role, a member or not."""

    did: str
    handle: str | None
    role: str
    role_uri: str
    joined_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberList:
    """One page of the members; `next` is where the following one begins, None on the last."""

    members: tuple[Member, ...]
    total: int
    next: Place | None


async def members(connection: Connection, *, limit: int, offset: int, after: Place | None = None) -> MemberList:
    """The members, who came last first, from `after` or from the top, less `offset`."""
    start = after or BEFORE_NEWEST
    # One more than asked for tells whether anything follows.
    rows = await connection.fetch(MEMBERS, start.at, start.uri, limit + 1, offset)
    found = tuple(map(_member, rows[:limit]))
    following = Place(False, found[-1].joined_at, found[-1].did) if len(rows) > limit else None
    return MemberList(members=found, total=await connection.fetchval(TOTAL), next=following)


async def members_named(connection: Connection, name: str, *, limit: int) -> tuple[Member, ...]:
    """The members whose handles begin with the name, or whose DID it is."""
    return tuple(map(_member, await connection.fetch(NAMED, name, limit)))


async def members_waiting(connection: Connection, *, forum_did: str, limit: int) -> tuple[Member, ...]:
    """The members who wait to be approved, who came first first."""
    return tuple(map(_member, await connection.fetch(WAITING, forum_did, limit)))


async def waiting_count(connection: Connection, *, forum_did: str) -> int:
    """How many do."""
    return int(await connection.fetchval(WAITING_COUNT, forum_did))


async def holders_of(connection: Connection, role_uri: str, *, limit: int) -> tuple[Holder, ...]:
    """Who was given the role, by handle."""
    return tuple(
        Holder(
            did=row["did"],
            handle=row["handle"],
            role=row["role"],
            role_uri=row["role_uri"],
            joined_at=row["joined_at"],
        )
        for row in await connection.fetch(HOLDING, role_uri, limit)
    )


async def is_known_here(connection: Connection, did: str, *, forum_did: str) -> bool:
    """Whether an account is one that the forum can give a role to."""
    return bool(await connection.fetchval(IS_KNOWN, did, forum_did))


def _member(row: Row) -> Member:
    return Member(
        did=row["did"],
        handle=row["handle"],
        role=row["role"],
        role_uri=row["role_uri"],
        joined_at=row["joined_at"],
    )
