"""Categories and their boards as those see them who arrange the forum: all of them, each with the version it is."""

from collections import defaultdict
from dataclasses import dataclass

from forum.database import Connection, Row
from forum.records.names import BOARD, CATEGORY

# Few rows, written by the forum alone; each with its entry of the ledger by that one's primary key.
_ALL = """
SELECT p.*, l.cid{more}
  FROM {table} p
  LEFT JOIN ledger l ON l.did = $1 AND l.collection = $2 AND l.rkey = substring(p.uri FROM '[^/]+$')
  {join}
 ORDER BY p.sort_order, p.uri
"""
CATEGORIES = _ALL.format(table="categories", more="", join="")
BOARDS = _ALL.format(
    table="boards",
    more=", coalesce(n.topic_count, 0) AS topic_count, coalesce(n.reply_count, 0) AS reply_count",
    join="LEFT JOIN board_counts n ON n.uri = p.uri",
)


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


async def structure_of(connection: Connection, forum_did: str) -> Structure:
    boards: defaultdict[str, list[Board]] = defaultdict(list)
    for row in await connection.fetch(BOARDS, forum_did, BOARD):
        boards[row["category_uri"]].append(_board(row))
    rows = await connection.fetch(CATEGORIES, forum_did, CATEGORY)
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
