"""`atbb top`: what the screen says of processes and actors."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import trio
from trio.testing import MockClock

from actors.health import Board, Pulse
from actors.trends import Trends
from actors.vitals import Vitals, dump, take
from daemon.pool import Pool, open_pool
from daemon.top_command import ANSWER_SECONDS, EMPTY, bars, lines_of, look, since
from demo.daemon import PROGRAM
from forum import processes
from tests.conftest import fresh_dsn
from web.condition import Condition


def leading() -> Vitals:
    board, trends = Board("vm:3000"), Trends()
    board.pulse("leader").become("running", "epoch 1")
    firehose = board.pulse("firehose")
    firehose.become("running", "connected")
    firehose.lag_seconds = 1.25
    for second in range(60):
        firehose.handled += second
        trends.sample(board)
    identity = board.pulse("identity")
    identity.fail("KeyError: 'x'")
    identity.become("backing_off", "again in 2 s")
    identity.restarts = 3
    return take(board, trends, None)


def test_the_screen() -> None:
    """What is wrong first, and what to do about it; a line for each actor, with its error where it has one to tell."""
    head, trouble, *remedy, _, process, _, leader, firehose, identity = lines_of(
        Condition(vitals=[leading()], latency_seconds=0.002, lag=EMPTY)
    )
    assert head.endswith("UTC, processes: 1, database 2 ms, 1.2 s behind the stream")
    assert trouble == "! identity has crashed, and is about to be begun anew. KeyError: 'x'"
    assert remedy == [
        "  The log has the whole story, under actor_crashed. If it repeats, please",
        "  report it.",
    ]
    assert process.startswith("vm:3000, leads, process ")
    assert leader.split()[:2] == ["leader", "running"]
    assert firehose.split()[:2] == ["firehose", "running"]
    assert firehose.endswith("connected")
    assert "54.5" in firehose
    assert "█" in firehose
    assert identity.split()[:2] == ["identity", "backing_off"]
    assert identity.endswith("3" + " " * 24 + "KeyError: 'x'")


def test_a_database_that_is_away() -> None:
    assert lines_of(Condition(vitals=(), latency_seconds=2, lag=None))[1] == "! The database does not answer."


def test_all_is_well() -> None:
    """Said only while the forum's account, too, is signed in, as far as its own row tells."""
    board = Board("vm:3000")
    for name in ("leader", "agent"):
        board.pulse(name).become("running")
    assert second_line(board) == "All is well."
    board.pulse("agent").become("waiting", "Its server does not answer.")
    assert second_line(board) == (
        "! The forum’s account is not signed in, so the forum can only be read. Its server does not answer."
    )


def second_line(board: Board) -> str:
    return lines_of(Condition(vitals=[take(board, Trends(), None)], latency_seconds=0.002, lag=EMPTY))[1]


def test_lengths_of_time() -> None:
    now = datetime.now(UTC)
    for seconds, said in ((3_700, "1h 1m"), (90_000, "1d 1h"), (-60, "0m 0s")):
        assert since(now - timedelta(seconds=seconds)) == said
    at = datetime.now(UTC) - timedelta(seconds=5)
    said, passed = since(at), int((datetime.now(UTC) - at).total_seconds())
    assert said in [f"{seconds // 60}m {seconds % 60}s" for seconds in range(5, passed + 1)]


def test_bars() -> None:
    """As wide whatever is known, and empty where nothing is."""
    assert bars([0]) == ""
    assert bars([1]) == "▁" * 19 + "█"
    assert bars(list(range(60)))[0] == "▁"


async def tell(database: Pool) -> None:
    """What stays fresh, however slow the machine is."""
    async with database.connection() as connection:
        await processes.tell(connection, "vm:3000", dump(leading()))
        await connection.execute("UPDATE processes SET told_at = told_at + interval '1 hour'")


async def answered(database: Pool) -> Condition:
    """What is found as soon as the database answers in time."""
    while (found := await look(database)).lag is None:
        pass
    return found


async def test_looking(database: Pool) -> None:
    """What is told by now; nothing is told before there are tables."""
    await tell(database)
    found = await answered(database)
    assert [vitals.process for vitals in found.vitals] == ["vm:3000"]
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE forum_counts RENAME TO something_else")
    assert (await answered(database)).vitals == ()


async def test_a_database_that_falls_silent(database: Pool, mock_clock: MockClock) -> None:
    """It does not answer; that is not to say that nobody has told it anything."""
    await tell(database)
    async with trio.open_nursery() as nursery, database.transaction() as tx:
        await tx.execute("LOCK processes")

        async def leap() -> None:
            while not await tx.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                await trio.lowlevel.checkpoint()
            mock_clock.jump(ANSWER_SECONDS + 1)

        nursery.start_soon(leap)
        found = await look(database)
    assert (found.lag, found.vitals) == (None, ())


async def top(dsn: str, directory: Path) -> CompletedProcess[bytes]:
    return await trio.run_process(
        [str(PROGRAM), "top"],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": dsn, "ATBB_DATA_DIR": str(directory)},
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("is_told", [True, False])
async def test_the_command(postgres_dsn: str, tmp_path: Path, is_told: bool) -> None:
    """Prints it once where there is no terminal; where nobody is, it says how to begin."""
    async with fresh_dsn(postgres_dsn) as dsn:
        if is_told:
            async with open_pool(dsn, size=1, pulse=Pulse("x")) as pool:
                await tell(pool)
        done = await top(dsn, tmp_path)
        while b"The database does not answer" in done.stdout:  # in the time it has on a machine that is not so slow
            done = await top(dsn, tmp_path)
    if is_told:
        assert done.returncode == 0, done.stderr
        assert b"vm:3000, leads" in done.stdout
    else:
        assert done.returncode == 69
        assert b"atbb serve" in done.stderr
