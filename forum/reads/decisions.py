"""What moderators have decided about accounts and posts, as those read it who may: which decision, why, until when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from forum.database import Connection
from forum.permissions import NO_PRIORITY
from forum.reads.accounts import Author

# Per subject and pair one look into mod_actions_newest.
DECISIONS = """
SELECT m.subject, m.pair, m.reason, m.created_by, a.shown_handle AS handle, m.created_at, m.expires_at
  FROM unnest($1::text[]) AS s (subject)
 CROSS JOIN unnest('{ban, mute, lock, pin, delete}'::text[]) AS p (pair)
  JOIN mod_actions m ON m.rkey = in_force(p.pair, s.subject)
  LEFT JOIN accounts a ON a.did = m.created_by
"""
WEAKER = """
SELECT s.did
  FROM unnest($1::text[]) AS s (did) LEFT JOIN LATERAL role_of(s.did) AS r ON true
 WHERE coalesce(r.priority, $2) > $3 AND s.did <> $4
"""
CONCERNED = """
SELECT p.uri, p.cid, p.did, a.shown_handle AS handle, coalesce(p.root_uri, p.uri) AS topic_uri,
       p.root_uri IS NULL AS is_topic, p.title, p.text
  FROM posts p LEFT JOIN accounts a ON a.did = p.did
 WHERE p.uri = $1 AND p.deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What holds. `until` is None for what ends only by another decision."""

    reason: str | None
    by: Author
    at: datetime
    until: datetime | None


Decisions = Mapping[tuple[str, str], Decision]  # by subject and pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """A post that is to be acted on, shown or not."""

    uri: str
    cid: str
    author: Author
    topic_uri: str
    is_topic: bool
    title: str | None
    text: str


async def decisions(connection: Connection, subjects: Iterable[str]) -> Decisions:
    """All that is in force on these accounts and posts."""
    asked = sorted(set(subjects))
    return {
        (row["subject"], row["pair"]): Decision(
            reason=row["reason"],
            by=Author(did=row["created_by"], handle=row["handle"]),
            at=row["created_at"],
            until=row["expires_at"],
        )
        for row in (await connection.fetch(DECISIONS, asked) if asked else ())
    }


async def weaker(connection: Connection, priority: int, dids: Iterable[str], *, forum_did: str) -> frozenset[str]:
    """Those of the accounts on whom a role of this priority may act."""
    rows = await connection.fetch(WEAKER, sorted(set(dids)), NO_PRIORITY, priority, forum_did)
    return frozenset(row["did"] for row in rows)


async def concerned(connection: Connection, uri: str) -> Concerned | None:
    """The post of that URI; None if it is not here, or its author deleted it."""
    row = await connection.fetchrow(CONCERNED, uri)
    if row is None:
        return None
    return Concerned(
        uri=row["uri"],
        cid=row["cid"],
        author=Author(did=row["did"], handle=row["handle"]),
        topic_uri=row["topic_uri"],
        is_topic=row["is_topic"],
        title=row["title"],
        text=row["text"],
    )
