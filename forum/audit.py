"""The audit: each act of those who run the forum, by whom, on what, as it was before and after.

Written in the transaction that shows the act to readers. Append-only: a trigger of schema.sql refuses anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from forum.database import Connection

NOTE = "INSERT INTO audit (actor, act, subject, before, after) VALUES ($1, $2, $3, $4::json, $5::json)"

State = Mapping[str, Any]  # Any: JSON

# All there has ever been: what was noted stays, so none is taken away, and pages have words for each.
Act = Literal[
    "ban", "unban", "mute", "unmute", "lock", "unlock", "pin", "unpin", "hide", "unhide",
    "claimReport", "giveBackReport", "resolveReport", "giveRole", "addRole", "changeRole", "removeRole",
    "changeForum", "addCategory", "changeCategory", "removeCategory", "addBoard", "changeBoard", "removeBoard",
    "addTheme", "duplicateTheme", "changeTheme", "removeTheme", "setThemePolicy", "startBackfill", "cancelBackfill",
]  # fmt: skip
ACTS: frozenset[str] = frozenset(get_args(Act))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act. `subject` is a DID, a record's URI or a job's id; `before` and `after` are None where nothing was."""

    actor: str
    act: Act
    subject: str
    before: State | None = None
    after: State | None = None


async def note(tx: Connection, entry: Entry) -> None:
    """Keep it for good."""
    await tx.execute(NOTE, entry.actor, entry.act, entry.subject, _json(entry.before), _json(entry.after))


def _json(state: State | None) -> str | None:
    return None if state is None else msgspec.json.encode(state).decode()
