"""The moderation log: what moderators did, newest first."""

from dataclasses import dataclass
from datetime import datetime

from forum.database import Connection, Row
from forum.records.names import MOD_ACTION

# Walks the primary key backwards from the place on; accounts are joined by theirs.
ACTIONS = """
SELECT m.id, m.rkey, m.pair, m.is_on, m.subject, m.reason, m.created_by, m.created_at, m.expires_at,
       moderator.shown_handle AS moderator_handle, target.shown_handle AS subject_handle
  FROM mod_actions m
  LEFT JOIN accounts moderator ON moderator.did = m.created_by
  LEFT JOIN accounts target ON target.did = m.subject
 WHERE m.rkey < $1 AND ($4::text IS NULL OR m.pair = $4)
 ORDER BY m.rkey DESC
 LIMIT $2 OFFSET $3
"""
TOTAL = "SELECT action_count FROM forum_counts"

ABOVE_KEYS = "~"  # sorts behind every record key that is a TID


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One act of a moderator on an account or on a post."""

    id: int
    rkey: str
    action: str  # the token, in full
    moderator: str
    moderator_handle: str | None
    subject: str
    subject_handle: str | None  # of an account
    reason: str | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModLog:
    """One page of the log; `more`: others follow."""

    actions: tuple[Action, ...]
    total: int
    more: bool


async def mod_log(
    connection: Connection, *, limit: int, offset: int, below: str = ABOVE_KEYS, pair: str | None = None
) -> ModLog:
    """A page of what moderators did, of one pair or of all, from the key `below` downwards, less `offset`."""
    # One more than asked for tells whether anything follows.
    rows = await connection.fetch(ACTIONS, below, limit + 1, offset, pair)
    total = await connection.fetchval(TOTAL)
    return ModLog(actions=tuple(map(_action, rows[:limit])), total=total, more=len(rows) > limit)


def _action(row: Row) -> Action:
    return Action(
        id=row["id"],
        rkey=row["rkey"],
        action=f"{MOD_ACTION}.{'' if row['is_on'] else 'un'}{row['pair']}",
        moderator=row["created_by"],
        moderator_handle=row["moderator_handle"],
        subject=row["subject"],
        subject_handle=row["subject_handle"],
        reason=row["reason"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
