"""The pool against a real server: callers that are cancelled, values refused, a PostgreSQL that goes away or hangs."""

import os
import signal
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest
import trio
import trio_asyncio

from actors.health import Pulse
from daemon.errors import SettingsError
from daemon.pool import LISTEN_BUFFER, HeldConnection, Limits, Pool, open_pool
from forum.database import DatabaseAway, RowRefused
from tests.conftest import TEMPLATE, administer, fresh_database, fresh_dsn, with_name
from tests.support.waiting import until

IMPATIENT = Limits(acquire_seconds=0.2, settle_seconds=0.2)


async def test_rows_come_back_by_name_and_place(database: Pool) -> None:
    """The door's calls work."""
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT $1::int AS a, 'x' AS b", 3)
        assert row is not None
        assert (row["a"], row[1]) == (3, "x")
        assert await connection.fetchval("SELECT count(*) FROM ledger") == 0
        assert len(await connection.fetch("SELECT generate_series(1, 3)")) == 3


async def test_connections_are_used_again(database: Pool) -> None:
    """One after the other, two holders get the same backend; side by side, two."""
    assert await backend_of(database) == await backend_of(database)
    async with database.connection() as first, database.connection() as second:
        assert await pid_of(first) != await pid_of(second)
    assert database.figures.opened == database.figures.size == database.figures.idle == 2


async def test_any_task_may_use_the_pool(database: Pool) -> None:
    """Tasks of the web server do not have triopg's context variable."""
    trio_asyncio.current_loop.set(None)
    async with database.transaction() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_transaction_commits(database: Pool) -> None:
    """What the block wrote is there for others."""
    await note(database, "kept")
    assert await notes(database) == ["kept"]


async def test_error_rolls_back(database: Pool) -> None:
    """A block that raises leaves nothing, and its error comes out as it is."""
    with pytest.raises(KeyError):  # noqa: PT012
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO floors VALUES ('did:x', 'c', 'lost')")
            raise KeyError
    assert await notes(database) == []


async def test_swallowed_failure_is_not_taken_for_a_commit(database: Pool) -> None:
    """After a failed statement PostgreSQL answers COMMIT with ROLLBACK, which must not go unnoticed."""
    with pytest.raises(RuntimeError, match="rolled back"):  # noqa: PT012
        async with database.transaction() as connection:
            with pytest.raises(RowRefused):
                await connection.execute("SELECT 1/0")
    assert await notes(database) == []


async def test_cancelled_query_leaves_the_connection_usable(database: Pool) -> None:
    """A cancelled reader costs a statement, not a connection."""
    backend = await backend_of(database)
    async with database.connection() as connection, cut_short(database):
        await connection.execute("SELECT pg_sleep(60)")
    assert await backend_of(database) == backend


async def test_cancelled_transaction_rolls_back(database: Pool) -> None:
    """Also when cancelled within a statement."""
    async with cut_short(database), database.transaction() as connection:
        await connection.execute("INSERT INTO floors VALUES ('did:x', 'c', 'lost')")
        await connection.execute("SELECT pg_sleep(60)")
    assert await notes(database) == []
    assert await idle_in_transaction(database) == 0


async def test_storm_of_cancellations(database: Pool) -> None:
    """Cancelled at any point, every transaction is whole or absent, and no connection stays inside one."""
    committed = []

    async def one(number: int) -> None:
        with trio.move_on_after(number / 4000):
            await note(database, f"{number:03}")
            committed.append(f"{number:03}")

    async with trio.open_nursery() as nursery:
        for number in range(80):
            nursery.start_soon(one, number)
    assert set(committed) <= set(await notes(database))
    assert await idle_in_transaction(database) == 0


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("SELECT $1::text", "a\0b"),
        ("SELECT $1::text", "\ud800"),
        ("SELECT $1::jsonb", '"\\u0000"'),
        ("SELECT $1::int", 2**40),
        ("SELECT $1::int", "one"),
        ("INSERT INTO unsettled VALUES ($1)", "".join(map(chr, range(0x4E00, 0x4E00 + 3_000)))),
        ("INSERT INTO floors VALUES ('did:x', 'c', $1)", None),
    ],
)
async def test_values_that_cannot_be_stored_are_refused(database: Pool, query: str, value: object) -> None:
    """Whether the driver or the server notices; the connection goes on."""
    async with database.connection() as connection:
        with pytest.raises(RowRefused):
            await connection.execute(query, value)
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_bug_stays_a_bug(database: Pool) -> None:
    """A misspelt statement is neither bad input nor an absent world."""
    async with database.connection() as connection:
        with pytest.raises(Exception, match="does not exist") as caught:
            await connection.execute("SELECT * FROM nowhere")
    assert not isinstance(caught.value, DatabaseAway | RowRefused)


async def test_idle_connection_that_died_is_replaced(database: Pool) -> None:
    """The next caller gets a new one; at worst it hears once that the database was away."""
    async with database.connection() as killer:
        victim = await backend_of(database)
        await kill(killer, victim)
        assert await eventually(database) == 1
    assert database.figures.lost == 1


async def test_connection_lost_in_flight(database: Pool) -> None:
    """The caller hears `DatabaseAway`, not the driver's complaint about leaving the transaction."""
    async with database.connection() as killer, trio.open_nursery() as nursery:
        with pytest.raises(DatabaseAway):  # noqa: PT012
            async with database.transaction() as connection:
                nursery.start_soon(kill, killer, await pid_of(connection))
                await connection.execute("SELECT pg_sleep(60)")
    assert await eventually(database) == 1


async def test_connection_lost_between_statements(database: Pool) -> None:
    """COMMIT on a dead connection is `DatabaseAway` too."""
    with pytest.raises(DatabaseAway):
        async with database.transaction() as connection, database.connection() as killer:
            await kill(killer, await pid_of(connection))
    assert await notes(database) == []


async def test_exhausted_pool(postgres_dsn: str) -> None:
    """Waiting for a connection has an end."""
    async with fresh_database(postgres_dsn) as lender, lender.connection() as lent, trio.open_nursery() as keepers:

        async def connect() -> HeldConnection:
            return lent  # in no time, on any machine

        pool = Pool(connect, keepers, size=1, pulse=Pulse("pool"), limits=IMPATIENT)
        async with pool.connection():
            with pytest.raises(DatabaseAway):
                await backend_of(pool)


async def test_slow_statement(postgres_dsn: str) -> None:
    """A statement has a deadline; afterwards the same connection goes on."""
    limits = Limits(command_seconds=0.1)
    async with fresh_database(postgres_dsn, size=1, limits=limits) as pool:
        async with pool.connection() as connection:
            with pytest.raises(DatabaseAway):
                await connection.execute("SELECT pg_sleep(60)")
        assert await eventually(pool) == 1


@pytest.mark.slow
async def test_backend_that_hangs_cannot_hold_a_cancelled_caller(postgres_dsn: str) -> None:
    """A stopped server process answers neither the query nor its cancellation: the connection is dropped."""
    async with fresh_database(postgres_dsn, size=1, limits=Limits(settle_seconds=0.2)) as pool:
        with stopping_backends() as stop_backend:
            with trio.CancelScope() as scope:
                async with pool.transaction() as connection:
                    stop_backend(await pid_of(connection))
                    scope.deadline = trio.current_time() + 0.1
                    await connection.execute("SELECT 1")
            assert scope.cancelled_caught
            assert await eventually(pool) == 1
            assert pool.figures.lost == 1


async def test_wrong_database_name_is_a_wrong_setting(postgres_dsn: str) -> None:
    """It will not come right by waiting."""
    async with open_pool(with_name(postgres_dsn, "nowhere"), size=1, pulse=Pulse("pool")) as pool:
        with pytest.raises(SettingsError, match="DATABASE_URL"):
            await backend_of(pool)


@pytest.mark.parametrize("mark", "#/?")
async def test_password_that_breaks_the_url(mark: str) -> None:
    """A wrong setting; of the password nothing is said, by the trace neither."""
    async with open_pool(f"postgresql://atbb:xyzzy{mark}plugh@127.0.0.1/x", size=1, pulse=Pulse("pool")) as pool:
        with pytest.raises(SettingsError, match="DATABASE_URL cannot be read") as caught:
            await backend_of(pool)
    trace = "".join(traceback.format_exception(caught.value))
    assert "xyzzy" not in trace
    assert "plugh" not in trace


async def test_database_that_is_gone_for_a_while(postgres_dsn: str) -> None:
    """Dropped and made anew, as for a restore: the setting was right before, so this is waited out."""
    async with fresh_dsn(postgres_dsn) as dsn, open_pool(dsn, size=1, pulse=Pulse("pool")) as pool:
        name = urlsplit(dsn).path[1:]
        await note(pool, "lost")
        await administer(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")
        for _ in range(2):
            with pytest.raises(DatabaseAway):
                await notes(pool)
        assert pool.pulse.state == "waiting"
        await administer(postgres_dsn, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        assert await notes(pool) == []


async def test_database_that_is_read_only_for_a_while(postgres_dsn: str) -> None:
    """Who writes waits, who reads does not; and a connection from then is not kept, for it would stay as it is."""
    async with fresh_dsn(postgres_dsn) as dsn, open_pool(dsn, size=1, pulse=Pulse("pool")) as pool:
        name = urlsplit(dsn).path[1:]
        await administer(postgres_dsn, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with pytest.raises(DatabaseAway, match="read-only"):
            await note(pool, "refused")
        assert await notes(pool) == []
        await administer(postgres_dsn, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        with pytest.raises(DatabaseAway):
            await note(pool, "refused")
        await note(pool, "kept")
        assert await notes(pool) == ["kept"]


async def test_no_server() -> None:
    """Nobody there: away, and the pulse says so."""
    pulse = Pulse("pool")
    async with open_pool("postgresql://x@/x?host=/nonexistent", size=1, pulse=pulse) as pool:
        with pytest.raises(DatabaseAway):
            await backend_of(pool)
    assert pulse.state == "waiting"


async def test_callback_that_raises_ends_nothing(postgres_dsn: str) -> None:
    """An exception in an asyncio callback is counted; the default handler would hang the process for good."""
    async with fresh_database(postgres_dsn) as pool:
        loop = trio_asyncio.current_loop.get()
        loop.call_soon(divide, 1, 0)
        assert await eventually(pool) == 1
        assert pool.pulse.counters["loop_errors"] == 1


async def test_listener_that_raises_ends_nothing(database: Pool) -> None:
    """So is one in the callback of a notification; the pool can be used and closed."""
    async with database.connection() as connection:
        await connection.add_listener("news", lambda *_notice: divide(1, 0))
        await connection.execute("NOTIFY news")
        assert await connection.fetchval("SELECT 1") == 1
    assert database.pulse.counters["loop_errors"] == 1


async def test_listen_hears_every_channel(database: Pool) -> None:
    """In the order of sending."""
    async with database.listen("one", "two") as payloads, database.connection() as sender:
        await sender.execute("SELECT pg_notify('one', 'a'), pg_notify('two', 'b')")
        assert [await anext(payloads), await anext(payloads)] == ["a", "b"]


async def test_listen_overflow_says_all(database: Pool) -> None:
    """A reader far behind is told once that anything may have changed."""
    async with database.listen("news") as payloads, database.connection() as sender:
        await sender.execute("SELECT pg_notify('news', n::text) FROM generate_series(1, $1) n", LISTEN_BUFFER + 50)
        await until(partial(is_overflowing, payloads))
        heard = [await anext(payloads) for _ in range(LISTEN_BUFFER + 1)]
        assert heard[0] == "1"
        assert heard[-1] == "all"


async def test_listen_ends_with_its_connection(database: Pool) -> None:
    """The reader learns that it may have missed something."""
    async with database.listen("news") as payloads:
        async with database.connection() as killer:
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
                " AND datname = current_database()"
            )
        assert [payload async for payload in payloads] == []


async def test_error_inside_listen_comes_out_as_it_is(database: Pool) -> None:
    """Not wrapped into a group: callers catch `DatabaseAway`."""
    with pytest.raises(DatabaseAway):
        async with database.listen("news"):
            raise DatabaseAway


async def is_overflowing(payloads: trio.MemoryReceiveChannel[str]) -> bool:
    return payloads.statistics().current_buffer_used > LISTEN_BUFFER


@asynccontextmanager
async def cut_short(database: Pool) -> AsyncIterator[None]:
    """Cancels the block once the server is in the midst of a statement of it."""

    async def cut() -> None:
        await until(partial(is_asleep, database))
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut)
        yield


async def is_asleep(database: Pool) -> bool:
    async with database.connection() as connection:
        return await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database())"
        )


async def backend_of(pool: Pool) -> int:
    async with pool.connection() as connection:
        return await pid_of(connection)


async def pid_of(connection) -> int:
    return await connection.fetchval("SELECT pg_backend_pid()")


async def kill(connection, pid: int) -> None:
    assert await connection.fetchval("SELECT pg_terminate_backend($1, 60000)", pid)


async def note(pool: Pool, text: str) -> None:
    async with pool.transaction() as connection:
        await connection.execute("INSERT INTO floors VALUES ('did:x', $1, 'rev')", text)


async def notes(pool: Pool) -> list[str]:
    async with pool.connection() as connection:
        return [row[0] for row in await connection.fetch("SELECT collection FROM floors ORDER BY 1")]


async def idle_in_transaction(pool: Pool) -> int:
    async with pool.connection() as connection:
        return await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()"
        )


async def eventually(pool: Pool) -> int:
    """The answer of a database that may be away for a moment."""
    while True:
        try:
            async with pool.connection() as connection:
                return await connection.fetchval("SELECT 1")
        except DatabaseAway:
            await trio.lowlevel.checkpoint()


@contextmanager
def stopping_backends() -> Iterator:
    """A way to stop server processes, that lets them go on afterwards."""
    stopped: list[int] = []

    def stop(pid: int) -> None:
        stopped.append(pid)
        os.kill(pid, signal.SIGSTOP)

    try:
        yield stop
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def divide(one: int, other: int) -> float:
    return one / other
