"""The newest topics, for feeds, and those for search engines: of one board, or of all."""

from dataclasses import dataclass
from datetime import datetime

from forum.database import Connection, Row
from forum.reads.accounts import Author
from forum.reads.bodies import BODY, RENDERING, Body, body_of

MOST = 25  # topics of a feed

# Per board the first entries of topics_by_age read backwards, of which the newest of all are kept; boards are few.
_NEWEST_TOPICS = """
SELECT {body}, p.title, p.created_at, p.edited_at, p.did, a.shown_handle AS handle, b.name AS board
  FROM boards b
 CROSS JOIN LATERAL (
       SELECT t.uri, t.sorted_at
         FROM topics t
        WHERE t.board_uri = b.uri AND t.shown
        ORDER BY t.sorted_at DESC, t.uri DESC
        LIMIT {most}) AS newest
  JOIN posts p ON p.uri = newest.uri
  LEFT JOIN accounts a ON a.did = p.did
  {rendering}
 WHERE ($1::text IS NULL OR b.uri = $1) AND (a.did IS NULL OR a.status = 'active' AND NOT a.banned)
 ORDER BY newest.sorted_at DESC, newest.uri DESC
 LIMIT {most}
"""
NEWEST_TOPICS = _NEWEST_TOPICS.format(body=BODY, rendering=RENDERING, most=MOST)
MAP = """
SELECT newest.uri, newest.activity_at, p.did, a.shown_handle AS handle
  FROM boards b
 CROSS JOIN LATERAL (
       SELECT t.uri, t.sorted_at, t.activity_at
         FROM topics t
        WHERE t.board_uri = b.uri AND t.shown
        ORDER BY t.sorted_at DESC, t.uri DESC
        LIMIT $1) AS newest
  JOIN posts p ON p.uri = newest.uri
  LEFT JOIN accounts a ON a.did = p.did
 WHERE a.did IS NULL OR a.status = 'active' AND NOT a.banned
 ORDER BY newest.sorted_at DESC, newest.uri DESC
 LIMIT $1
"""
BOARDS = "SELECT uri, slug FROM boards ORDER BY uri"
NAMES = """
SELECT f.name AS forum, f.description, b.name AS board, b.slug, b.description AS about
  FROM (VALUES (1)) AS one LEFT JOIN forum f ON f.uri = $1 LEFT JOIN boards b ON b.uri = $2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """A topic with all it says."""

    uri: str
    title: str | None
    author: Author
    board: str
    body: Body
    created_at: datetime
    edited_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the forum is called, and one board of it."""

    forum: str | None
    description: str | None
    board: str | None
    board_slug: str | None
    board_description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Where a topic is, and when something last happened in it."""

    uri: str
    author: Author
    active_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedBoard:
    uri: str
    slug: str | None


async def newest_topics(connection: Connection, board_uri: str | None = None) -> tuple[Newest, ...]:
    """The newest few of a board, or of all of them."""
    return tuple(map(_newest, await connection.fetch(NEWEST_TOPICS, board_uri)))


async def names(connection: Connection, forum_uri: str, board_uri: str | None = None) -> Names:
    """What there is of both."""
    row = await connection.fetchrow(NAMES, forum_uri, board_uri)
    assert row is not None
    return Names(
        forum=row["forum"],
        description=row["description"],
        board=row["board"],
        board_slug=row["slug"],
        board_description=row["about"],
    )


async def mapped_boards(connection: Connection) -> tuple[MappedBoard, ...]:
    return tuple(MappedBoard(uri=row["uri"], slug=row["slug"]) for row in await connection.fetch(BOARDS))


async def mapped_topics(connection: Connection, *, limit: int) -> tuple[Mapped, ...]:
    """The newest of all boards."""
    rows = await connection.fetch(MAP, limit)
    return tuple(
        Mapped(uri=row["uri"], author=Author(did=row["did"], handle=row["handle"]), active_at=row["activity_at"])
        for row in rows
    )


def _newest(row: Row) -> Newest:
    return Newest(
        uri=row["uri"],
        title=row["title"],
        author=Author(did=row["did"], handle=row["handle"]),
        board=row["board"],
        body=body_of(row),
        created_at=row["created_at"],
        edited_at=row["edited_at"],
    )
