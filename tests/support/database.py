"""Databases for property tests: made once per server, emptied for each example: cheaper than making new ones."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from actors.health import Pulse
from daemon.pool import Pool, open_pool
from tests.conftest import PATIENT

SCHEMA = Path(__file__).parents[2] / "schema.sql"

TABLES = """
SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
 WHERE schemaname = 'public' AND tablename NOT IN ('leader', 'settings', 'forum_counts', 'schema_version')
"""
RESET = (
    "UPDATE leader SET epoch = 0, heartbeat_at = 'epoch'",
    "UPDATE settings SET forum_did = NULL, default_role = DEFAULT",
    "UPDATE forum_counts SET member_count = 0, action_count = 0",
)


@asynccontextmanager
async def with_databases(dsn: str, count: int) -> AsyncIterator[list[Pool]]:
    """Open pools on so many empty indexes of the server at `dsn`."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_pool(dsn, size=1, pulse=Pulse("database"), limits=PATIENT))
        pools = []
        for number in range(count):
            name = f"emptied_{number}"
            async with server.connection() as connection:
                known = await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name)
                if not known:
                    await connection.execute(f"CREATE DATABASE {name}")
            pool = await stack.enter_async_context(
                open_pool(at(dsn, name), size=3, pulse=Pulse("database"), limits=PATIENT)
            )
            await empty(pool, new=not known)
            pools.append(pool)
        yield pools


async def empty(pool: Pool, *, new: bool) -> None:
    """Apply the schema to a new database; take everything out of a used one."""
    async with pool.transaction() as tx:
        if new:
            await tx.execute(SCHEMA.read_text())
            return
        await tx.execute(f"TRUNCATE {await tx.fetchval(TABLES)}")
        for statement in RESET:
            await tx.execute(statement)


def at(dsn: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
