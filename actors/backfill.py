"""The backfill manager: one job at a time, because one loop awaits it in line; between jobs it mends stale repos.

Runs in the leading process only. Jobs are rows (forum/jobs.py): any process may ask for one, and a crash leaves one
to go on with. Repositories inside a job are visited side by side, within the limits of their hosts.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog
import trio

from actors.committer import PIECES_AT_ONCE, Committer, Delivery, run_committer
from actors.health import Pulse
from actors.hosts import PATIENT, Hosts, Patience
from actors.identity import WakeUp
from actors.listing import list_repos
from actors.resolver import Resolver
from actors.visits import Book, JobBook, MendBook, Visitor
from forum import accounts, changes, jobs
from forum.database import Connection, Database, DatabaseAway
from forum.errors import BadInput, Unavailable

LOOK_SECONDS = 5.0  # how long a lost wake-up can go unnoticed
CANCEL_LOOK_SECONDS = 1.0
IDLE_SECONDS = 0.2  # between looks at a plan whose rest waits for hosts
SOME = 5  # names in a message
AHEAD = 100  # repositories looked at together: a look costs about as much as a visit
WORKERS_FOR_OTHERS = 2  # than the host that has the most of them

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Backfill:
    """What the manager works with, for one term. `stream_is_open`: changes made meanwhile will reach us by the stream.

    `looked_at`: when the last job began. Kept here, so that a restart does not begin again what has just failed.
    """

    database: Database
    resolver: Resolver
    pulse: Pulse
    wake_up: WakeUp
    forum_did: str
    known: set[str]
    stream_is_open: Callable[[], bool]
    concurrency: int
    per_second: float
    relay_url: str
    servers: Sequence[str]
    dids: Sequence[str]
    patience: Patience = PATIENT
    looked_at: datetime | None = field(default=None, init=False)


async def run_backfill(manager: Backfill) -> None:
    """Do the job that is asked for, begin one when a gap asks for it, else mend; for ever."""
    while True:
        manager.pulse.become("running", "idle")
        try:
            async with manager.database.transaction() as tx:
                job = await jobs.current(tx) or await _begin_for_gap(tx, manager.looked_at)
                looked_at = await jobs.last_start(tx)
            manager.looked_at = looked_at  # only now: what was not committed did not begin
            if job is None:
                await _mend(manager)
            else:
                await _work(manager, job)
        except* DatabaseAway:
            manager.pulse.become("waiting", "the database is away")
        manager.pulse.rest()
        await manager.wake_up.wait(LOOK_SECONDS)


async def _begin_for_gap(tx: Connection, looked_at: datetime | None) -> jobs.Job | None:
    """A job for the gaps that were opened since the last one began: one that left them open would do so again."""
    kind = await jobs.verdict(tx, since=looked_at)
    return None if kind is None else await jobs.start(tx, kind)


async def _work(manager: Backfill, job: jobs.Job) -> None:
    """One job to its end, whichever it is. A crash of ours ends it as failed, and is then the supervisor's."""
    event = "backfill_resumed" if job.dids_total else "backfill_started"
    log.info(event, id=job.id, type=job.type, processed=job.dids_processed, total=job.dids_total)
    manager.pulse.become("running", f"{job.type} {job.id}")
    try:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_watch_for_cancel, manager, job, scope)
                await _visit_repos(manager, job)
                nursery.cancel_scope.cancel()
    except* DatabaseAway:
        raise
    except* Exception as crash:
        await _finish(manager, job, "failed", f"{type(_first(crash)).__name__}; see the log")
        raise
    else:
        await _finish(manager, job, "cancelled" if scope.cancelled_caught else "completed")


def _first(error: BaseException) -> BaseException:
    """What a group is about: its first member that is none."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _watch_for_cancel(manager: Backfill, job: jobs.Job, scope: trio.CancelScope) -> None:
    """Also beats: a repository may take long, and each request has its own limit. What hangs here is our own."""
    while True:
        manager.pulse.beat()
        async with manager.database.connection() as connection:
            if await jobs.cancel_asked(connection, job.id):
                scope.cancel()
        await trio.sleep(CANCEL_LOOK_SECONDS)


async def _finish(manager: Backfill, job: jobs.Job, status: jobs.Status, message: str | None = None) -> None:
    async with manager.database.transaction() as tx:
        stale = await jobs.stale_among(tx, job.id)
        if status == "completed" and stale:
            message = (
                f"Repositories not fetched yet: {len(stale)} ({_some(stale)}). They are tried again; see the errors."
            )
        await jobs.finish(tx, job.id, status, message)
    log.info("backfill_ended", id=job.id, type=job.type, status=status, stale=len(stale))


def _some(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - SOME
    return ", ".join(names[:SOME]) + (f" and {more} more" if more > 0 else "")


async def _visit_repos(manager: Backfill, job: jobs.Job) -> None:
    """The forum's own repository, then everyone's."""
    hosts = _hosts(manager)
    book = JobBook(database=manager.database, job_id=job.id, patience=manager.patience)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_show_parked, manager.pulse, hosts)
        crowd = Crowd(hosts, most=max(manager.concurrency - WORKERS_FOR_OTHERS, 1))

        async def settle(did: str, pds: str) -> bool:
            if has_room := crowd.settle(did, pds):
                return has_room
            async with manager.database.transaction() as tx:
                await jobs.repo_lives_at(tx, job.id, did, pds)
            return has_room

        visitor = _visitor(manager, hosts, book, nursery, settle, crowd.fetched, skips=job.type == "catch_up")
        if not job.planned:
            await _plan_first(manager, job)
            await _follow_plan(manager, job, crowd, visitor)
            await _plan_rest(manager, job, hosts)
        await _follow_plan(manager, job, crowd, visitor)
        nursery.cancel_scope.cancel()


def _hosts(manager: Backfill) -> Hosts:
    """A fresh look at all servers."""
    return Hosts(manager.resolver.client, per_second=manager.per_second, patience=manager.patience)


async def _show_parked(pulse: Pulse, hosts: Hosts) -> None:
    try:
        while True:
            pulse.parked = hosts.parked
            await trio.sleep(IDLE_SECONDS)
    finally:
        pulse.parked = ()


def _visitor(
    manager: Backfill,
    hosts: Hosts,
    book: Book,
    nursery: trio.Nursery,
    settle: Callable[[str, str], Awaitable[bool]],
    fetched: Callable[[str], None],
    *,
    skips: bool,
) -> Visitor:
    send, receive = trio.open_memory_channel[Delivery](0)
    nursery.start_soon(partial(run_committer, receive, manager.database, book, forum_did=manager.forum_did))
    return Visitor(
        hosts=hosts,
        resolver=manager.resolver,
        database=manager.database,
        committer=Committer(send),
        book=book,
        forum_did=manager.forum_did,
        known=manager.known,
        skips_unmoved=skips,
        fetching=trio.CapacityLimiter(manager.concurrency),
        settle=settle,
        fetched=fetched,
    )


async def _plan_first(manager: Backfill, job: jobs.Job) -> None:
    async with manager.database.transaction() as tx:
        await jobs.plan(tx, job.id, [manager.forum_did])
        await accounts.ask_everyone(tx)
        await changes.notify(tx, changes.Changes(dids=frozenset((manager.forum_did,))))  # identity hears, and begins


async def _plan_rest(manager: Backfill, job: jobs.Job, hosts: Hosts) -> None:
    """Everyone we know, everyone the settings name, and everyone the network lists for our collections."""

    async def add(dids: Sequence[str]) -> None:
        manager.pulse.beat()
        async with manager.database.transaction() as tx:
            await jobs.plan(tx, job.id, dids)

    home = await _home(manager)
    async with manager.database.transaction() as tx:
        await jobs.plan_known(tx, job.id)
        await jobs.plan(tx, job.id, manager.dids)
        servers = {*await accounts.pds_origins(tx), *home, *manager.servers}
    unlisted = await list_repos(hosts, manager.relay_url, sorted(servers), add)
    message = f"Gaps stay open: no complete list of accounts from {_some(unlisted)}." if unlisted else None
    async with manager.database.transaction() as tx:
        await jobs.close_plan(tx, job.id, message)


async def _home(manager: Backfill) -> list[str]:
    """The server on which the forum lives: its members may well live there too."""
    try:
        document = await manager.resolver.document(manager.forum_did)
    except (Unavailable, BadInput) as error:
        log.warning("forum_not_resolved", reason=str(error))
        return []
    return [document.pds] if document and document.pds else []


async def _follow_plan(manager: Backfill, job: jobs.Job, crowd: "Crowd", visitor: Visitor) -> None:
    """Visit what is planned until nothing is left. More are under way than are fetched: the others are committed."""
    send, receive = trio.open_memory_channel[jobs.RepoDue](0)

    async def work() -> None:
        async for repo in receive:
            await _wait_for_stream(manager)
            await visitor.visit(repo)
            manager.pulse.handled += 1
            crowd.leave(repo)
            manager.pulse.beat(inbox_depth=len(crowd.under_way))

    async with trio.open_nursery() as workers:
        for _ in range(manager.concurrency + PIECES_AT_ONCE):
            workers.start_soon(work)
        async with send:
            while (ahead := await _look_ahead(manager, job, crowd)) is not None:
                while repo := await crowd.next_of(ahead):
                    await send.send(repo)


async def _look_ahead(manager: Backfill, job: jobs.Job, crowd: "Crowd") -> list[jobs.RepoDue] | None:
    """Whose turn it is next; None when all are done."""
    async with manager.database.connection() as connection:
        if not crowd.under_way and not await jobs.count_left(connection, job.id):
            return None
        return await jobs.next_repos(
            connection, job.id, but_not=sorted(crowd.under_way), not_on=crowd.full_hosts, limit=AHEAD
        )


class Crowd:
    """Who is being visited. One slow host never gets all workers: `most` of its repositories are visited at a time."""

    def __init__(self, hosts: Hosts, *, most: int) -> None:
        self._hosts, self._most = hosts, most
        self._left = WakeUp()
        self.under_way: dict[str, str | None] = {}

    @property
    def full_hosts(self) -> list[str]:
        """The hosts of which no more is wanted now, also those to be left alone."""
        counted = Counter(self.under_way.values())
        full = (host for host, count in counted.items() if host is not None and count >= self._most)
        return sorted({*full, *self._hosts.parked})

    async def next_of(self, ahead: list[jobs.RepoDue]) -> jobs.RepoDue | None:
        """Take the first that may be visited; None when there is none left, or for a while nobody makes room."""
        with trio.move_on_after(IDLE_SECONDS):
            while ahead:
                full = self.full_hosts
                for place, repo in enumerate(ahead):
                    if repo.pds not in full:
                        self.under_way[repo.did] = repo.pds
                        return ahead.pop(place)
                await self._left.wait(IDLE_SECONDS)
            await self._left.wait(IDLE_SECONDS)
        return None

    def settle(self, did: str, pds: str) -> bool:
        """Note where one of them lives; False when there are enough of it."""
        if self.under_way[did] != pds and pds in self.full_hosts:
            return False
        self.under_way[did] = pds
        return True

    def fetched(self, did: str) -> None:
        """What is left of the visit is no matter of its host any more."""
        self.under_way[did] = None
        self._left.ring()

    def leave(self, repo: jobs.RepoDue) -> None:
        """The visit is over."""
        del self.under_way[repo.did]
        self._left.ring()


async def _wait_for_stream(manager: Backfill) -> None:
    """Snapshots are taken while the stream is open: what changes after their rev comes by it."""
    while not manager.stream_is_open():  # noqa: ASYNC110 - a pulse is no event to wait for
        await trio.sleep(IDLE_SECONDS)


async def _mend(manager: Backfill) -> None:
    """Fetch stale repositories whose turn it is, outside of any job; a job that is asked for comes first."""
    async with manager.database.connection() as connection:
        due = await jobs.stale_due(connection, manager.concurrency)
    if not due or not manager.stream_is_open():
        return
    manager.pulse.become("running", "mending")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch_for_job, manager, nursery.cancel_scope)
        book = MendBook(database=manager.database, patience=manager.patience)
        hosts = _hosts(manager)
        nursery.start_soon(_show_parked, manager.pulse, hosts)
        visitor = _visitor(manager, hosts, book, nursery, _anywhere, _noted, skips=False)
        async with trio.open_nursery() as visits:
            for repo in due:
                visits.start_soon(visitor.visit, repo)
        nursery.cancel_scope.cancel()
    manager.wake_up.ring()  # there may be more


async def _anywhere(did: str, pds: str) -> bool:
    return True


def _noted(did: str) -> None:
    return None


async def _watch_for_job(manager: Backfill, scope: trio.CancelScope) -> None:
    """Cut the mending when there is more to do. Beats, as above."""
    while True:
        manager.pulse.beat()
        async with manager.database.connection() as connection:
            if await jobs.current(connection) or await jobs.verdict(connection, since=manager.looked_at):
                scope.cancel()
        await trio.sleep(CANCEL_LOOK_SECONDS)
