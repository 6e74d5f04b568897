"""The front page: the forum with its figures, and its boards under their categories."""

from collections import defaultdict
from dataclasses import dataclass

from forum.database import Connection
from forum.reads.boards import Board, all_boards
from forum.reads.forum import FORUM, Forum, forum_from

# The forum's one row beside each of the few categories; one row even where there is neither.
_HOME = """
SELECT f.*, c.uri AS category_uri, c.name AS category_name, c.description AS category_description
  FROM (VALUES (1)) AS one
  LEFT JOIN ({forum}) AS f ON true
  LEFT JOIN categories c ON true
 ORDER BY c.sort_order, c.uri
"""
HOME = _HOME.format(forum=FORUM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A category and its boards; `name` is None for boards whose category is not here."""

    name: str | None
    description: str | None
    boards: tuple[Board, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    forum: Forum | None
    sections: tuple[Section, ...]


async def home_page(connection: Connection, forum_uri: str) -> Home:
    """All of it, in the forum's order; categories without boards are left out."""
    rows = await connection.fetch(HOME, forum_uri)
    boards: defaultdict[str, list[Board]] = defaultdict(list)
    for board in await all_boards(connection):
        boards[board.category_uri].append(board)
    named = [
        Section(
            name=row["category_name"],
            description=row["category_description"],
            boards=tuple(boards.pop(row["category_uri"])),
        )
        for row in rows
        if row["category_uri"] in boards
    ]
    stray = tuple(board for rest in boards.values() for board in rest)
    if stray:
        named.append(Section(name=None, description=None, boards=stray))
    return Home(forum=None if rows[0]["uri"] is None else forum_from(rows[0]), sections=tuple(named))
