"""A board's topics, page by page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from forum.database import Connection, Row
from forum.reads.accounts import Author, author_of
from forum.reads.place import BEFORE_NEWEST, Place

Sort = Literal["activity", "created"]

# Two primary-key rows; it tells an unknown board from an empty one.
BOARD = """
SELECT b.id, b.uri, coalesce(n.topic_count, 0) AS topic_count
  FROM boards b LEFT JOIN board_counts n USING (uri)
 WHERE b.id = $1
"""

# Each reads its index backwards from the place, and stops at the limit; posts and accounts are joined by their keys.
BY_ACTIVITY = """
SELECT p.id, p.did, p.rkey, p.uri, p.title, p.text, p.created_at, a.did AS author, a.shown_handle AS handle,
       t.reply_count, t.last_reply_at, t.locked IS NOT NULL AS locked, t.pinned, t.activity_at AS placed_at
  FROM topics t
  JOIN posts p ON p.uri = t.uri
  LEFT JOIN accounts a ON a.did = p.did
 WHERE t.board_uri = $1 AND t.shown AND (t.pinned, t.activity_at, t.uri) < ($2::boolean, $3, $4::text)
   AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, p.rkey, a.topics_until, NULL))
 ORDER BY t.pinned DESC, t.activity_at DESC, t.uri DESC
 LIMIT $5 OFFSET $6
"""

BY_AGE = """
SELECT p.id, p.did, p.rkey, p.uri, p.title, p.text, p.created_at, a.did AS author, a.shown_handle AS handle,
       t.reply_count, t.last_reply_at, t.locked IS NOT NULL AS locked, t.pinned, t.sorted_at AS placed_at
  FROM topics t
  JOIN posts p ON p.uri = t.uri
  LEFT JOIN accounts a ON a.did = p.did
 WHERE t.board_uri = $1 AND t.shown AND (t.sorted_at, t.uri) < ($2, $3::text)
   AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, p.rkey, a.topics_until, NULL))
 ORDER BY t.sorted_at DESC, t.uri DESC
 LIMIT $4 OFFSET $5
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic with its state; `markdown`, `edited_at` and `deleted` are told on its own page only."""

    id: int
    did: str
    rkey: str
    uri: str
    title: str | None
    text: str
    board_uri: str
    board_id: int
    created_at: datetime
    author: Author | None
    reply_count: int
    last_reply_at: datetime | None
    locked: bool
    pinned: bool
    markdown: str | None = None
    edited_at: datetime | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicList:
    """One page of a board; `next` is where the following one begins, None on the last."""

    topics: tuple[Topic, ...]
    total: int
    next: Place | None


async def topics_of(
    connection: Connection, board_id: int, *, sort: Sort, limit: int, offset: int, after: Place | None = None
) -> TopicList | None:
    """A page of a board's topics, from `after` or from the top, less `offset`; None if there is no such board."""
    board = await connection.fetchrow(BOARD, board_id)
    if board is None:
        return None
    start = after or BEFORE_NEWEST
    # One more than asked for tells whether anything follows.
    if sort == "activity":
        rows = await connection.fetch(BY_ACTIVITY, board["uri"], *start, limit + 1, offset)
    else:
        rows = await connection.fetch(BY_AGE, board["uri"], start.at, start.uri, limit + 1, offset)
    return TopicList(
        topics=tuple(topic_from(row, board_id=board["id"], board_uri=board["uri"]) for row in rows[:limit]),
        total=board["topic_count"],
        next=_place(rows[limit - 1]) if len(rows) > limit else None,
    )


def topic_from(row: Row, *, board_id: int, board_uri: str) -> Topic:
    """The topic from the columns every list of topics selects."""
    return Topic(
        id=row["id"],
        did=row["did"],
        rkey=row["rkey"],
        uri=row["uri"],
        title=row["title"],
        text=row["text"],
        board_uri=board_uri,
        board_id=board_id,
        created_at=row["created_at"],
        author=author_of(row),
        reply_count=row["reply_count"],
        last_reply_at=row["last_reply_at"],
        locked=row["locked"],
        pinned=row["pinned"],
    )


def _place(row: Row) -> Place:
    return Place(row["pinned"], row["placed_at"], row["uri"])
