"""A numbered page of a board: its topics with who spoke last in each.

Pages are counted along `topics.shown`, by the index alone; who was banned a moment ago is left out of the page, whose
other topics stay where they are. Tombstones that were answered stand in their places, uncounted.
"""

from dataclasses import dataclass
from datetime import datetime

from forum.database import Connection, Row
from forum.reads.accounts import Author
from forum.reads.topics import Sort
from forum.reads.window import BACKWARD, FORWARD, Window, window

# One board, and all beside it, by their primary keys.
BOARD = """
SELECT b.uri, b.name, b.description, b.slug, c.name AS category, f.name AS forum,
       coalesce(n.topic_count, 0) AS topic_count
  FROM boards b
  LEFT JOIN categories c ON c.uri = b.category_uri
  LEFT JOIN board_counts n ON n.uri = b.uri
  LEFT JOIN forum f ON f.uri = $2
 WHERE b.uri = $1
"""

# The page's topics in the index alone, one before them included, where there is one: between two shown topics lie the
# tombstones that were answered, 250 of them at most. One is there if, but for being deleted, it would be shown.
# Then each with its first post, and the last reply of posts_in_topic.
# The second limit changes nothing but what the planner expects: a tenth of the board where it does not know the first.
_TOPICS = """
WITH walked AS MATERIALIZED (
     SELECT uri, pinned, placed_at
       FROM (SELECT t.uri, t.pinned, {at} AS placed_at
               FROM topics t
              WHERE t.board_uri = $1 AND t.shown
              ORDER BY {walk}
             OFFSET $2 LIMIT $3) AS part
      LIMIT 30
), high AS (
     SELECT true AS pinned, 'infinity'::timestamptz AS placed_at, '' AS uri WHERE $4
      UNION ALL (SELECT pinned, placed_at, uri FROM walked WHERE NOT $4 ORDER BY {newest} LIMIT 1)
), low AS (
     SELECT false AS pinned, '-infinity'::timestamptz AS placed_at, '' AS uri WHERE $5
      UNION ALL (SELECT pinned, placed_at, uri FROM walked WHERE NOT $5 ORDER BY {oldest} LIMIT 1)
), buried AS (
     SELECT t.uri
       FROM topics t
       JOIN posts p ON p.uri = t.uri
       LEFT JOIN accounts a ON a.did = p.did
      WHERE t.board_uri = $1 AND t.deleted AND t.reply_count > 0
        AND ({key}) < (SELECT {columns} FROM high) AND ({key}) > (SELECT {columns} FROM low)
        AND is_shown(NULL, p.hidden, coalesce(a.status, 'active'), coalesce(a.banned, false), p.rkey,
                     a.topics_until, NULL)
      ORDER BY {order}
      LIMIT 250
)
SELECT p.uri, p.title, left(p.text, 300) AS text, p.created_at, p.did, a.shown_handle AS handle,
       t.reply_count, t.activity_at, t.locked IS NOT NULL AS locked, t.pinned, t.deleted, t.sorted_at,
       last.did AS last_did, last.handle AS last_handle, page.place
  FROM (SELECT uri, row_number() OVER (ORDER BY {newest}) AS place FROM walked
         UNION ALL SELECT uri, NULL FROM buried) AS page
  JOIN topics t USING (uri)
  JOIN posts p USING (uri)
  LEFT JOIN accounts a ON a.did = p.did
  LEFT JOIN LATERAL (
       SELECT r.did, ra.shown_handle AS handle
         FROM posts r
         LEFT JOIN accounts ra ON ra.did = r.did
        WHERE t.reply_count > 0 AND r.root_uri = t.uri AND r.shown
          AND (ra.did IS NULL OR ra.status = 'active' AND NOT ra.banned)
        ORDER BY r.sorted_at DESC, r.uri DESC
        LIMIT 1) AS last ON true
 WHERE a.did IS NULL OR a.status = 'active' AND NOT a.banned
 ORDER BY {order}
"""
_KEYS = {"activity": ("t.pinned", "t.activity_at", "t.uri"), "created": ("t.sorted_at", "t.uri")}
_COLUMNS = {"activity": ("pinned", "placed_at", "uri"), "created": ("placed_at", "uri")}


def _ordered(keys: tuple[str, ...], direction: str) -> str:
    return ", ".join(f"{key} {direction}" for key in keys)


# Newest first: what runs backward through the list runs forward through the index.
TOPICS = {
    (sort, is_backward): _TOPICS.format(
        at=keys[-2],
        key=", ".join(keys),
        walk=_ordered(keys, FORWARD if is_backward else BACKWARD),
        order=_ordered(keys, BACKWARD),
        columns=", ".join(_COLUMNS[sort]),
        newest=_ordered(_COLUMNS[sort], BACKWARD),
        oldest=_ordered(_COLUMNS[sort], FORWARD),
    )
    for sort, keys in _KEYS.items()
    for is_backward in (False, True)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLine:
    """A topic as its board lists it; `text` is its beginning. Of one that is `deleted` only its place is left."""

    uri: str
    title: str | None
    text: str
    author: Author
    created_at: datetime
    reply_count: int
    locked: bool
    pinned: bool
    deleted: bool
    last_author: Author
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPage:
    """One page of a board; `total` topics in all."""

    uri: str
    name: str
    description: str | None
    slug: str | None
    category: str | None
    forum: str | None
    topics: tuple[TopicLine, ...]
    total: int


async def board_page(
    connection: Connection, uri: str, *, forum_uri: str, sort: Sort, number: int, size: int
) -> BoardPage | None:
    """Page `number`, from 1, of the board; None if there is no such board."""
    board = await connection.fetchrow(BOARD, uri, forum_uri)
    if board is None:
        return None
    part = window(low=(number - 1) * size, high=number * size, total=board["topic_count"])
    return BoardPage(
        uri=board["uri"],
        name=board["name"],
        description=board["description"],
        slug=board["slug"],
        category=board["category"],
        forum=board["forum"],
        topics=await _topics(connection, uri, sort, part),
        total=board["topic_count"],
    )


async def _topics(connection: Connection, uri: str, sort: Sort, part: Window) -> tuple[TopicLine, ...]:
    is_first = part.low == 0
    if part.limit == 0 and not is_first:
        return ()
    wider = part if is_first else part._replace(low=part.low - 1)
    rows = await connection.fetch(
        TOPICS[sort, wider.is_nearer_the_end], uri, wider.offset, wider.limit, is_first, part.high == part.total
    )
    return tuple(_line(row) for row in rows if is_first or row["place"] != 1)


def _line(row: Row) -> TopicLine:
    author = Author(did=row["did"], handle=row["handle"])
    last = author if row["last_did"] is None else Author(did=row["last_did"], handle=row["last_handle"])
    return TopicLine(
        uri=row["uri"],
        title=row["title"],
        text=row["text"],
        author=author,
        created_at=row["created_at"],
        reply_count=row["reply_count"],
        locked=row["locked"],
        pinned=row["pinned"],
        deleted=row["deleted"],
        last_author=last,
        last_at=row["activity_at"],
    )
