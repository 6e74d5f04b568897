"""How well the index follows the network, in numbers; and whether there is an index at all."""

from dataclasses import dataclass

from forum.database import Connection

# Both by partial indexes that hold just these rows: repos_stale, gaps_open.
LAG = """
SELECT (SELECT count(*) FROM repos WHERE stale_since IS NOT NULL) AS stale_repos,
       (SELECT count(*) FROM gaps WHERE closed_at IS NULL) AS open_gaps
"""

# The last table of schema.sql, which is applied whole or not at all.
HAS_SCHEMA = "SELECT to_regclass('forum_counts') IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    stale_repos: int
    open_gaps: int


async def lag(connection: Connection) -> Lag:
    """What is known to be missing or doubtful."""
    row = await connection.fetchrow(LAG)
    if row is None:
        raise RuntimeError("a SELECT without FROM gave no row")
    return Lag(stale_repos=row["stale_repos"], open_gaps=row["open_gaps"])


async def has_schema(connection: Connection) -> bool:
    """Whether the tables are there."""
    return bool(await connection.fetchval(HAS_SCHEMA))
