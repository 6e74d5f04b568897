"""After any outage one backfill makes the index equal to the repositories again, deletions included."""

import os
import random
from contextlib import suppress
from functools import partial

import pytest
import trio

from demo.daemon import wait_until
from demo.records import mod_action, named, topic
from forum import jobs
from forum.database import Connection
from forum.records.names import BOARD, MEMBERSHIP, MOD_ACTION, POST
from tests.e2e.load import under_load
from tests.e2e.scene import Scene
from tests.standins.jetstream import NSID, jetstream_of

pytestmark = [pytest.mark.network, pytest.mark.slow]

KILLS = int(os.environ.get("ATBB_BACKFILL_KILLS", "3"))


async def finished(scene: Scene, kind: str, *, count: int = 1) -> None:
    """Wait until so many jobs of this kind are completed and no gap is open."""

    async def done() -> bool:
        async with scene.index.connection() as connection:
            history = await jobs.history(connection, limit=100)
            completed = [job for job in history if job.type == kind and job.status == "completed"]
            return len(completed) >= count and await jobs.verdict(connection) is None

    await wait_until(done)


async def ask(scene: Scene, kind: jobs.Type) -> int:
    async with scene.index.transaction() as tx:
        return (await jobs.start(tx, kind)).id


async def job(scene: Scene, job_id: int) -> jobs.Job:
    async with scene.index.connection() as connection:
        found = await jobs.read(connection, job_id)
    assert found is not None
    return found


async def test_first_start_brings_what_was_there_before(scene: Scene) -> None:
    """A stream that begins with the present: an empty index asks for a full_sync by itself."""
    alice = await scene.member("alice")
    await scene.reply(alice, await scene.topic(alice, "Long before"), "And an answer to it.")
    async with jetstream_of(scene.pds.address.url) as stream, scene.daemon(FIREHOSE_URL=f"{stream.url}/subscribe"):
        await finished(scene, "full_sync")
        await scene.wait_equal()


async def test_outage_longer_than_the_stream_remembers(scene: Scene) -> None:
    """Created, changed, deleted, joined, left, closed, renamed while we were away: a catch_up brings it all."""
    alice, bob, carol, dave, erin = [await scene.member(name) for name in ("alice", "bob", "carol", "dave", "erin")]
    root, dropped = await scene.topic(alice, "Kept"), await scene.topic(alice, "Dropped")
    answer = await scene.reply(bob, root, "To be deleted")
    for member in (carol, dave, erin):
        await scene.reply(member, root, f"From {member.handle}")
    async with jetstream_of(scene.pds.address.url, backlog=3) as stream:
        source = {"FIREHOSE_URL": f"{stream.url}/xrpc/{NSID}"}
        async with scene.daemon(**source) as daemon:
            await finished(scene, "full_sync")
            await scene.reply(bob, root, "Seen live")  # so that there is a place in the stream to come back to
            await scene.wait_equal()
        await alice.put(POST, root.rkey, topic("Kept", "Changed meanwhile", scene.board))
        await alice.delete(POST, dropped.rkey)
        await bob.delete(POST, answer.rkey)
        await scene.forum.create(MOD_ACTION, mod_action("pin", root, by=scene.forum.did))
        await scene.forum.put(
            BOARD, scene.board.rkey, named("Renamed", category={"category": scene.category.as_json()})
        )
        await carol.deactivate()
        await scene.pds.delete_account(dave.did)
        handle = await erin.rename("erin-renamed")
        frank = await scene.member("frank")
        await scene.topic(frank, "From someone new")
        async with scene.daemon(**source) as daemon:
            await finished(scene, "catch_up")
            await wait_until(lambda: is_called(scene, erin.did, handle))
            (kept, _) = sorted(await scene.topics(daemon), key=lambda found: str(found["title"]), reverse=True)
            assert (kept["title"], kept["text"], kept["pinned"], kept["replyCount"]) == (
                "Kept",
                "Changed meanwhile",
                True,
                2,
            )
            await carol.activate()  # of a closed account the repositories say nothing, so this comes before comparing
            await scene.wait_equal()


async def is_called(scene: Scene, did: str, handle: str) -> bool:
    async with scene.index.connection() as connection:
        return bool(await connection.fetchval("SELECT handle = $2 FROM accounts WHERE did = $1", did, handle))


async def test_unchanged_repositories_are_skipped_by_catch_up_only(scene: Scene) -> None:
    alice = await scene.member("alice")
    await scene.topic(alice, "Once")
    async with scene.daemon():
        await finished(scene, "full_sync")
        again = await ask(scene, "catch_up")
        await finished(scene, "catch_up")
        assert (await job(scene, again)).records_indexed == 0
        whole = await ask(scene, "full_sync")
        await finished(scene, "full_sync", count=2)
        assert (await job(scene, whole)).records_indexed > 0


async def test_killed_in_the_middle_it_goes_on(scene: Scene) -> None:
    """kill -9 at random points of a full_sync, under load: resumed, completed, equal."""
    members = [await scene.member(f"member{number}") for number in range(12)]
    for member in members:
        await scene.topic(member, f"By {member.handle}")
    dice = random.Random(4)
    slow = {"BACKFILL_RATE_LIMIT": "20", "BACKFILL_CONCURRENCY": "2"}
    async with jetstream_of(scene.pds.address.url) as stream, under_load(scene, seed=5, writers=1):
        source = {"FIREHOSE_URL": f"{stream.url}/subscribe"}
        for _ in range(KILLS):
            async with scene.daemon(**source, **slow) as daemon:
                await wait_until(partial(is_under_way_or_again, scene, dice.randrange(1, 12)))
                await daemon.kill()
    async with jetstream_of(scene.pds.address.url) as stream, scene.daemon(FIREHOSE_URL=f"{stream.url}/subscribe"):
        await finished(scene, "full_sync")
        await scene.wait_equal()
        async with scene.index.connection() as connection:
            assert await connection.fetchval("SELECT bool_and(dids_processed = dids_total) FROM backfills")


async def is_under_way(scene: Scene, most: int) -> bool:
    async with scene.index.connection() as connection:
        running = await jobs.current(connection)
    return running is not None and running.dids_processed >= most


async def is_under_way_or_again(scene: Scene, most: int) -> bool:
    """Whether it is; a job that came to its end before we looked is followed by another."""
    if await is_under_way(scene, most):
        return True
    async with scene.index.connection() as connection:
        has_ended = await jobs.current(connection) is None and await jobs.history(connection, limit=1)
    if has_ended:
        with suppress(jobs.AlreadyRunning):
            await ask(scene, "full_sync")
    return False


async def test_cancelled_job_leaves_its_gap(scene: Scene) -> None:
    """Cancel in the middle, then a full_sync: equal."""
    for number in range(6):
        await scene.topic(await scene.member(f"member{number}"), "One topic")
    async with jetstream_of(scene.pds.address.url) as stream:
        source = {"FIREHOSE_URL": f"{stream.url}/subscribe"}
        async with scene.daemon(**source, BACKFILL_RATE_LIMIT="2", BACKFILL_CONCURRENCY="1"):
            await wait_until(lambda: is_under_way(scene, 1))
            async with scene.index.transaction() as tx:
                running = await jobs.current(tx)
                assert running is not None
                assert await jobs.ask_to_cancel(tx, running.id)
            await wait_until(lambda: has_status(scene, running.id, "cancelled"))
            async with scene.index.connection() as connection:
                assert await jobs.verdict(connection) == "full_sync"
        async with scene.daemon(**source):
            await finished(scene, "full_sync")
            await scene.wait_equal()


async def has_status(scene: Scene, job_id: int, status: str) -> bool:
    return (await job(scene, job_id)).status == status


async def test_two_daemons_one_works(scene: Scene) -> None:
    """Asked twice at once one job begins, one process works at it, and the second request finds it running."""
    await scene.topic(await scene.member("alice"), "One topic")
    async with scene.daemon(), scene.daemon():
        await finished(scene, "full_sync")

        async def ask_in_vain() -> None:
            with pytest.raises(jobs.AlreadyRunning):
                await ask(scene, "full_sync")

        async with trio.open_nursery() as nursery, scene.index.transaction() as tx:
            await jobs.start(tx, "full_sync")
            nursery.start_soon(ask_in_vain)
            await wait_until(lambda: has_another_wait(tx))
        await finished(scene, "full_sync", count=2)
        await scene.wait_equal()


async def has_another_wait(tx: Connection) -> bool:
    """Whether somebody can go on only when the transaction ends."""
    return bool(
        await tx.fetchval(
            "SELECT bool_or(pg_backend_pid() = ANY (pg_blocking_pids(pid))) FROM pg_locks WHERE NOT granted"
        )
    )


async def test_reactivated_account_is_mended(scene: Scene) -> None:
    """What was written while the account was closed to us is fetched when it is open again, outside of any job."""
    alice = await scene.member("alice")
    await scene.topic(alice, "Before")
    async with scene.daemon():
        await finished(scene, "full_sync")
        await scene.wait_equal()
        await alice.deactivate()
        await wait_until(lambda: status_is(scene, alice.did, "deactivated"))
        await alice.activate()
        await scene.topic(alice, "After")
        await alice.create(MEMBERSHIP, {"forum": {"forum": scene.self.as_json()}, "createdAt": "2026-01-01T00:00:00Z"})
        await wait_until(lambda: status_is(scene, alice.did, "active"))
        await scene.wait_equal()


async def status_is(scene: Scene, did: str, status: str) -> bool:
    async with scene.index.connection() as connection:
        return bool(await connection.fetchval("SELECT status = $2 FROM accounts WHERE did = $1", did, status))
