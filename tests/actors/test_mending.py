"""Between jobs: stale repositories are fetched anew, with patience that grows, and never in the way of a job."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from actors.visits import MendBook
from daemon.pool import Pool
from forum import jobs, ledger
from forum.database import Connection
from forum.records.names import POST
from tests.standins.pds import LATEST, at_first
from tests.support.backfill import LITTLE, Scene, backfill_scene, gated
from tests.support.forum import ANN, topic
from tests.support.site import Reply
from tests.support.waiting import until


@pytest.fixture
async def scene(database: Pool) -> AsyncIterator[Scene]:
    async with backfill_scene(database, "elsewhere") as scene:
        yield scene


async def test_stale_repositories_are_mended_outside_jobs(scene: Scene) -> None:
    """Tried again until it works; then all is forgotten."""
    ann = scene.member(ANN)
    await scene.done()
    ann.put(POST, 300, topic("missed"))
    ann.scripts[LATEST] = at_first(2, Reply(500))
    async with scene.database.transaction() as tx:
        await ledger.mark_stale(tx, {ANN: "missed_commit"})
    async with scene.running(patience=replace(LITTLE, first_mend_seconds=0)):

        async def is_mended() -> bool:
            scene.manager.wake_up.ring()
            return await scene.stale() == set()

        await until(is_mended)
    assert await scene.is_in(ann)
    assert await scene.one("SELECT mend_failures FROM repos WHERE did = $1", ANN) == 0
    assert len(await scene.history()) == 1


async def test_mending_waits_longer_each_time(scene: Scene) -> None:
    """Up to an hour; and as long as a server asks for."""
    await scene.do("INSERT INTO repos (did, stale_since, stale_reason) VALUES ($1, now(), 'sync')", ANN)
    waits = []
    async with scene.database.transaction() as tx:  # in which it is always the same time
        book = MendBook(database=Within(tx))
        for tries in (0, 1, 2, 20):
            due = jobs.RepoDue(did=ANN, tries=tries, pds=None, is_closed=False, synced_rev=None)
            await book.failed(due, None, "away", worth_retry=True)
            waits.append(await mend_wait(tx))
        await book.later(replace(due, tries=0), "parked", seconds=600)
        waits.append(await mend_wait(tx))
    assert waits == [5, 10, 20, 3600, 600]


class Within:
    """A database that is always in one transaction."""

    def __init__(self, tx: Connection) -> None:
        self.tx = tx

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        yield self.tx

    connection = transaction


async def mend_wait(tx: Connection) -> float:
    return float(await tx.fetchval("SELECT extract(epoch FROM mend_at - now())::float8 FROM repos WHERE did = $1", ANN))


async def test_job_does_not_wait_for_mending(scene: Scene) -> None:
    """A stale repository on a server that never ends its answers must not keep the next job from beginning."""
    ann = scene.member(ANN, "elsewhere")
    await scene.done()
    gate = gated(scene, ann)
    async with scene.database.transaction() as tx:
        await ledger.mark_stale(tx, {ANN: "sync"})
    scene.manager.wake_up.ring()
    async with scene.running():
        await gate.wait_full(1)
        ann.scripts.clear()
        job = await scene.ended(await scene.ask())
        assert job.status == "completed"
        assert not gate.opened.is_set()
