"""A board's topics, page by page.

Offsets count what `total` counts, the topics that are shown; tombstones that were answered ride along in their places,
as they do in a topic (`pages.py`), and an offset is turned into a place in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from forum.database import Connection, Row
from forum.reads.accounts import Author, author_of
from forum.reads.place import BEFORE_NEWEST, Place, cut, place_after

Sort = Literal["activity", "created"]

# Two primary-key rows; they tell an unknown board from an empty one. `before` is the last topic of the pages passed
# over by the offset: a walk along the list's index.
_BOARD = """
SELECT b.id, b.uri, coalesce(n.topic_count, 0) AS topic_count,
       before.pinned AS before_pinned, before.placed_at AS before_at, before.uri AS before_uri
  FROM boards b
  LEFT JOIN board_counts n USING (uri)
  LEFT JOIN LATERAL (
       SELECT t.pinned, {at} AS placed_at, t.uri
         FROM topics t
         JOIN posts p ON p.uri = t.uri
         LEFT JOIN accounts a ON a.did = p.did
        WHERE $2::bigint > 0 AND t.board_uri = b.uri AND t.shown
          AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, p.rkey, a.topics_until, NULL))
        ORDER BY {order}
        LIMIT 1 OFFSET greatest($2::bigint - 1, 0)) AS before ON true
 WHERE b.id = $1
"""

# Two walks backwards along an index each, from the place on: the page's topics and one more, which says that others
# follow; then the tombstones up to there, 250 at most, so that nobody fills a page without end by deleting.
# A tombstone is there if it was answered and, but for being deleted, it would be shown.
_TOPICS = """
WITH shown AS MATERIALIZED (
     SELECT {columns}
       FROM topics t
       JOIN posts p ON p.uri = t.uri
       LEFT JOIN accounts a ON a.did = p.did
      WHERE t.board_uri = $1 AND t.shown AND {key} < {place}
        AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, p.rkey, a.topics_until, NULL))
      ORDER BY {order}
      LIMIT $4::bigint + 1
), low AS (
     SELECT false AS pinned, '-infinity'::timestamptz AS placed_at, '' AS uri
      WHERE (SELECT count(*) FROM shown) <= $4::bigint
      UNION ALL (SELECT pinned, placed_at, uri FROM shown
                  WHERE (SELECT count(*) FROM shown) > $4::bigint
                  ORDER BY {low} LIMIT 1)
), buried AS (
     SELECT {columns}
       FROM topics t
       JOIN posts p ON p.uri = t.uri
       LEFT JOIN accounts a ON a.did = p.did
      WHERE t.board_uri = $1 AND t.deleted AND t.reply_count > 0
        AND {key} < {place} AND {key} > (SELECT {low} FROM low)
        AND is_shown(NULL, p.hidden, coalesce(a.status, 'active'), coalesce(a.banned, false), p.rkey,
                     a.topics_until, NULL)
      ORDER BY {order}
      LIMIT 250
)
SELECT * FROM shown UNION ALL SELECT * FROM buried ORDER BY {page_order}
"""
_COLUMNS = """
       p.id, p.did, p.rkey, p.uri, p.title, p.text, p.created_at, t.deleted, a.did AS author, a.shown_handle AS handle,
       t.reply_count, t.last_reply_at, t.locked IS NOT NULL AS locked, t.pinned, {at} AS placed_at"""
_ORDERS = {
    "activity": {
        "at": "t.activity_at",
        "key": "(t.pinned, t.activity_at, t.uri)",
        "place": "($5::boolean, $2::timestamptz, $3::text)",
        "low": "pinned, placed_at, uri",
        "order": "t.pinned DESC, t.activity_at DESC, t.uri DESC",
        "page_order": "pinned DESC, placed_at DESC, uri DESC",
    },
    "created": {
        "at": "t.sorted_at",
        "key": "(t.sorted_at, t.uri)",
        "place": "($2::timestamptz, $3::text)",
        "low": "placed_at, uri",
        "order": "t.sorted_at DESC, t.uri DESC",
        "page_order": "placed_at DESC, uri DESC",
    },
}
BOARD = {sort: _BOARD.format_map(order) for sort, order in _ORDERS.items()}
TOPICS = {sort: _TOPICS.format_map({"columns": _COLUMNS.format_map(order), **order}) for sort, order in _ORDERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic with its state; of one that is `deleted` its place is left.

    `markdown` and `edited_at` are told on its own page only.
    """

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
    """A page of a board's topics, from `after` or after `offset` topics; None if there is no such board."""
    board = await connection.fetchrow(BOARD[sort], board_id, offset)
    if board is None:
        return None
    start = after or place_after(board, offset, BEFORE_NEWEST)
    rows = await _topics(connection, board["uri"], sort, start, limit) if start else ()
    kept, following = cut(rows, limit, offset=offset)
    return TopicList(
        topics=tuple(topic_from(row, board_id=board["id"], board_uri=board["uri"]) for row in kept),
        total=board["topic_count"],
        next=following,
    )


async def _topics(connection: Connection, uri: str, sort: Sort, start: Place, limit: int) -> Sequence[Row]:
    pinned = (start.pinned,) if sort == "activity" else ()
    return await connection.fetch(TOPICS[sort], uri, start.at, start.uri, limit, *pinned)


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
        deleted=row["deleted"],
    )
