"""Categories and their boards as those see them who arrange the forum: all of them, each with the version it is."""

from collections import defaultdict
from dataclasses import dataclass

from forum.database import Connection, Row
from forum.reads.versions import VERSION

# Few rows, written by the forum alone.
_CATEGORIES = """
SELECT r.uri, r.name, r.description, r.slug, r.sort_order, l.cid
  FROM categories r
  {version}
 ORDER BY r.sort_order, r.uri
"""
CATEGORIES = _CATEGORIES.format(version=VERSION)
_BOARDS = """
SELECT r.uri, r.name, r.description, r.slug, r.sort_order, l.cid, r.category_uri,
       coalesce(n.topic_count, 0) AS topic_count, coalesce(n.reply_count, 0) AS reply_count
  FROM boards r
  {version}
  LEFT JOIN board_counts n ON n.uri = r.uri
 ORDER BY r.sort_order, r.uri
"""
BOARDS = _BOARDS.format(version=VERSION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """What both have, each among its like. `cid` is the version that is shown; None where it was never told."""

    uri: str
    cid: str | None
    name: str
    description: str | None
    slug: str | None
    sort_order: int

    @property
    def rkey(self) -> str:
        return self.uri.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board(Sibling):
    category_uri: str
    topic_count: int
    reply_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Category(Sibling):
    boards: tuple[Board, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """All of it, in the forum's order. `stray` are boards whose category is not here."""

    categories: tuple[Category, ...] = ()
    stray: tuple[Board, ...] = ()

    def category(self, uri: str) -> Category | None:
        return next((one for one in self.categories if one.uri == uri), None)

    def board(self, uri: str) -> Board | None:
        boards = (*self.stray, *(board for category in self.categories for board in category.boards))
        return next((one for one in boards if one.uri == uri), None)

    def siblings(self, uri: str) -> tuple[Sibling, ...]:
        """Among which the category or board stands; with it."""
        if (board := self.board(uri)) is None:
            return self.categories
        category = self.category(board.category_uri)
        return self.stray if category is None else category.boards


async def structure_of(connection: Connection) -> Structure:
    boards: defaultdict[str, list[Board]] = defaultdict(list)
    for row in await connection.fetch(BOARDS):
        boards[row["category_uri"]].append(_board(row))
    rows = await connection.fetch(CATEGORIES)
    categories = tuple(_category(row, tuple(boards.pop(row["uri"], ()))) for row in rows)
    return Structure(categories=categories, stray=tuple(board for rest in boards.values() for board in rest))


def _category(row: Row, boards: tuple[Board, ...]) -> Category:
    return Category(
        uri=row["uri"],
        cid=row["cid"],
        name=row["name"],
        description=row["description"],
        slug=row["slug"],
        sort_order=row["sort_order"],
        boards=boards,
    )


def _board(row: Row) -> Board:
    return Board(
        uri=row["uri"],
        cid=row["cid"],
        name=row["name"],
        description=row["description"],
        slug=row["slug"],
        sort_order=row["sort_order"],
        category_uri=row["category_uri"],
        topic_count=row["topic_count"],
        reply_count=row["reply_count"],
    )
