"""Leadership: which of several processes reads the stream. A PostgreSQL advisory lock, an epoch and a heartbeat.

The lock belongs to one connection for as long as we lead. Cursor writes are conditional on the epoch, so a leader that
lost its connection without knowing it changes nothing.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from actors.health import Pulse
from forum.database import Connection, Database, DatabaseAway
from forum.ledger import take_lock

LEADER_LOCK = 0x61746263  # "atbc", beside the ledger's

TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
UNLOCK = "SELECT pg_advisory_unlock($1)"
BEGIN_EPOCH = "UPDATE leader SET epoch = epoch + 1, heartbeat_at = clock_timestamp() RETURNING epoch"
HEARTBEAT = "UPDATE leader SET heartbeat_at = clock_timestamp() WHERE epoch = $1"

HEARTBEAT_SECONDS = 5
RETRY_SECONDS = 2
UNLOCK_SECONDS = 2


@asynccontextmanager
async def candidate(database: Database) -> AsyncIterator[Connection]:
    """A connection to lead by; whatever it locked is unlocked at the end, or goes with the connection."""
    async with database.connection() as connection:
        try:
            yield connection
        finally:
            with trio.move_on_after(UNLOCK_SECONDS, shield=True), suppress(DatabaseAway):
                await connection.fetchval(UNLOCK, LEADER_LOCK)


async def wait_to_lead(
    database: Database, connection: Connection, pulse: Pulse, *, retry_seconds: float = RETRY_SECONDS
) -> int:
    """Wait until no other process leads; the epoch that begins."""
    while not await connection.fetchval(TRY_LOCK, LEADER_LOCK):
        pulse.become("waiting", "another process reads the stream")
        await trio.sleep(retry_seconds)
    async with database.transaction() as tx:
        await take_lock(tx)  # whatever the last leader was writing is written, or gone
        epoch: int = await tx.fetchval(BEGIN_EPOCH)
    pulse.become("running", f"epoch {epoch}")
    return epoch


async def run_heartbeat(
    connection: Connection, epoch: int, pulse: Pulse, *, seconds: float = HEARTBEAT_SECONDS
) -> None:
    """Show for ever that we lead. Raises `DatabaseAway` when the connection, and so the lock, is lost."""
    while True:
        await connection.execute(HEARTBEAT, epoch)
        pulse.beat()
        await trio.sleep(seconds)
