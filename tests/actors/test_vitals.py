"""How busy actors were, and what processes tell each other of it."""

import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.health import Board, Pulse
from actors.reporter import everyones, run_reporter
from actors.trends import RECENT, SAMPLES_A_STEP, STEPS, Trend, Trends, run_trends
from actors.vitals import Vitals, dump, load, take
from daemon.pool import Pool
from forum import processes


@given(st.lists(st.integers(0, 1_000), max_size=3 * SAMPLES_A_STEP))
def test_a_trend(handled: list[int]) -> None:
    """Nothing that was handled is lost or told twice; the rate is of the last samples alone."""
    trend, total = Trend(), 0
    for more in handled:
        total += more
        trend.sample(total)
    assert sum(trend.steps) == total
    assert len(trend.steps) == max(-(-len(handled) // SAMPLES_A_STEP), 1)
    recent = handled[-RECENT:]
    assert trend.per_second == (sum(recent) / len(recent) if recent else 0)


def test_a_long_trend() -> None:
    """A quarter of an hour, and no more."""
    trend = Trend()
    for second in range(20 * 60):
        trend.sample(second)
    assert len(trend.steps) == STEPS
    assert set(trend.steps) == {SAMPLES_A_STEP}


async def test_sampling(autojump_clock: MockClock) -> None:
    """Once a second, also of actors that begin later."""
    board, trends = Board("here"), Trends()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_trends, trends, board)
        await trio.sleep(2.5)
        board.pulse("applier").handled = 30
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert take(board, trends, None).actors[0].per_second == 15


def test_over_the_wire() -> None:
    """Another process reads what was said."""
    board = Board("here")
    pulse = board.pulse("backfill")
    pulse.become("running", "full_sync 1")
    pulse.fail("x" * 100)
    pulse.parked = ("https://pds.example",)
    vitals = take(board, Trends(), None)
    assert load(dump(vitals)) == vitals
    assert vitals.memory_bytes > 1_000_000


async def test_processes_tell_each_other(database: Pool) -> None:
    """Who leads comes first; of oneself one knows best."""

    async def tell(name: str, *, leads: bool) -> None:
        board = Board(name)
        board.pulse("leader").become("running" if leads else "waiting")
        async with database.connection() as connection:
            await processes.tell(connection, name, dump(take(board, Trends(), None)))

    for name, leads in (("a", False), ("b", True), ("c", False)):
        await tell(name, leads=leads)
    await tell("own", leads=True)  # a second ago
    own = take(Board("own"), Trends(), None)
    async with database.connection() as connection:
        await connection.execute("UPDATE processes SET told_at = told_at + interval '1 hour'")  # on a slow machine, too
        assert [vitals.process for vitals in await everyones(connection, own)] == ["b", "a", "c", "own"]


async def test_reporting(database: Pool) -> None:
    """What is told is what is so; who is long gone is forgotten."""
    async with database.connection() as connection:
        await processes.tell(connection, "gone", "{}")
        await connection.execute("UPDATE processes SET told_at = now() - interval '2 minutes'")
    board, pulse = Board("here"), Pulse("reporter")

    def own() -> Vitals:
        return take(board, Trends(), None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_reporter, database, own, pulse)
        told: list[str] = []
        while not told:
            async with database.connection() as connection:
                told = await processes.told(connection)
        nursery.cancel_scope.cancel()
    assert [load(text).process for text in told] == ["here"]
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM processes") == 1
