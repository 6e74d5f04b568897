"""Boards with their figures and their last post."""

from dataclasses import dataclass
from datetime import datetime

from forum.database import Connection, Row
from forum.reads.accounts import Author, author_of

# All boards, one by id ($1), or those of a category ($2); boards are few, so one statement serves the three.
# Per board, each the first entry that may be seen of an index read backwards:
#   topics_by_activity, once among the pinned and once among the others, for the topic with the last activity;
#   posts_in_topic, for that topic's last reply. It starts at last_reply_at: what was hidden after it is not walked.
BOARDS = """
SELECT b.id, b.uri, b.name, b.description, b.slug, b.sort_order,
       c.id AS category_id, b.category_uri,
       coalesce(n.topic_count, 0) AS topic_count, coalesce(n.reply_count, 0) AS reply_count,
       topic.id AS last_topic_id, topic.title AS last_title, topic.text AS last_topic_text,
       topic.uri AS last_topic_uri, topic.did AS last_topic_did, topic.handle AS last_topic_handle,
       last.uri AS last_uri, last.created_at AS last_created_at, a.did AS author, a.shown_handle AS handle
  FROM boards b
  LEFT JOIN categories c ON c.uri = b.category_uri
  LEFT JOIN board_counts n ON n.uri = b.uri
  LEFT JOIN LATERAL (
       SELECT newest.*
         FROM (VALUES (true), (false)) AS half (pinned)
        CROSS JOIN LATERAL (
              SELECT p.id, p.did, p.title, left(p.text, 100) AS text, a.shown_handle AS handle,
                     t.uri, t.last_reply_at, t.activity_at
                FROM topics t
                JOIN posts p ON p.uri = t.uri
                LEFT JOIN accounts a ON a.did = p.did
               WHERE t.board_uri = b.uri AND t.pinned = half.pinned AND t.shown
                 AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, p.rkey, a.topics_until, NULL))
               ORDER BY t.activity_at DESC, t.uri DESC
               LIMIT 1) AS newest
        ORDER BY newest.activity_at DESC, newest.uri DESC
        LIMIT 1) AS topic ON true
  LEFT JOIN LATERAL (
       SELECT r.uri
         FROM posts r
         LEFT JOIN accounts a ON a.did = r.did
        WHERE r.root_uri = topic.uri AND r.sorted_at <= topic.last_reply_at AND r.shown
          AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, r.rkey, a.replies_until, NULL))
        ORDER BY r.sorted_at DESC, r.uri DESC
        LIMIT 1) AS reply ON true
  LEFT JOIN posts last ON last.uri = coalesce(reply.uri, topic.uri)
  LEFT JOIN accounts a ON a.did = last.did
 WHERE ($1::bigint IS NULL OR b.id = $1) AND ($2::text IS NULL OR b.category_uri = $2)
 ORDER BY c.sort_order, c.uri, b.sort_order, b.uri
"""

BOARDS_IN = "SELECT count(*) FROM boards WHERE category_uri = $1"
TOPICS_ON = "SELECT topic_count FROM board_counts WHERE uri = $1"

# Hidden posts and those of banned authors count, for they can come back; what is left is a tombstone nobody answered.
# Shown topics are found by their index; a board without any is walked through, before it is removed.
HAS_POSTS = """
SELECT EXISTS (SELECT FROM topics WHERE board_uri = $1 AND shown)
    OR EXISTS (SELECT FROM posts p
                WHERE p.board_uri = $1
                  AND (p.deleted_at IS NULL
                       OR EXISTS (SELECT FROM posts r WHERE r.root_uri = p.uri AND r.deleted_at IS NULL)))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPost:
    """The newest post of the topic with the newest activity; the title is the topic's."""

    uri: str
    topic_id: int
    topic_uri: str
    topic_author: Author
    topic_text: str  # its beginning, for topics without a title
    title: str | None
    author: Author | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    id: int
    uri: str
    name: str
    description: str | None
    slug: str | None
    sort_order: int
    category_id: int | None  # None: the category is not here, or no longer
    category_uri: str
    topic_count: int
    reply_count: int
    last_post: LastPost | None


async def all_boards(connection: Connection) -> tuple[Board, ...]:
    """Every board, by category, in the forum's order."""
    return tuple(map(_board, await connection.fetch(BOARDS, None, None)))


async def boards_of(connection: Connection, category_uri: str) -> tuple[Board, ...]:
    """The boards of a category, in the forum's order."""
    return tuple(map(_board, await connection.fetch(BOARDS, None, category_uri)))


async def board_by_id(connection: Connection, board_id: int) -> Board | None:
    row = await connection.fetchrow(BOARDS, board_id, None)
    return None if row is None else _board(row)


async def boards_in(connection: Connection, category_uri: str) -> int:
    """How many boards stand in the category."""
    return int(await connection.fetchval(BOARDS_IN, category_uri))


async def topics_on(connection: Connection, board_uri: str) -> int:
    """How many topics can be seen on the board."""
    return int(await connection.fetchval(TOPICS_ON, board_uri) or 0)


async def has_posts(connection: Connection, board_uri: str) -> bool:
    """Whether there is anything on the board that can be seen, or can be again."""
    return bool(await connection.fetchval(HAS_POSTS, board_uri))


def _board(row: Row) -> Board:
    return Board(
        id=row["id"],
        uri=row["uri"],
        name=row["name"],
        description=row["description"],
        slug=row["slug"],
        sort_order=row["sort_order"],
        category_id=row["category_id"],
        category_uri=row["category_uri"],
        topic_count=row["topic_count"],
        reply_count=row["reply_count"],
        last_post=_last_post(row),
    )


def _last_post(row: Row) -> LastPost | None:
    if row["last_uri"] is None:
        return None
    return LastPost(
        uri=row["last_uri"],
        topic_id=row["last_topic_id"],
        topic_uri=row["last_topic_uri"],
        topic_author=Author(did=row["last_topic_did"], handle=row["last_topic_handle"]),
        topic_text=row["last_topic_text"],
        title=row["last_title"],
        author=author_of(row),
        created_at=row["last_created_at"],
    )
