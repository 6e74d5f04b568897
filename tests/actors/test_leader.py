"""Leadership: one at a time, on to the next when its connection is lost, and each with an epoch of its own."""

from contextlib import suppress
from functools import partial

import trio
import trio.lowlevel

from actors.health import Pulse
from actors.leader import LEADER_LOCK, candidate, run_heartbeat, wait_to_lead
from daemon.pool import Pool
from forum import stream
from forum.database import DatabaseAway
from tests.support.forum import Index

HOLDER = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {LEADER_LOCK} AND granted"


async def lead(database: Pool, pulse: Pulse, *, task_status: trio.TaskStatus[int]) -> None:
    """Lead until the connection is lost."""
    with suppress(DatabaseAway):
        async with candidate(database) as connection:
            epoch = await wait_to_lead(database, connection, pulse, retry_seconds=0.01)
            task_status.started(epoch)
            await run_heartbeat(connection, epoch, pulse, seconds=0.01)


async def test_one_leads(database: Pool, index: Index) -> None:
    """The second takes over when the first's connection is killed, with a higher epoch."""
    first, second = Pulse("first"), Pulse("second")
    async with trio.open_nursery() as nursery:
        assert await nursery.start(lead, database, first) == 1
        assert await index.one("SELECT heartbeat_at > now() - interval '1 minute' FROM leader")
        async with trio.open_nursery() as waiting:
            waiting.start_soon(partial(nursery.start, lead, database, second))
            while second.state != "waiting":
                await trio.lowlevel.checkpoint()
            assert await index.one("SELECT epoch FROM leader") == 1
            await index.do(f"SELECT pg_terminate_backend(pid) FROM ({HOLDER}) AS holder")
        assert second.detail == "epoch 2"
        nursery.cancel_scope.cancel()


async def test_old_epoch_cannot_store(index: Index, database: Pool, pulse: Pulse) -> None:
    """Who does not know yet that another leads changes nothing."""
    async with candidate(database) as connection:
        old = await wait_to_lead(database, connection, pulse)
    async with candidate(database) as connection:
        new = await wait_to_lead(database, connection, pulse)
        for epoch, cursor in ((new, 5), (old, 9)):
            try:
                async with index.writing() as tx:
                    now = await tx.fetchval("SELECT now()")
                    await stream.store_position(tx, source="s", cursor=cursor, connected_at=now, epoch=epoch)
            except stream.Replaced:
                assert epoch == old
    assert await index.one("SELECT cursor FROM stream") == 5


async def test_lock_is_given_back(index: Index, database: Pool, pulse: Pulse) -> None:
    """Also when the connection lives on in the pool."""
    async with candidate(database) as connection:
        await wait_to_lead(database, connection, pulse)
        assert len(await index.rows(HOLDER)) == 1
    assert await index.rows(HOLDER) == []
