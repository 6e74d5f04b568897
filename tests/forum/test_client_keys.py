"""The client's key: one for all processes, for as long as it can be opened."""

import structlog
import trio

from daemon.pool import Pool
from forum.client_keys import client_key
from forum.protocol.dpop import Key
from forum.sealing import Seal

OLD, NEW = "o" * 32, "n" * 32


async def key_of(database: Pool, *secrets: str) -> Key:
    async with database.transaction() as tx:
        return await client_key(tx, Seal(*secrets))


async def test_made_once(database: Pool) -> None:
    """However many begin at a time; and kept encrypted."""
    keys: list[Key] = []

    async def begin() -> None:
        keys.append(await key_of(database, OLD))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(begin)
    assert keys[0] == keys[1] == keys[2] == await key_of(database, OLD)
    async with database.connection() as connection:
        kept = await connection.fetchval("SELECT sealed FROM client_keys")
    assert keys[0]["d"].encode() not in kept


async def test_outlives_a_secret_that_is_replaced(database: Pool) -> None:
    """Opened once with the old one beside the new, the old one is not needed any more."""
    key = await key_of(database, OLD)
    assert await key_of(database, NEW, OLD) == key
    assert await key_of(database, NEW) == key


async def test_replaced_when_its_secret_is_lost(database: Pool) -> None:
    """And the log says so."""
    key = await key_of(database, OLD)
    with structlog.testing.capture_logs() as logs:
        new = await key_of(database, NEW)
    assert new != key
    assert await key_of(database, NEW) == new
    assert [line["event"] for line in logs] == ["client_key_replaced"]
    assert key["d"] not in str(logs)
