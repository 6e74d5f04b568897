"""Who has joined, with the roles they were given."""

from dataclasses import dataclass
from datetime import datetime

from forum.database import Connection, Row
from forum.permissions import BUILT_IN
from forum.reads.place import BEFORE_NEWEST, Place

# Walks members_newest from the place on; per member the first of grants_newest, and few roles.
# `uri` of a place is here the DID, which rises where times are equal.
MEMBERS = """
SELECT m.did, m.joined_at, a.handle, r.name AS role, r.uri AS role_uri, EXISTS (SELECT FROM roles) AS has_roles
  FROM members m
  LEFT JOIN accounts a USING (did)
  LEFT JOIN LATERAL (SELECT role_uri FROM grants WHERE subject = m.did ORDER BY rkey DESC LIMIT 1) AS g ON true
  LEFT JOIN LATERAL (
       SELECT name, uri FROM roles WHERE roles.uri = g.role_uri OR name = $1
        ORDER BY roles.uri IS NOT DISTINCT FROM g.role_uri DESC, roles.uri DESC LIMIT 1) AS r ON true
 WHERE m.joined_at < $2 OR m.joined_at = $2 AND m.did > $3::text
 ORDER BY m.joined_at DESC, m.did
 LIMIT $4 OFFSET $5
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
    role: str | None
    role_uri: str | None  # None: a role that is no record
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberList:
    """One page of the members; `next` is where the following one begins, None on the last."""

    members: tuple[Member, ...]
    total: int
    next: Place | None


async def members(
    connection: Connection, *, default_role: str, limit: int, offset: int, after: Place | None = None
) -> MemberList:
    """The members, who came last first, from `after` or from the top, less `offset`."""
    start = after or BEFORE_NEWEST
    # One more than asked for tells whether anything follows.
    rows = await connection.fetch(MEMBERS, default_role, start.at, start.uri, limit + 1, offset)
    found = tuple(_member(row, default_role) for row in rows[:limit])
    following = Place(False, found[-1].joined_at, found[-1].did) if len(rows) > limit else None
    return MemberList(members=found, total=await connection.fetchval(TOTAL), next=following)


async def is_known_here(connection: Connection, did: str, *, forum_did: str) -> bool:
    """Whether an account is one that the forum can give a role to."""
    return bool(await connection.fetchval(IS_KNOWN, did, forum_did))


def _member(row: Row, default_role: str) -> Member:
    role = row["role"] if row["has_roles"] else default_role if default_role in BUILT_IN else None
    return Member(did=row["did"], handle=row["handle"], role=role, role_uri=row["role_uri"], joined_at=row["joined_at"])
