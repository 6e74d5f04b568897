"""Categories: the headings under which boards stand."""

from dataclasses import dataclass

from forum.database import Connection, Row

# Few rows, written by the forum alone. The URI ends in a TID, so equal places fall in the order of their making.
CATEGORIES = """
SELECT id, uri, name, description, slug, sort_order
  FROM categories
 ORDER BY sort_order, uri
"""

CATEGORY = """
SELECT id, uri, name, description, slug, sort_order
  FROM categories
 WHERE id = $1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    id: int
    uri: str
    name: str
    description: str | None
    slug: str | None
    sort_order: int


async def all_categories(connection: Connection) -> tuple[Category, ...]:
    """Every category, in the forum's order."""
    return tuple(map(_category, await connection.fetch(CATEGORIES)))


async def category_by_id(connection: Connection, category_id: int) -> Category | None:
    row = await connection.fetchrow(CATEGORY, category_id)
    return None if row is None else _category(row)


def _category(row: Row) -> Category:
    return Category(
        id=row["id"],
        uri=row["uri"],
        name=row["name"],
        description=row["description"],
        slug=row["slug"],
        sort_order=row["sort_order"],
    )
