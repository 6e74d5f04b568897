"""The loop: which job is begun, in what order repositories are visited, and what crashes, cancels and gaps leave."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest
import trio
from structlog.testing import capture_logs

from actors.backfill import run_backfill
from daemon.pool import Pool
from forum import jobs, ledger
from forum.records.names import POST, REACTION
from tests.conftest import fresh_database
from tests.standins.pds import BY_COLLECTION, LATEST, LIST, LIST_REPOS, Params, Repo, always, at_first
from tests.support.backfill import LITTLE, Scene, backfill_scene, gated
from tests.support.forum import ANN, BOB, CAT, F, reaction, topic, uri
from tests.support.index import build, miscounts_of, op, state_of
from tests.support.site import Reply, said
from tests.support.waiting import until


@pytest.fixture
async def scene(database: Pool) -> AsyncIterator[Scene]:
    async with backfill_scene(database, "elsewhere") as scene:
        yield scene


async def repos_of(scene: Scene) -> list[Repo]:
    return [repo for server in scene.net.servers.values() for repo in server.repos.values()]


# Jobs -----------------------------------------------------------------------------------------------------------------


async def test_full_sync(scene: Scene, postgres_dsn: str) -> None:
    """The forum first; then everyone whom the relay lists; the index is then what the repositories say."""
    ann, bob = scene.member(ANN), scene.member(BOB, "elsewhere", posts=120)
    bob.put(REACTION, 7, reaction(uri(ANN, 100)))
    job = await scene.done()
    assert (job.status, job.type, job.error_count, job.error_message) == ("completed", "full_sync", 0, None)
    assert (job.dids_total, job.dids_processed, job.records_indexed) == (3, 3, 2 + 3 + 122)
    visited = scene.asked(LATEST)
    assert visited[0] == F
    assert max(place for place, (_, _, did) in enumerate(scene.net.log) if did == F) < min(
        place for place, (_, method, did) in enumerate(scene.net.log) if method == LATEST and did != F
    )
    await equals(scene, postgres_dsn, ann, bob, scene.net.servers["home"].repos[F])


async def equals(scene: Scene, dsn: str, *repos: Repo) -> None:
    async with fresh_database(dsn) as other:
        truth = {
            repo.did: {
                name: {
                    key: op(repo.did, name, key, repo.rev, repo.records[name][key], repo.entry(name, key)["cid"])
                    for key in repo.records[name]
                }
                for name in repo.records
            }
            for repo in repos
        }
        await build(other, F, truth, rev=max(repo.rev for repo in repos))
        async with scene.database.connection() as one, other.connection() as two:
            assert await state_of(one) == await state_of(two)
            assert await miscounts_of(one) == {}


async def test_catch_up_visits_what_moved(scene: Scene) -> None:
    """And who first appeared; of those that are where their last snapshot left them only the newest rev is asked."""
    ann, bob = scene.member(ANN), scene.member(BOB, "elsewhere")
    await scene.done()
    ann.put(POST, 300, topic("news"))
    ann.delete(POST, 100)
    cat = scene.member(CAT)
    scene.net.log.clear()
    job = await scene.done("catch_up")
    assert sorted(scene.asked(LATEST)) == sorted([F, ANN, BOB, CAT])
    assert set(scene.asked(LIST)) == {ANN, CAT}
    assert (job.dids_processed, job.records_indexed) == (4, 3 + 3)
    assert await scene.is_in(ann, bob, cat)
    scene.net.log.clear()
    await scene.done("full_sync")
    assert set(scene.asked(LIST)) == {F, ANN, BOB, CAT}


async def test_catch_up_reads_stale_repositories(scene: Scene) -> None:
    """Also one that is still at the rev of its last snapshot: something spoke against what we hold of it."""
    scene.member(ANN)
    await scene.done()
    async with scene.database.transaction() as tx:
        await ledger.mark_stale(tx, {ANN: "bad_signature"})
    await scene.do("UPDATE repos SET mend_at = now() + interval '1 day'")
    scene.net.log.clear()
    job = await scene.done("catch_up")
    assert set(scene.asked(LIST)) == {ANN}
    assert (job.error_message, await scene.stale()) == (None, set())


async def test_who_is_visited_without_a_relay(scene: Scene) -> None:
    """Those of the forum's own server, of servers of accounts we know, and what the settings name."""
    scene.member(ANN)
    scene.member(BOB, "elsewhere")
    job = await scene.done(relay_url="")
    assert job.dids_total == 2
    job = await scene.done(relay_url="", servers=[scene.net.servers["elsewhere"].url])
    assert job.dids_total == 3
    await scene.do("DELETE FROM accounts WHERE did = $1", BOB)
    assert (await scene.done(relay_url="", dids=[BOB])).dids_total == 3


@pytest.mark.parametrize("reply", [Reply(500), said({"error": "MethodNotImplemented"}, 501), said([]), Reply(404)])
async def test_relay_that_is_of_no_use(scene: Scene, reply: Reply) -> None:
    """Then the servers are asked, and the job says so: accounts of servers we do not know may be missing."""
    relay = scene.net.servers["relay"]
    relay.scripts[BY_COLLECTION] = always(reply)
    repos = [scene.member(ANN), scene.member(BOB)]
    job = await scene.done()
    assert (job.dids_total, job.error_message) == (3, f"Gaps stay open: no complete list of accounts from {relay.url}.")
    assert await scene.is_in(*repos)


async def test_incomplete_list_leaves_its_gap_open(scene: Scene) -> None:
    """The job is not begun again by itself; one that is asked for, once all lists are to be had, closes the gap."""
    relay = scene.net.servers["relay"]
    relay.scripts[BY_COLLECTION] = always(Reply(500))
    await scene.gap()
    async with scene.running():

        async def has_ended() -> bool:
            return [job.status for job in await scene.history()] == ["completed"]

        await until(has_ended)
        async with scene.database.transaction() as tx:
            await ledger.mark_stale(tx, {F: "bad_signature"})

        async def is_mended() -> bool:
            return F not in await scene.stale()

        scene.manager.wake_up.ring()
        await until(is_mended)  # so the loop has turned
        assert (len(await scene.history()), await scene.open_gaps()) == (1, 1)
        del relay.scripts[BY_COLLECTION]
        job = await scene.ended(await scene.ask("catch_up"))
    assert (job.status, job.error_message, await scene.open_gaps()) == ("completed", None, 0)


async def test_relay_that_fails_in_between(scene: Scene) -> None:
    """A page that failed once is asked for again, so nobody is left out."""
    scene.net.servers["relay"].scripts[BY_COLLECTION] = at_first(2, Reply(502))
    scene.member(BOB, "elsewhere")
    assert (await scene.done()).dids_total == 2
    assert scene.asked(LIST_REPOS) == []


async def test_lists_without_end(scene: Scene) -> None:
    """A cursor that comes round ends the list."""

    async def round_and_round(params: Params) -> Reply:
        number = int(params.get("cursor", 0))
        return said({"repos": [{"did": ANN}], "cursor": str((number + 1) % 7)})

    scene.net.servers["relay"].scripts[BY_COLLECTION] = round_and_round
    scene.member(ANN)
    job = await scene.done()
    assert (job.status, job.dids_total) == ("completed", 2)
    assert len([1 for _, method, _ in scene.net.log if method == BY_COLLECTION]) < 100


# Side by side ---------------------------------------------------------------------------------------------------------


async def test_so_many_at_a_time(scene: Scene) -> None:
    for number in range(10):
        scene.member(f"did:plc:a{number}", ("home", "elsewhere")[number % 2])
    gate = gated(scene, *await repos_of(scene))
    del scene.net.servers["home"].repos[F].scripts[LATEST]
    job_id = await scene.ask()
    async with scene.running(concurrency=4):
        await gate.wait_full(4)
        gate.opened.set()
        await scene.ended(job_id)
    assert scene.net.most_busy <= 4


@pytest.mark.parametrize("known", [False, True])
async def test_host_that_hangs_does_not_hold_up_others(scene: Scene, known: bool) -> None:
    """It keeps at most all workers but two busy, whether we knew beforehand who lives there or not."""
    slow = [scene.member(f"did:plc:a{number}", "elsewhere") for number in range(12)]
    quick = [scene.member(f"did:plc:b{number}") for number in range(4)]
    if known:
        await scene.done()
        for repo in slow:
            await scene.do("UPDATE accounts SET pds = $2 WHERE did = $1", repo.did, repo.home.url)
        scene.net.log.clear()
    gate = gated(scene, *slow)
    job_id = await scene.ask()
    async with scene.running(concurrency=4):

        async def others_are_done() -> bool:
            return scene.is_read(*[repo.did for repo in quick])

        await until(others_are_done)
        assert gate.waiting <= 2
        gate.opened.set()
        assert (await scene.ended(job_id)).error_count == 0
    assert await scene.is_in(*slow, *quick)


async def test_parked_host_does_not_hold_up_others(scene: Scene) -> None:
    """It asks for pauses until everyone else is done; then its repositories are fetched after all."""
    slow = [scene.member(f"did:plc:a{number}", "elsewhere") for number in range(6)]
    quick = [scene.member(f"did:plc:b{number}") for number in range(6)]

    async def not_yet(params: Params) -> Reply | None:
        are_done = scene.is_read(*[repo.did for repo in quick])
        return None if are_done else Reply(429, headers={"retry-after": "1"})

    scene.net.servers["elsewhere"].scripts[LATEST] = not_yet
    job = await scene.done(patience=replace(LITTLE, parkings=1000))
    assert (job.status, job.error_count) == ("completed", 0)
    assert await scene.is_in(*slow, *quick)


# Ends -----------------------------------------------------------------------------------------------------------------


async def test_crash_in_the_middle(scene: Scene) -> None:
    """The next process goes on with what is not done, and says so."""
    repos = [scene.member(f"did:plc:a{number}") for number in range(8)]
    gate = gated(scene, *repos[4:])
    job_id = await scene.ask()
    async with scene.running():
        await gate.wait_full(2)

        async def half_is_done() -> bool:
            return (await scene.job(job_id)).dids_processed == 5

        await until(half_is_done)
    gate.opened.set()
    assert (await scene.job(job_id)).status == "in_progress"
    scene.net.log.clear()
    with capture_logs() as log:
        async with scene.running():
            job = await scene.ended(job_id)
    assert (job.status, job.dids_processed, job.dids_total) == ("completed", 9, 9)
    assert sorted(scene.asked(LATEST)) == sorted(repo.did for repo in repos[4:])
    assert [one["event"] for one in log if one["event"].startswith("backfill_")] == [
        "backfill_resumed",
        "backfill_ended",
    ]
    assert await scene.is_in(*repos)


async def test_crash_before_the_plan_was_made(scene: Scene) -> None:
    """The forum's repository was under way: that, too, is going on."""
    scene.member(ANN)
    gate = gated(scene, scene.net.servers["home"].repos[F])
    job_id = await scene.ask()
    async with scene.running():
        await gate.wait_full(1)
    gate.opened.set()
    with capture_logs() as log:
        async with scene.running():
            job = await scene.ended(job_id)
    assert job.dids_processed == 2
    assert log[0]["event"] == "backfill_resumed"


async def test_cancelled_by_its_row(scene: Scene) -> None:
    """It stops, with its gap open; it is not begun again until a new gap is found."""
    gate = gated(scene, scene.member(ANN))
    await scene.gap()
    async with scene.running():
        await gate.wait_full(1)
        (job,) = await scene.history()
        async with scene.database.transaction() as tx:
            assert await jobs.ask_to_cancel(tx, job.id)
        job = await scene.ended(job.id)
        assert (job.status, await scene.open_gaps()) == ("cancelled", 1)
        gate.opened.set()
        await scene.do("UPDATE repos SET stale_since = now(), mend_at = now() WHERE did = $1", F)
        scene.net.log.clear()
        scene.manager.wake_up.ring()

        async def is_mended() -> bool:
            return F not in await scene.stale()

        await until(is_mended)  # so the loop has turned
        assert len(await scene.history()) == 1
        await scene.gap(cursor=2)

        async def all_is_closed() -> bool:
            return await scene.open_gaps() == 0

        await until(all_is_closed)
    assert [job.status for job in await scene.history()] == ["completed", "cancelled"]


async def test_cancelled_job_begins_again_with_the_next_process(scene: Scene) -> None:
    await scene.gap()
    await scene.do("INSERT INTO backfills (type, status) VALUES ('catch_up', 'cancelled')")
    async with scene.running():

        async def is_closed() -> bool:
            return await scene.open_gaps() == 0

        await until(is_closed)
    assert [job.status for job in await scene.history()] == ["completed", "cancelled"]


async def test_bug_of_ours(scene: Scene) -> None:
    """The job fails, and says what it was; its gap stays open; the supervisor sees the crash."""
    scene.member(ANN)
    await scene.gap()
    await scene.do("ALTER TABLE floors RENAME TO walls")
    async with scene.running():

        async def has_crashed() -> bool:
            return bool(scene.crashes)

        await until(has_crashed)
    (job,) = await scene.history()
    assert (job.status, await scene.open_gaps()) == ("failed", 1)
    assert job.error_message is not None
    assert "UndefinedTable" in job.error_message
    assert "ExceptionGroup" not in job.error_message
    await scene.do("ALTER TABLE walls RENAME TO floors")
    async with scene.running():

        async def is_closed() -> bool:
            return await scene.open_gaps() == 0

        await until(is_closed)


async def test_failed_job_is_not_begun_again(scene: Scene) -> None:
    """By the supervisor, that is: it would fail once more. A new gap asks for another."""
    await scene.gap()
    await scene.do("ALTER TABLE floors RENAME TO walls")
    with pytest.raises(ExceptionGroup):
        await run_backfill(scene.manager)
    await scene.do("ALTER TABLE walls RENAME TO floors")
    async with scene.database.transaction() as tx:
        await ledger.mark_stale(tx, {F: "bad_signature"})

    async def is_mended() -> bool:
        return F not in await scene.stale()

    async def all_is_closed() -> bool:
        return await scene.open_gaps() == 0

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_backfill, scene.manager)
        await until(is_mended)  # so the loop has turned
        assert [job.status for job in await scene.history()] == ["failed"]
        await scene.gap(cursor=2)
        await until(all_is_closed)
        nursery.cancel_scope.cancel()
    assert [job.status for job in await scene.history()] == ["completed", "failed"]


@pytest.mark.parametrize("reason", ["no_cursor", "no_forum", "away_too_long", "cursor_too_old", "source_changed"])
async def test_gap_asks_for_a_job(scene: Scene, reason: str) -> None:
    await scene.gap(reason)
    async with scene.running():

        async def is_closed() -> bool:
            return await scene.open_gaps() == 0

        await until(is_closed)
    (job,) = await scene.history()
    assert job.type == ("full_sync" if reason.startswith("no_") else "catch_up")


async def test_gap_found_meanwhile_asks_for_another(scene: Scene) -> None:
    """What was lost behind its back a job does not bring: it closes only gaps that were open when it began."""
    gate = gated(scene, scene.member(ANN))
    await scene.gap()
    async with scene.running():
        await gate.wait_full(1)
        await scene.gap("source_changed", cursor=2)
        gate.opened.set()

        async def is_closed() -> bool:
            return await scene.open_gaps() == 0

        await until(is_closed)
    assert [job.status for job in await scene.history()] == ["completed"] * 2


async def test_waits_for_the_stream(database: Pool) -> None:
    """What changes after a snapshot comes by the stream: no repository is asked for while it is closed. No hang."""
    looks, is_open = [], trio.Event()

    def look() -> bool:
        looks.append(1)
        return is_open.is_set()

    async with backfill_scene(database, stream_is_open=look) as scene:
        job_id = await scene.ask()
        async with scene.running():

            async def has_looked(times: int) -> bool:
                return len(looks) >= times

            await until(lambda: has_looked(2))
            beat = scene.manager.pulse.last_beat
            await until(lambda: has_looked(12))
            assert scene.asked(LATEST) == []
            await until(lambda: has_beaten(scene, beat))
            is_open.set()
            assert (await scene.ended(job_id)).status == "completed"


async def has_beaten(scene: Scene, since: float) -> bool:
    return scene.manager.pulse.last_beat > since


async def test_beats_while_a_repository_takes_long(scene: Scene) -> None:
    """A long visit is no hanging actor: the watchdog would kill us, and the job would never get past it."""
    gate = gated(scene, scene.member(ANN))
    job_id = await scene.ask()
    async with scene.running(concurrency=1):
        await gate.wait_full(1)
        for _ in range(2):
            before = scene.manager.pulse.last_beat
            await until(partial(has_beaten, scene, before))
        gate.opened.set()
        await scene.ended(job_id)
