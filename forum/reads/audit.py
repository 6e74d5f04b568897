"""The audit as owners read it: what all who run the forum did, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from forum.audit import Entry
from forum.database import Connection, Row

# Walks the primary key backwards from the place on; accounts are joined by theirs.
ENTRIES = """
SELECT e.id, e.at, e.actor, a.shown_handle AS handle, e.act, e.subject, target.shown_handle AS subject_handle,
       e.before, e.after
  FROM audit e
  LEFT JOIN accounts a ON a.did = e.actor
  LEFT JOIN accounts target ON target.did = e.subject
 WHERE e.id < $1
 ORDER BY e.id DESC
 LIMIT $2 OFFSET $3
"""

ABOVE_IDS = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """An entry as it was noted."""

    id: int
    at: datetime
    handle: str | None  # the actor's
    subject_handle: str | None  # of an account
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """One page of the audit; `more`: others follow."""

    entries: tuple[Noted, ...]
    more: bool


async def audit_page(connection: Connection, *, limit: int, offset: int, below: int = ABOVE_IDS) -> AuditPage:
    """A page of the audit, from the id `below` downwards, less `offset`."""
    # One more than asked for tells whether anything follows.
    rows = await connection.fetch(ENTRIES, below, limit + 1, offset)
    return AuditPage(entries=tuple(map(_noted, rows[:limit])), more=len(rows) > limit)


def _noted(row: Row) -> Noted:
    entry = Entry(
        actor=row["actor"],
        act=row["act"],
        subject=row["subject"],
        before=_state(row["before"]),
        after=_state(row["after"]),
    )
    return Noted(id=row["id"], at=row["at"], handle=row["handle"], subject_handle=row["subject_handle"], entry=entry)


def _state(text: str | None) -> Any:  # Any: JSON
    return None if text is None else msgspec.json.decode(text)
