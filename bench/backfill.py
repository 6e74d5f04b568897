"""Backfill: a full_sync of repositories on a real PDS, against a bare client that only fetches the same pages.

In each round, one after the other: the bare client; the daemon with an index emptied before; the daemon with all in
sync; and live events while it fills the emptied index once more. `--events` is the number of repositories here.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import takewhile
from statistics import median

import trio

from actors.health import Pulse
from bench.confirming import confirm_rates
from bench.events import topic, written
from bench.latency import Reader, latencies, replies
from bench.measure import Plan, Row, main, report
from bench.repos import RECORDS, Repos, Settling, bare_seconds, settled, settling
from bench.stream import Listener, listening
from bench.subject import POLL_SECONDS, Subject, data_directory, dsn_of
from daemon.pool import open_pool
from demo.daemon import running_daemon, settings_for
from demo.network import Network, running_network
from forum import changes, jobs
from forum.records.names import POST
from forum.records.syntax import tid_of

FULL, QUICK = Plan(events=2_000), Plan(events=60, rounds=3)
LOOK_SECONDS = 0.1  # between looks at a job: its own row says when it ended, and looking takes time from it
LARGE = 10  # the large repository has ten records where there are so many repositories: 20,000

# Accounts known beforehand, and nobody asks for them: what identities cost has a row of its own.
KNOW = """
INSERT INTO accounts (did, pds, resolved_at, refresh_at) SELECT did, $2, now(), NULL FROM unnest($1::text[]) AS did
    ON CONFLICT (did) DO UPDATE SET pds = excluded.pds, resolved_at = excluded.resolved_at
"""
REST = (
    "CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.refresh_at = NULL; RETURN NEW; END'",
    "CREATE TRIGGER rest BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION rest()",
)
WAKE = ("DROP TRIGGER rest ON accounts", "UPDATE accounts SET resolved_at = NULL, refresh_at = now()")
EMPTY = "TRUNCATE ledger, floors, repos, posts, topics, board_counts, memberships, members, reactions"
VISITED = "SELECT max(dids_processed) FROM backfills"
NEWEST = "SELECT max(id) FROM backfills"
TOPIC = "SELECT id FROM posts WHERE uri = $1"


@dataclass(frozen=True, slots=True)
class Syncing:
    """A daemon whose members live on a real server, while the stream is ours."""

    subject: Subject
    repos: Repos

    async def full_sync(self) -> float:
        """Its seconds, by the job's own row."""
        async with self.subject.database.transaction() as tx:
            job = await jobs.start(tx, "full_sync")
        return await self.finished(job.id)

    async def finished(self, job_id: int) -> float:
        """Return when it is; the seconds it took."""
        async with self.subject.database.connection() as connection:
            while (job := await jobs.read(connection, job_id)) is None or job.completed_at is None:  # noqa: ASYNC110
                await trio.sleep(LOOK_SECONDS)
        assert (job.status, job.error_count) == ("completed", 0), job
        return (job.completed_at - job.started_at).total_seconds()

    async def empty(self) -> None:
        async with self.subject.database.transaction() as tx:
            await tx.execute(EMPTY)
            await tx.execute("UPDATE forum_counts SET member_count = 0")

    async def live_milliseconds(self) -> float:
        """The median from a live event to its being read, while the emptied index fills."""
        await self.empty()
        at, author = time.time_ns() // 1_000, self.repos.members[0]
        uri = f"at://{author}/{POST}/{tid_of(at, 1)}"
        opening = written(author, at, POST, tid_of(at, 1), topic("Live", "Is it there?", self.repos.board.uri))
        await self.subject.send([opening])
        await self.subject.wait_committed(at)
        async with self.subject.database.connection() as connection:
            reader = Reader(self.subject.daemon.url, await connection.fetchval(TOPIC, uri))
        fills = [True]
        seconds: list[float] = []
        events = takewhile(lambda _: fills, replies(author, uri, at))

        async def send() -> None:
            seconds.extend(await trio.to_thread.run_sync(latencies, self.subject.client, reader, events))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await self.full_sync()
            fills.clear()
        return median(seconds) * 1e3


@asynccontextmanager
async def following(network: Network, listener: Listener, repos: Repos, **more: str) -> AsyncIterator[Syncing]:
    """The daemon, whose first full_sync begins as the block does."""
    with data_directory() as data_dir, (data_dir / "daemon.log").open("w") as log:
        settings = settings_for(network, repos.forum, data_dir, FIREHOSE_URL=listener.url, **more)
        cluster = data_dir / "postgres"
        async with (
            running_daemon(settings, log=log) as daemon,
            open_pool(dsn_of(cluster), size=4, pulse=Pulse("bench")) as database,
        ):
            client = await trio.to_thread.run_sync(listener.accept)
            async with database.transaction() as tx:
                for statement in REST:
                    await tx.execute(statement)
                await tx.execute(KNOW, repos.dids, repos.pds)
            yield Syncing(Subject(daemon=daemon, client=client, database=database, cluster=cluster), repos)


async def first_sync(syncing: Syncing) -> list[float]:
    """The resident size after a quarter, a half, and all repositories of the job that a first start asks for."""
    subject, sizes = syncing.subject, []
    async with subject.database.connection() as connection:
        for share in (0.25, 0.5):
            while (await connection.fetchval(VISITED) or 0) < share * len(syncing.repos.dids):  # noqa: ASYNC110
                await trio.sleep(POLL_SECONDS)
            sizes.append(subject.rss_megabytes)
        newest = await connection.fetchval(NEWEST)
    await syncing.finished(newest)
    return [*sizes, subject.rss_megabytes]


async def large_growth(syncing: Syncing, place: Settling, records: int) -> float:
    """How many MB the daemon grows by, at most, while one large repository comes."""
    await place.member("large", records)
    before = peak = syncing.subject.rss_megabytes
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            nonlocal peak
            while True:
                peak = max(peak, syncing.subject.rss_megabytes)
                await trio.sleep(POLL_SECONDS)

        nursery.start_soon(watch)
        await syncing.full_sync()
        nursery.cancel_scope.cancel()
    return peak - before


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Seconds of a full_sync over the bare client's just before, CPU seconds of both, milliseconds of a live event."""

    bare: float
    bare_cpu: float
    filling: float
    in_sync: float
    daemon_cpu: float
    live: float


async def one_round(syncing: Syncing) -> Round:
    bare = await bare_seconds(syncing.repos)
    await syncing.empty()
    filling = await syncing.full_sync() / bare
    cpu = time.process_time()
    again = await bare_seconds(syncing.repos)
    cpu, (daemon_cpu, _) = time.process_time() - cpu, syncing.subject.cpu_seconds()
    in_sync = await syncing.full_sync() / again
    found = Round(
        bare=again,
        bare_cpu=cpu,
        filling=filling,
        in_sync=in_sync,
        daemon_cpu=syncing.subject.cpu_seconds()[0] - daemon_cpu,
        live=await syncing.live_milliseconds(),
    )
    report(found)
    return found


async def identities_besides(syncing: Syncing) -> tuple[float, float]:
    """Seconds of a full_sync while everyone's identity is asked for, too, all at once; how many a second that are."""
    async with syncing.subject.database.transaction() as tx:
        for statement in WAKE:
            await tx.execute(statement)
        await changes.notify(tx, changes.Changes(all=True))
    seconds: list[float] = []

    async def sync() -> None:
        seconds.append(await syncing.full_sync())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sync)
        rate = await syncing.subject.wait_resolved()
    return seconds[0], rate


async def measure_network(plan: Plan, network: Network) -> list[Row]:
    async with settling(network) as place:
        repos = await settled(place, plan.events)
        with listening() as listener:
            async with following(network, listener, repos) as syncing:
                sizes = await first_sync(syncing)
                rounds = [await one_round(syncing) for _ in range(plan.rounds)]
                growth = await large_growth(syncing, place, LARGE * plan.events)
                bare = await bare_seconds(repos)
                beside, identities = await identities_besides(syncing)
    large, records = LARGE * plan.events, len(repos.members) * RECORDS
    filling, in_sync, live = [one.filling for one in rounds], [one.in_sync for one in rounds], [r.live for r in rounds]
    return [
        Row(name="bare client", values=[records / one.bare for one in rounds], unit="records/s"),
        Row(name="full_sync of an empty index ÷ bare client", values=filling, unit="× the time", wanted="≤ 1.3"),
        Row(name="full_sync of what is in sync ÷ bare client", values=in_sync, unit="× the time", wanted="≤ 1.3"),
        Row(
            name="CPU of the daemon ÷ of the bare client, in sync",
            values=[one.daemon_cpu / one.bare_cpu for one in rounds],
            unit="×",
        ),
        Row(
            name="full_sync with everyone's identity asked besides ÷ bare client",
            values=[beside / bare],
            unit="× the time",
        ),
        Row(name="identities asked meanwhile", values=[identities], unit="accounts/s"),
        Row(name="live event to API during a full_sync, median", values=live, unit="ms", wanted="< 250"),
        Row(name="resident size after ¼, ½, all repositories", values=sizes, unit="MB"),
        Row(name="after all ÷ after ¼ of the repositories", values=[sizes[-1] / sizes[0]], unit="×", wanted="≤ 1.1"),
        Row(name=f"growth while a repository of {large:,} records comes", values=[growth], unit="MB", wanted="≤ 20"),
    ]


async def measure(plan: Plan) -> list[Row]:
    confirmed = await confirm_rates(plan)
    row = Row(name="records in sync confirmed", values=confirmed, unit="records/s", wanted="≥ 10,000")
    report(row)
    with running_network() as network:
        return [*await measure_network(plan, network), row]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
