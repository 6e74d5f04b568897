"""The forum's roles."""

from collections.abc import Sequence
from dataclasses import dataclass

from forum.database import Connection, Row

# A handful of rows, written by the forum alone; of equal priority the oldest first.
ROLES = "SELECT id, uri, name, description, permissions, priority FROM roles ORDER BY priority, uri"
ROLE_NAME_OF = "SELECT name FROM role_of($1)"
ROLE_AT = "SELECT id, uri, name, description, permissions, priority FROM roles WHERE uri = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    id: int
    uri: str
    name: str
    description: str | None
    permissions: Sequence[str]
    priority: int  # 0 is the strongest


async def all_roles(connection: Connection) -> tuple[Role, ...]:
    """Every role, the strongest first."""
    return tuple(map(_role, await connection.fetch(ROLES)))


async def role_at(connection: Connection, uri: str) -> Role | None:
    row = await connection.fetchrow(ROLE_AT, uri)
    return None if row is None else _role(row)


async def role_name_of(connection: Connection, did: str) -> str | None:
    """What an account's role is called."""
    name: str | None = await connection.fetchval(ROLE_NAME_OF, did)
    return name


def _role(row: Row) -> Role:
    return Role(
        id=row["id"],
        uri=row["uri"],
        name=row["name"],
        description=row["description"],
        permissions=row["permissions"],
        priority=row["priority"],
    )
