"""Profiles: who an account is to this forum, and what it wrote here, newest first."""

from dataclasses import dataclass
from datetime import datetime

from forum.database import Connection, Row
from forum.reads.accounts import Author
from forum.reads.named import NAMED
from forum.reads.place import BEFORE_NEWEST, Place

# The one account the name means, by its primary key, and what stands beside it under the same.
_PROFILE = """
WITH named AS ({named})
SELECT a.did, a.shown_handle AS handle, a.status = 'active' AS active, a.banned, m.joined_at, r.name AS role,
       f.name AS forum
  FROM named
  JOIN accounts a USING (did)
  LEFT JOIN members m USING (did)
  LEFT JOIN LATERAL role_of(a.did) AS r ON true
  LEFT JOIN forum f ON f.uri = $2
 WHERE a.status <> 'deleted'
 ORDER BY named.rank
 LIMIT 1
"""
PROFILE = _PROFILE.format(named=NAMED)

# Walks posts_by_author from the place on, each post with its topic and its board by their keys.
POSTS = """
SELECT p.uri, p.root_uri IS NULL AS is_topic, left(p.text, 300) AS text, p.created_at, p.sorted_at,
       root.uri AS topic_uri, root.title, left(root.text, 100) AS topic_text,
       root.deleted_at IS NOT NULL AS topic_deleted, root.did AS topic_did,
       ra.shown_handle AS topic_handle, b.name AS board
  FROM posts p
  JOIN posts root ON root.uri = coalesce(p.root_uri, p.uri)
  JOIN boards b ON b.uri = root.board_uri
  LEFT JOIN accounts ra ON ra.did = root.did
 WHERE p.did = $1 AND p.shown AND (p.sorted_at, p.uri) < ($2, $3::text)
   AND (root.shown OR root.deleted_at IS NOT NULL AND NOT root.hidden)
   AND (ra.did IS NULL OR ra.status = 'active' AND NOT ra.banned)
 ORDER BY p.sorted_at DESC, p.uri DESC
 LIMIT $4
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A post as its author's profile lists it; texts are beginnings."""

    uri: str
    is_topic: bool
    text: str
    created_at: datetime
    topic_uri: str
    topic_title: str | None
    topic_text: str
    topic_deleted: bool
    topic_author: Author
    board: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An account, and one page of its posts; `next` is where the following one begins, None on the last."""

    author: Author
    active: bool
    banned: bool
    joined_at: datetime | None
    role: str | None
    forum: str | None
    posts: tuple[Written, ...]
    next: Place | None


async def profile(
    connection: Connection, name: str, *, forum_uri: str, limit: int, after: Place | None
) -> Profile | None:
    """The account of that name, its posts from `after` or from the newest; None if we know no such account."""
    row = await connection.fetchrow(PROFILE, name, forum_uri)
    if row is None:
        return None
    start, is_seen = after or BEFORE_NEWEST, row["active"] and not row["banned"]
    # One more than asked for tells whether anything follows.
    rows = await connection.fetch(POSTS, row["did"], start.at, start.uri, limit + 1) if is_seen else ()
    last = rows[limit - 1] if len(rows) > limit else None
    return Profile(
        author=Author(did=row["did"], handle=row["handle"]),
        active=row["active"],
        banned=row["banned"],
        joined_at=row["joined_at"],
        role=row["role"],
        forum=row["forum"],
        posts=tuple(map(_written, rows[:limit])),
        next=None if last is None else Place(False, last["sorted_at"], last["uri"]),
    )


def _written(row: Row) -> Written:
    return Written(
        uri=row["uri"],
        is_topic=row["is_topic"],
        text=row["text"],
        created_at=row["created_at"],
        topic_uri=row["topic_uri"],
        topic_title=row["title"],
        topic_text=row["topic_text"],
        topic_deleted=row["topic_deleted"],
        topic_author=Author(did=row["topic_did"], handle=row["topic_handle"]),
        board=row["board"],
    )
