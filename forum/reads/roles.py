"""The forum's roles, which of them newcomers have, and how many hold each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forum.database import Connection, Row
from forum.reads.versions import VERSION

# A handful of rows, written by the forum alone; of equal priority the oldest first.
_ROLES = """
SELECT r.id, r.uri, r.name, r.description, r.permissions, r.priority, l.cid
  FROM roles r
  {version}
 {which}
"""
ROLES = _ROLES.format(version=VERSION, which="ORDER BY r.priority, r.uri")
ROLE_AT = _ROLES.format(version=VERSION, which="WHERE r.uri = $1")
ROLE_BY_ID = _ROLES.format(version=VERSION, which="WHERE r.id = $1")
ROLE_NAME_OF = "SELECT name FROM role_of($1)"
DEFAULT_ROLE = "SELECT s.default_role, r.name, r.uri FROM settings s LEFT JOIN LATERAL role_given(NULL) AS r ON true"

# The grants that decide, in the order of their index.
HOLDERS = """
SELECT newest.role_uri, count(*)
  FROM (SELECT DISTINCT ON (subject) role_uri FROM grants ORDER BY subject, rkey DESC) AS newest
 WHERE newest.role_uri IS NOT NULL
 GROUP BY newest.role_uri
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    id: int
    uri: str
    name: str
    description: str | None
    permissions: Sequence[str]
    priority: int  # 0 is the strongest
    cid: str | None  # the version that is shown; None where it was never told

    @property
    def rkey(self) -> str:
        return self.uri.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultRole:
    """What who was given no role has. `asked` is its name in the settings, None where joining is by approval."""

    asked: str | None
    name: str | None  # None: there is no such role
    uri: str | None  # None: it is no record


async def all_roles(connection: Connection) -> tuple[Role, ...]:
    """Every role, the strongest first."""
    return tuple(map(_role, await connection.fetch(ROLES)))


async def role_at(connection: Connection, uri: str) -> Role | None:
    row = await connection.fetchrow(ROLE_AT, uri)
    return None if row is None else _role(row)


async def role_by_id(connection: Connection, role_id: int) -> Role | None:
    row = await connection.fetchrow(ROLE_BY_ID, role_id)
    return None if row is None else _role(row)


async def role_name_of(connection: Connection, did: str) -> str | None:
    """What an account's role is called."""
    name: str | None = await connection.fetchval(ROLE_NAME_OF, did)
    return name


async def default_role(connection: Connection) -> DefaultRole:
    row = await connection.fetchrow(DEFAULT_ROLE)
    assert row is not None
    return DefaultRole(asked=row["default_role"], name=row["name"], uri=row["uri"])


async def holders(connection: Connection) -> Mapping[str, int]:
    """How many accounts were given each role, by its URI; none where nobody was."""
    return {row["role_uri"]: row["count"] for row in await connection.fetch(HOLDERS)}


def _role(row: Row) -> Role:
    return Role(
        id=row["id"],
        uri=row["uri"],
        name=row["name"],
        description=row["description"],
        permissions=row["permissions"],
        priority=row["priority"],
        cid=row["cid"],
    )
