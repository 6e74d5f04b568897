"""The pool of PostgreSQL connections: `forum.database.Database` over triopg, which no other module imports.

It owns the asyncio loop triopg needs, and a few long-lived connections handed out one holder at a time. Callers
may be any trio task: the loop travels with the connection, not with the task. Whatever waits here has a deadline,
and a connection whose state is in doubt is settled or dropped, never handed on. SQL is not its business.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import asyncpg
import structlog
import trio
import trio_asyncio
import triopg

from actors.health import Pulse
from daemon.errors import SettingsError
from forum.database import DatabaseAway, Row, RowRefused

log = structlog.get_logger(__name__)
T = TypeVar("T")

# The notifier reads at once, so this only fills while the process is busy; beyond it, one "all" says as much.
LISTEN_BUFFER = 256
# Sent by the server before anything else; jit costs more than it saves on short statements.
SESSION = {
    "application_name": "atbb",
    "jit": "off",
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "120s",
}

READ_ONLY = "25006"  # a standby, after a failover; a server whose disk is full
# SQLSTATEs (or their classes) that say "not now": lost connections, rollback for concurrency, no resources,
# cancelled by a server's time limit, shutting down or starting up, idle limits, read-only.
AWAY_STATES = ("08", "40", "53", "57014", "57P", "25P03", READ_ONLY)
REFUSED_STATES = ("22", "23", "54")  # the value, a constraint, or a limit of the server's own, such as of an index
# What a server says at the door when DATABASE_URL itself is wrong: password, role, database name.
WRONG_URL_STATES = ("28", "3D")

UNREADABLE_URL = (
    "DATABASE_URL cannot be read: in its user and password write #, /, ?, @ and : as %23, %2F, %3F, %40 and %3A."
)

DRIVER_ERRORS = (asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long each thing may take before the database counts as away."""

    acquire_seconds: float = 10
    connect_seconds: float = 10
    command_seconds: float = 60
    settle_seconds: float = 2
    trusted_idle_seconds: float = 60  # longer silence is checked before the next use: a firewall may have forgotten us


DEFAULT_LIMITS = Limits()
SLOW_LIMITS = Limits(command_seconds=3600)  # for changes of the schema, which may rewrite tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the metrics show of a pool."""

    size: int
    idle: int
    waiting: int
    opened: int
    lost: int


class HeldConnection:
    """One connection, in the hands of one task at a time; implements `forum.database.Connection`."""

    # Any: asyncpg is untyped
    def __init__(self, loop: trio_asyncio.TrioEventLoop, raw: Any, limits: Limits) -> None:
        self._loop = loop
        self._limits = limits
        self.raw = raw
        self.used_at = trio.current_time()
        self.interrupted = False

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        rows: Sequence[Row] = await self._call(self.raw.fetch(query, *args))
        return rows

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        row: Row | None = await self._call(self.raw.fetchrow(query, *args))
        return row

    async def fetchval(self, query: str, *args: object) -> Any:  # Any: a column's type is the query's affair
        return await self._call(self.raw.fetchval(query, *args))

    async def execute(self, query: str, *args: object) -> None:
        await self._call(self.raw.execute(query, *args))

    async def add_listener(self, channel: str, heard: Callable[..., None]) -> None:
        """LISTEN; `heard` gets the connection, the sender's process, the channel and the payload."""
        await self._call(self.raw.add_listener(channel, heard))

    async def commit(self) -> None:
        """COMMIT, and notice that PostgreSQL answers ROLLBACK when a statement had failed."""
        answer = await self._call(self.raw.execute("COMMIT"))
        if answer != "COMMIT":
            raise RuntimeError("the transaction went on after a failed statement, so it was rolled back")

    async def settle(self) -> None:
        """Bring the connection back to rest; whatever hinders that ends it. Not cancellable, but short."""
        with trio.move_on_after(self._limits.settle_seconds, shield=True), suppress(Exception):
            if self.interrupted and not self.raw.is_in_transaction():
                await self.fetchval("SELECT 1")  # waits until the server has acknowledged the cancelled statement
            if self.raw.is_in_transaction():
                await self.execute("ROLLBACK")
        if self.interrupted or self.raw.is_closed() or self.raw.is_in_transaction():
            self.raw.terminate()

    async def close(self) -> None:
        """Take leave of the server, within the time a settlement may take."""
        with trio.move_on_after(self._limits.settle_seconds, shield=True), suppress(Exception):
            await self._loop.run_aio_coroutine(self.raw.close())
        self.raw.terminate()

    async def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await an asyncpg coroutine from trio, in one crossing, with a deadline and our errors."""
        self.interrupted = True
        with trio.move_on_after(self._limits.command_seconds):
            try:
                answer: T = await self._loop.run_aio_coroutine(coroutine)
            except Exception as error:
                self.interrupted = False
                if getattr(error, "sqlstate", None) == READ_ONLY:
                    self.raw.terminate()  # it would stay so for ever; another may meet a server that can be written to
                named = translated(error, lost=self.raw.is_closed())
                if named is error:
                    raise
                raise named from error
            self.interrupted = False
            return answer
        raise DatabaseAway(f"PostgreSQL gave no answer within {self._limits.command_seconds:g} seconds")


Connect = Callable[[], Awaitable[HeldConnection]]


class Pool:
    """Up to `size` connections, opened when first needed; implements `forum.database.Database`."""

    def __init__(self, connect: Connect, keepers: trio.Nursery, *, size: int, pulse: Pulse, limits: Limits) -> None:
        self._connect = connect
        self._keepers = keepers
        self.pulse = pulse
        self._limits = limits
        self._slots = trio.Semaphore(size)
        self._size = size
        self._idle: list[HeldConnection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[HeldConnection]:
        held = await self._take()
        try:
            yield held
        finally:
            await self._give_back(held)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[HeldConnection]:
        # Plain statements: the exit of the driver's transaction() hides the true error of a lost connection.
        async with self.connection() as held:
            await held.execute("BEGIN")
            yield held  # a body that fails leaves the transaction open: giving back rolls it back
            await held.commit()

    @asynccontextmanager
    async def listen(self, *channels: str) -> AsyncIterator[AsyncIterator[str]]:
        send, receive = trio.open_memory_channel[str](LISTEN_BUFFER + 1)
        held = await self._open()
        try:
            held.raw.add_termination_listener(lambda _connection: send.close())
            for channel in channels:
                await held.add_listener(channel, lambda *notice: put_payload(send, notice[-1]))
            # Not a nursery of our own: it would wrap what the caller's block raises into a group.
            self._keepers.start_soon(keep_checking, held, self._limits)
            yield receive
        finally:
            await held.close()

    @property
    def figures(self) -> Figures:
        counted, slots = self.pulse.counters, self._slots.statistics()
        taken = self._size - self._slots.value
        return Figures(
            size=taken + len(self._idle),
            idle=len(self._idle),
            waiting=slots.tasks_waiting,
            opened=counted["opened"],
            lost=counted["lost"],
        )

    async def close(self) -> None:
        """Close what is idle; nesting sees to it that nothing is held any more."""
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> HeldConnection:
        with trio.move_on_after(self._limits.acquire_seconds):
            await self._slots.acquire()
            try:
                held = await self._idle_one() or await self._open()
            except BaseException:
                self._slots.release()
                raise
            if self.pulse.state != "running":
                self.pulse.become("running")
            return held
        raise DatabaseAway(f"no database connection within {self._limits.acquire_seconds:g} seconds")

    async def _idle_one(self) -> HeldConnection | None:
        """The connection used last that is still alive; the dead ones met on the way are dropped."""
        while self._idle:
            held = self._idle.pop()
            if trio.current_time() - held.used_at > self._limits.trusted_idle_seconds:
                held.interrupted = True
                await held.settle()
            if not held.raw.is_closed():
                return held
            self._count_lost()
        return None

    async def _give_back(self, held: HeldConnection) -> None:
        if held.interrupted or held.raw.is_closed() or held.raw.is_in_transaction():
            await held.settle()
        if held.raw.is_closed():
            self._count_lost()
        else:
            held.used_at = trio.current_time()
            self._idle.append(held)
        self._slots.release()

    async def _open(self) -> HeldConnection:
        try:
            held = await self._connect()
        except (DatabaseAway, SettingsError) as away:
            self.pulse.fail(str(away))
            self.pulse.become("waiting", "PostgreSQL cannot be reached")
            if isinstance(away, SettingsError) and self.pulse.counters["opened"]:
                # The setting was right before: a failover, or a database that is being restored.
                raise DatabaseAway(str(away)) from away
            raise
        self.pulse.counters["opened"] += 1
        return held

    def _count_lost(self) -> None:
        self.pulse.counters["lost"] += 1


@asynccontextmanager
async def open_pool(dsn: str, *, size: int, pulse: Pulse, limits: Limits = DEFAULT_LIMITS) -> AsyncIterator[Pool]:
    """A pool for the time of the block; nothing is connected until the first use."""
    async with trio_asyncio.open_loop() as loop:
        # The default handler ends the loop when a callback raises, and then what waits can never be cancelled.
        loop.set_exception_handler(lambda _loop, context: note_loop_error(pulse, context))
        async with trio.open_nursery() as keepers:
            connect = partial(connected, loop, dsn, limits)
            pool = Pool(connect, keepers, size=size, pulse=pulse, limits=limits)
            try:
                yield pool
            finally:
                await pool.close()
                keepers.cancel_scope.cancel()


async def connected(loop: trio_asyncio.TrioEventLoop, dsn: str, limits: Limits) -> HeldConnection:
    """A new connection; `DatabaseAway` when none can be had, `SettingsError` when the URL is wrong."""
    proxy = triopg.connect(dsn, server_settings=SESSION)
    # triopg finds its loop in a context variable, which the tasks of the web server do not have.
    token = trio_asyncio.current_loop.set(loop)
    try:
        with trio.move_on_after(limits.connect_seconds):
            await proxy.__aenter__()
            # From here on we await the connection inside by the loop at hand: no context variable is needed.
            return HeldConnection(loop, proxy._asyncpg_conn, limits)
    except ValueError as error:
        # It quotes what could not be read, perhaps a piece of the password: no log may have it.
        raise refused_entry(error) from None
    except Exception as error:
        raise refused_entry(error) from error
    finally:
        trio_asyncio.current_loop.reset(token)
    raise DatabaseAway(f"PostgreSQL did not let us in within {limits.connect_seconds:g} seconds")


def refused_entry(error: Exception) -> Exception:
    """What a failed connect means: a wrong setting, or a server that is away."""
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(WRONG_URL_STATES) or isinstance(error, asyncpg.ClientConfigurationError):
        return SettingsError(f"DATABASE_URL does not open a database: {error}.")
    if isinstance(error, ValueError) and not isinstance(error, OSError):  # a certificate that is refused is both
        return SettingsError(UNREADABLE_URL)
    return translated(error, lost=True)


def translated(error: Exception, *, lost: bool) -> Exception:
    """The error in our two families, or itself when it is a bug; `lost` says the connection is gone."""
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, OSError | TimeoutError) or state.startswith(AWAY_STATES):
        return DatabaseAway(f"{type(error).__name__}: {error}")
    if isinstance(error, asyncpg.DataError) or state.startswith(REFUSED_STATES):
        return RowRefused(f"sqlstate_{state}" if state else "unstorable", str(error)[:300])
    if lost and isinstance(error, DRIVER_ERRORS):
        return DatabaseAway(f"the connection was lost: {error}")
    return error


def note_loop_error(pulse: Pulse, context: dict[str, Any]) -> None:  # Any: asyncio's own mapping
    """Log and count what an asyncio callback raised; the loop goes on."""
    error = context.get("exception")
    pulse.fail(f"{context.get('message', 'asyncio error')}: {error!r}")
    pulse.counters["loop_errors"] += 1
    log.error("asyncio_callback_failed", message=context.get("message"), exc_info=error)


def put_payload(out: trio.MemorySendChannel[str], payload: str) -> None:
    """Pass a notification on; for a reader far behind, the last place says that anything may have changed."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.WouldBlock):
        full = out.statistics().current_buffer_used >= LISTEN_BUFFER
        out.send_nowait("all" if full else payload)


async def keep_checking(held: HeldConnection, limits: Limits) -> None:
    """Ask a silent connection now and then whether it lives; a dead one is ended, and its listener hears."""
    while not held.raw.is_closed():
        await trio.sleep(limits.trusted_idle_seconds)
        held.interrupted = True
        await held.settle()
