"""Sign-ins under way as rows: each counts once, for ten minutes, and for the browser that began it."""

from typing import Any

import pytest

from daemon.pool import Pool
from forum import sign_ins

AGE = "UPDATE sign_ins SET expires_at = expires_at - interval '10 minutes'"


async def keep(database: Pool, state: str = "state", browser: str = "browser") -> None:
    async with database.transaction() as tx:
        await sign_ins.keep(tx, state=state, browser=browser, sealed=b"sealed", next_path="/here")


async def take(database: Pool, state: str = "state") -> sign_ins.Kept | None:
    async with database.transaction() as tx:
        return await sign_ins.take(tx, state)


async def value(database: Pool, query: str) -> Any:  # Any: as the query says
    async with database.connection() as connection:
        return await connection.fetchval(query)


async def test_counts_once(database: Pool) -> None:
    """Whoever comes second finds nothing; others are untouched."""
    await keep(database)
    await keep(database, "other", "another browser")
    kept = await take(database)
    assert kept is not None
    assert (kept.sealed, kept.next_path) == (b"sealed", "/here")
    assert kept.is_of("browser")
    assert not kept.is_of("another browser")
    assert not kept.is_of("")
    assert await take(database) is None
    assert await take(database, "other") is not None


async def test_ends(database: Pool) -> None:
    """Too late is as if it had never been, and what was abandoned is swept out by the next."""
    await keep(database)
    await value(database, AGE)
    assert await take(database) is None
    await keep(database)
    await value(database, AGE)
    await keep(database, "other")
    assert await value(database, "SELECT count(*) FROM sign_ins") == 1


@pytest.mark.parametrize("state", ["", "x", "é", "\ud800", "\x00", "s" * 1_000_000])
async def test_strange_states(database: Pool, state: str) -> None:
    """Whatever a client makes up finds nothing, and is no error."""
    await keep(database)
    assert await take(database, state) is None


async def test_the_table_gives_nothing_away(database: Pool) -> None:
    """Neither the state nor the cookie stands in it."""
    await keep(database, "a-secret-state", "a-secret-cookie")
    row = await value(database, "SELECT sign_ins::text FROM sign_ins")
    assert "a-secret" not in row
    assert b"a-secret".hex() not in row
