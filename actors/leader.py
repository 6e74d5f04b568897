"""Leadership: which of several processes reads the stream. A PostgreSQL advisory lock, an epoch and a heartbeat.

The lock is held by one connection for as long as we lead. Cursor writes are conditional on the epoch, so a leader that
lost its connection without knowing it changes nothing.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from actors.health import Pulse
from forum.database import Connection, Database, DatabaseAway
from forum.ledger import take_lock

LEADER_LOCK = 0x61746263

TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
UNLOCK = "SELECT pg_advisory_unlock($1)"
BEGIN_EPOCH = "UPDATE leader SET epoch = epoch + 1, heartbeat_at = clock_timestamp() RETURNING epoch"
HEARTBEAT = "UPDATE leader SET heartbeat_at = clock_timestamp() WHERE epoch = $1"

HEARTBEAT_SECONDS = 5
RETRY_SECONDS = 2


@asynccontextmanager
async def lead(database: Database, pulse: Pulse) -> AsyncIterator[int]:
    """Wait until no other process leads, then hold leadership and give its epoch.

    Raises `DatabaseAway` into the body when the connection that holds the lock is lost.
    """
    async with database.connection() as connection:
        pulse.become("waiting", "another process reads the stream")
        while not await connection.fetchval(TRY_LOCK, LEADER_LOCK):
            pulse.beat()
            await trio.sleep(RETRY_SECONDS)
        try:
            async with database.transaction() as tx:
                await take_lock(tx)  # whatever the last leader was writing is written or gone
                epoch: int = await tx.fetchval(BEGIN_EPOCH)
            pulse.become("running", "leads")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_beat, connection, epoch, pulse)
                yield epoch
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 2):
                await _unlock(connection)


async def _beat(connection: Connection, epoch: int, pulse: Pulse) -> None:
    while True:
        await connection.execute(HEARTBEAT, epoch)
        pulse.beat()
        await trio.sleep(HEARTBEAT_SECONDS)


async def _unlock(connection: Connection) -> None:
    try:
        await connection.fetchval(UNLOCK, LEADER_LOCK)
    except DatabaseAway:
        return  # the lock went with the connection
