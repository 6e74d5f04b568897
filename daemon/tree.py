"""The program, on one page: what runs, what outlives what, who talks to whom. Begin reading here.

Nesting is the stop order, from the inside out: the stream is closed, the applier drains and commits, HTTP finishes, the
pool closes, PostgreSQL stops. Only this module builds things; everything else receives what it needs.

    firehose ──inbox──► applier ──┬─► PostgreSQL ──NOTIFY──► notifier ──► pages, identity, backfill
    PDSes ────────────► backfill ─┘
    agent ──► the forum account's PDS, for whoever writes as the forum
"""

import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from errno import EADDRINUSE
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from socket import gethostname

import structlog
import trio

from actors.agent import ForumAccount, Login, account_of, run_agent
from actors.applier import run_applier
from actors.backfill import Backfill, run_backfill
from actors.backoff import delays
from actors.clock import run_clock
from actors.firehose import CONNECTED, run_firehose
from actors.health import Board
from actors.identity import Keys, WakeUp, run_identity
from actors.inbox import open_inbox
from actors.leader import candidate, run_heartbeat, wait_to_lead
from actors.notifier import run_notifier
from actors.reporter import run_reporter
from actors.resolver import Resolver
from actors.server import inherited, listen, port_of, run_server
from actors.trends import Trends, run_trends
from actors.vitals import Vitals, take
from actors.web_client import open_web_client
from daemon.door import door_of, public_origin, unlock
from daemon.errors import SettingsError
from daemon.forum_login import login_of, resolver_of
from daemon.pool import Pool, open_pool
from daemon.postgres import open_postgres
from daemon.schema import apply_schema
from daemon.settings import Settings
from daemon.siblings import run_sibling
from daemon.signals import wait_for_stop
from daemon.supervisor import supervise
from daemon.systemd import notify_ready, notify_stopping, open_notifier, run_watchdog
from forum.accounts import known_dids
from forum.changes import Changes, notify
from forum.database import DatabaseAway
from forum.errors import Unavailable
from forum.ledger import take_lock
from forum.protocol.sources import Source, source_of
from forum.visibility import keep_settings
from web.app import make_app
from web.door import Closed, Door
from web.live import Live
from web.looks import Looks
from web.page_cache import PageCache
from web.site import Site

CONNECTIONS = 10
LEADING = ("firehose", "applier", "backfill", "clock")  # actors of the process that leads
HANG_SECONDS = 60  # an actor that runs and is silent for so long hangs
GRACE_SECONDS = 3  # for requests under way when we stop
EXIT_SECONDS = 9  # then whatever still hinders the end is left behind; systemd would wait no longer than that either

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Which of several alike processes this is. The first begins the others, which get its socket and its settings."""

    processes: int = 1
    number: int = 1
    fd: int | None = None
    config: Path | None = None

    def name(self, port: int) -> str:
        """Different from all others on the same database, and the same after a restart."""
        return f"{gethostname()}:{port}" + ("" if self.number == 1 else f"/{self.number}")


ALONE = Crew()


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the actors of this process share."""

    settings: Settings
    crew: Crew
    dsn: str
    forum_did: str
    source: Source
    listener: trio.SocketListener
    origin: str | None
    door: Door | Closed
    database: Pool
    resolver: Resolver
    login: Login | None
    account: ForumAccount
    board: Board
    trends: Trends
    stop: trio.Event
    looks: Looks
    cache: PageCache = field(default_factory=PageCache)
    live: Live = field(default_factory=Live)
    identity_bell: WakeUp = field(default_factory=WakeUp)
    backfill_bell: WakeUp = field(default_factory=WakeUp)
    clock_bell: WakeUp = field(default_factory=WakeUp)


async def run_daemon(settings: Settings, crew: Crew = ALONE) -> None:
    """Run until a signal says stop. Raises `SettingsError` for a setting that cannot work, `BudgetSpent` for a bug."""
    listener = await taken(settings.port) if crew.fd is None else inherited(crew.fd)
    board = Board(crew.name(port_of(listener)))
    async with (
        listener,
        open_postgres(settings, pulse=board.pulse("postgres")) as dsn,
        open_pool(dsn, size=CONNECTIONS, pulse=board.pulse("pool")) as database,
        open_web_client(development=settings.atbb_development) as client,
    ):
        login, resolver = login_of(settings), resolver_of(settings, client)
        origin = public_origin(settings, port_of(listener))
        house = House(
            settings=settings,
            crew=crew,
            dsn=dsn,
            forum_did=settings.forum_did or "",
            source=source_of(settings.firehose_url),
            listener=listener,
            origin=origin,
            door=door_of(settings, origin, resolver),
            database=database,
            resolver=resolver,
            login=login,
            account=account_of(login),
            board=board,
            trends=Trends(),
            stop=trio.Event(),
            looks=Looks(database, settings.forum_did or ""),
        )
        await run_house(house)


async def taken(port: int) -> trio.SocketListener:
    """The port, or a sentence why not. Who holds it may be about to end, so that is worth another try."""
    try:
        return await listen(port)
    except OSError as error:
        family = Unavailable if error.errno == EADDRINUSE else SettingsError
        raise family(f"PORT {port} cannot be listened on: {error.strerror}.") from error


async def run_house(house: House) -> None:
    """Everything above the database."""
    board, stop, notify = house.board, house.stop, open_notifier()
    if house.settings.atbb_development:
        log.warning("DEVELOPMENT MODE: plain http and private addresses are allowed; never run this in public")
    async with trio.open_nursery() as keepers:
        await keepers.start(wait_for_stop, stop)
        keepers.start_soon(leave_late, stop)
        keepers.start_soon(run_watchdog, board, notify)
        keepers.start_soon(run_trends, house.trends, board)
        async with trio.open_nursery() as serving:
            await serving.start(serve, house)  # ends by itself when `stop` is set
            for number in range(2, house.crew.processes + 1):
                serving.start_soon(sibling, house, number)
            log.info("listening", url=f"http://127.0.0.1:{port_of(house.listener)}")
            notify_ready(notify)
            await run_actors(house)
            notify_stopping(notify)
        keepers.cancel_scope.cancel()
    log.info("stopped")


async def serve(house: House, *, task_status: trio.TaskStatus[None]) -> None:
    """HTTP: ready before the database is, so that health can say what is missing."""
    site = Site(
        forum_did=house.forum_did,
        public_origin=house.origin,
        session_ttl=timedelta(days=house.settings.session_ttl_days),
        cursor_max_age=house.settings.cursor_max_age,
        shows_images=house.settings.post_images,
        trusted_proxies=tuple(map(ip_network, house.settings.trusted_proxies)),
    )
    app = make_app(
        house.database,
        house.board,
        site,
        account=house.account,
        door=house.door,
        stop=house.stop,
        pool_figures=lambda: house.database.figures,
        trends=house.trends,
        cache=house.cache,
        live=house.live,
        looks=house.looks,
    )
    await run_server(
        app,
        house.listener,
        stop=house.stop,
        pulse=house.board.pulse("server"),
        grace_seconds=GRACE_SECONDS,
        task_status=task_status,
    )


async def sibling(house: House, number: int) -> None:
    """One more process beside us; told to end when `stop` is set, and then waited for."""
    pulse = house.board.pulse(f"process {number}")
    run = partial(run_sibling, number, house.listener.socket, house.dsn, house.crew.config, pulse)
    async with until(house.stop):
        await supervise(pulse, run)


async def run_actors(house: House) -> None:
    """All that needs the database; returns when `stop` is set and the applier has committed what it had."""
    async with until(house.stop):
        await wait_for_database(house)
    async with trio.open_nursery() as helpers:
        board, database = house.board, house.database
        for name, run in (
            ("notifier", partial(run_notifier, database, partial(spread, house))),
            ("identity", partial(run_identity, house.resolver, database, house.identity_bell)),
            ("agent", partial(run_agent, house.account, house.login, house.resolver)),
            ("reporter", partial(run_reporter, database, partial(vitals_of, house))),
        ):
            pulse = board.pulse(name)
            helpers.start_soon(supervise, pulse, partial(run, pulse=pulse))
        await supervise(board.pulse("leader"), partial(run_ingest, house))
        helpers.cancel_scope.cancel()


def vitals_of(house: House) -> Vitals:
    return take(house.board, house.trends, house.database.figures)


async def run_ingest(house: House) -> None:
    """Lead, then read and apply; again after whatever the world does, until `stop` is set."""
    waits = delays(longest=10)
    while not house.stop.is_set():
        try:
            await lead_once(house)
        except* Unavailable as lost:
            house.board.pulse("leader").become("waiting", "the database is away")
            log.warning("ingest_interrupted", reason=str(first_of(lost)))
            async with until(house.stop):
                await trio.sleep(next(waits))


async def lead_once(house: House) -> None:
    """One term of leadership; its pair of actors begins with a fresh channel and a re-read cursor."""
    pulse, stop = house.board.pulse("leader"), house.stop
    async with candidate(house.database) as connection:
        epoch = None
        async with until(stop):
            epoch = await wait_to_lead(house.database, connection, pulse)
        if epoch is None:
            return
        known = await prepare(house)
        try:
            async with trio.open_nursery() as leading:
                leading.start_soon(run_heartbeat, connection, epoch, pulse)
                leading.start_soon(backfill, house, known)
                leading.start_soon(clock, house)
                await read_and_apply(house, epoch, known)
                leading.cancel_scope.cancel()
        finally:  # also of a crash: another process may lead next, and here they would seem to hang
            house.board.stand_down(*LEADING)


async def prepare(house: House) -> set[str]:
    """What must be true before anything is read: the database knows the settings, and we know whom it knows."""
    async with house.database.transaction() as tx:
        await take_lock(tx)
        kept = await keep_settings(tx, forum_did=house.forum_did, default_role=house.settings.default_member_role)
        await notify(tx, kept)
        return await known_dids(tx)


async def backfill(house: House, known: set[str]) -> None:
    """The backfill manager; cut off when `stop` is set: its job goes on with the next start."""
    settings, firehose = house.settings, house.board.pulse("firehose", limit_seconds=HANG_SECONDS)
    manager = Backfill(
        database=house.database,
        resolver=house.resolver,
        pulse=house.board.pulse("backfill", limit_seconds=HANG_SECONDS),
        wake_up=house.backfill_bell,
        forum_did=house.forum_did,
        known=known,
        stream_is_open=lambda: firehose.detail == CONNECTED,
        concurrency=settings.backfill_concurrency,
        per_second=settings.backfill_rate_limit,
        relay_url=settings.relay_url,
        servers=settings.backfill_hosts,
        dids=settings.backfill_dids,
    )
    async with until(house.stop):
        await supervise(manager.pulse, partial(run_backfill, manager))


async def clock(house: House) -> None:
    """What time alone changes; cut off with the term."""
    pulse = house.board.pulse("clock", limit_seconds=HANG_SECONDS)
    await supervise(pulse, partial(run_clock, house.database, house.clock_bell, pulse))


async def read_and_apply(house: House, epoch: int, known: set[str]) -> None:
    """The pair. When `stop` is set only the reader is cut off: the applier empties its inbox, commits and ends."""
    outlet, inbox = open_inbox()
    async with trio.open_nursery() as pair:
        pair.start_soon(
            partial(
                run_applier,
                inbox,
                house.database,
                house.board.pulse("applier", limit_seconds=HANG_SECONDS),
                forum_did=house.forum_did,
                source=house.source.name,
                epoch=epoch,
            )
        )
        async with until(house.stop):
            await run_firehose(
                house.source,
                outlet,
                house.database,
                house.board.pulse("firehose", limit_seconds=HANG_SECONDS),
                forum_did=house.forum_did,
                known=known,
                key_of=Keys(house.resolver, house.database),
                max_age=house.settings.cursor_max_age,
            )
        outlet.close()
        house.board.pulse("firehose").become("stopped")


async def wait_for_database(house: House) -> None:
    """As soon as there is one, create or upgrade its schema, and unlock the door."""
    waits = delays(longest=10)
    while True:
        try:
            log.info("schema", done=await apply_schema(house.database))
            await unlock(house.door, house.origin, house.database)
        except DatabaseAway as error:
            log.warning("database_away", reason=str(error))
            await trio.sleep(next(waits))
        else:
            return


def spread(house: House, changes: Changes) -> None:
    """Forget the looks and the pages that are no longer so, tell those that are open, and wake who waits for such a
    change: accounts to be asked about, a job to be begun, an end to come.
    """
    house.looks.drop(changes)
    house.cache.drop(changes)
    house.live.tell(changes)
    if changes.dids or changes.all:
        house.identity_bell.ring()
    if changes.jobs or changes.all:
        house.backfill_bell.ring()
    if changes.ends or changes.all:
        house.clock_bell.ring()


@asynccontextmanager
async def until(stop: trio.Event) -> AsyncIterator[None]:
    """Cancel the block, and only the block, when the event is set."""

    async def cut() -> None:
        await stop.wait()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut)
        yield
        nursery.cancel_scope.cancel()


async def leave_late(stop: trio.Event) -> None:
    """From the moment `stop` is set there is an end, whatever hangs: a thread does not ask the loop."""
    await stop.wait()
    timer = threading.Timer(EXIT_SECONDS, os._exit, [1])
    timer.daemon = True
    timer.start()


def first_of(error: BaseException) -> BaseException:
    """The error itself, out of the groups that nurseries make."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
