"""`atbb session` and `atbb backfill`, beside a daemon or none: its rows are all these commands meet."""

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio
from click.testing import CliRunner, Result

from actors.health import Pulse
from daemon.backfill_command import Pace, Sample, clock, last_words, line_of, pace_of, watch
from daemon.cli import main
from daemon.pool import Pool, open_pool
from daemon.postgres import embedded_postgres
from demo.daemon import PROGRAM
from forum import jobs, sessions
from forum.database import Connection, DatabaseAway
from tests.conftest import fresh_dsn

ANN, BOB = "did:plc:" + "a" * 24, "did:plc:" + "b" * 24
LEAD = "UPDATE leader SET heartbeat_at = clock_timestamp() + interval '1 hour'"  # fresh, however slow the commands are
BEGUN = (
    "INSERT INTO stream (source, cursor, connected_at) VALUES ('wss://relay', 1, now())",
    "INSERT INTO forum (uri, name) VALUES ('at://did:plc:forum/space.atbb.forum.forum/self', 'Cats')",
)
GAP = "INSERT INTO gaps (source, reason) VALUES ('wss://relay', 'outage')"

Run = Callable[..., Result]


def job(**changes: object) -> jobs.Job:
    values = {
        "id": 5,
        "type": "full_sync",
        "status": "in_progress",
        "planned": True,
        "cancel_asked": False,
        "dids_total": 2000,
        "dids_processed": 500,
        "records_indexed": 12345,
        "error_count": 0,
        "error_message": None,
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
        "completed_at": None,
    }
    return jobs.Job(**{name: values.get(name) for name in jobs.Job.__dataclass_fields__} | changes)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {},
            "full_sync [######..................] 500 of 2,000 repositories, 12,345 records (250/s), 5:00 left",
        ),
        (
            {"error_count": 3, "planned": False},
            "full_sync [######..................] 500 of 2,000 repositories, 12,345 records (250/s), errors: 3",
        ),
        (
            {"cancel_asked": True},
            "full_sync [######..................] 500 of 2,000 repositories, 12,345 records (250/s), being cancelled",
        ),
        (
            {"dids_processed": 2001},
            "full_sync [########################] 2,001 of 2,000 repositories, 12,345 records (250/s), 0:00 left",
        ),
        ({"planned": False, "dids_processed": 0}, "full_sync: repositories found so far: 2,000"),
    ],
)
def test_line(changes: dict[str, object], line: str) -> None:
    """How far, how fast, what went wrong, and how long it will take where that can be said."""
    assert line_of(job(**changes), Pace(repos=5, records=250)) == line


def test_line_without_a_pace() -> None:
    """Before anything is done nobody knows how long it will take."""
    assert "left" not in line_of(job(dids_processed=0), Pace())
    assert "[........................] 0 of 0" in line_of(job(dids_processed=0, dids_total=0), Pace())


def test_last_words() -> None:
    assert last_words(job(status="failed", error_message="no forum")) == (
        "Backfill 5 is failed (no forum): 500 repositories, 12,345 records, errors: 0."
    )


def test_pace() -> None:
    first, last = Sample(at=10, repos=100, records=1000), Sample(at=20, repos=150, records=3000)
    assert pace_of(first, last) == Pace(repos=5, records=200)
    assert pace_of(first, first) == Pace()


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (3599, "59:59"), (36610, "10:10:10")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


class Turns:
    """A database in which the job moves on with every look; None is a look while it is away."""

    def __init__(self, database: Pool, *statuses: str | None) -> None:
        self.database, self.statuses = database, iter(statuses)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        status = next(self.statuses)
        if status is None:
            raise DatabaseAway
        async with self.database.connection() as connection:
            await connection.execute("UPDATE backfills SET status = $1, dids_total = dids_total + 1", status)
            yield connection


async def test_watching(database: Pool) -> None:
    """A line per look until the job has ended, through an absence of the database too."""
    async with database.transaction() as tx:
        started = await jobs.start(tx, "catch_up")
    lines: list[str] = []
    ended = await watch(Turns(database, "in_progress", None, "cancelled"), started, lines.append, seconds=0)
    assert ended.status == "cancelled"
    assert lines == [
        "catch_up: repositories found so far: 0",
        "catch_up: repositories found so far: 1",
        "The database is away; waiting for it.",
        "catch_up: repositories found so far: 1",
    ]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Not pytest's, which the account of PostgreSQL could not enter when we are root."""
    with TemporaryDirectory(prefix="atbb-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
async def dsn(postgres_dsn: str) -> AsyncIterator[str]:
    async with fresh_dsn(postgres_dsn) as dsn:
        yield dsn


@pytest.fixture
async def index(dsn: str) -> AsyncIterator[Pool]:
    async with open_pool(dsn, size=2, pulse=Pulse("index")) as pool:
        yield pool


async def execute(database: Pool, *statements: str) -> None:
    async with database.connection() as connection:
        for statement in statements:
            await connection.execute(statement)


async def atbb(*words: str, data_dir: Path, dsn: str | None = None) -> tuple[int, str, str]:
    """The command as a shell runs it: its status, stdout and stderr."""
    env = {"PATH": os.environ["PATH"], "ATBB_DATA_DIR": str(data_dir), **({"DATABASE_URL": dsn} if dsn else {})}
    done = await trio.run_process(
        [str(PROGRAM), *words], env=env, cwd=data_dir, capture_stdout=True, capture_stderr=True, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def account_of(database: Pool, printed: str) -> str | None:
    """Whom what was printed signs in; it is one word and nothing else."""
    (token,) = printed.splitlines()
    async with database.connection() as connection:
        return await sessions.did_of(connection, token)


@pytest.mark.slow
async def test_session_by_database_url(index: Pool, dsn: str, data_dir: Path) -> None:
    """The cookie's value alone, for as long as it is asked for."""
    status, out, _ = await atbb("session", "create", "--did", ANN, "--days", "3", data_dir=data_dir, dsn=dsn)
    assert status == 0
    assert await account_of(index, out) == ANN
    async with index.connection() as connection:
        assert await connection.fetchval("SELECT expires_at - seen_at = interval '3 days' FROM sessions")


@pytest.mark.slow
async def test_session_without_a_daemon(data_dir: Path) -> None:
    """The embedded server is started for the command, and gone after it; the session is kept."""
    status, out, _ = await atbb("session", "create", "--did", ANN, data_dir=data_dir)
    assert status == 0
    async with (
        embedded_postgres(data_dir, pulse=Pulse("postgres")) as dsn,
        open_pool(dsn, size=1, pulse=Pulse("pool")) as pool,
    ):
        assert await account_of(pool, out) == ANN


@pytest.mark.slow
async def test_session_beside_a_daemon(data_dir: Path) -> None:
    """The embedded server that runs is used, and goes on running."""
    async with (
        embedded_postgres(data_dir, pulse=Pulse("postgres")) as dsn,
        open_pool(dsn, size=1, pulse=Pulse("pool")) as pool,
    ):
        for _ in range(2):
            status, out, _ = await atbb("session", "create", "--did", ANN, data_dir=data_dir)
            assert status == 0
            assert await account_of(pool, out) == ANN


@pytest.mark.slow
async def test_sessions_are_listed_and_ended(index: Pool, dsn: str, data_dir: Path) -> None:
    """One by its id, or all of an account's; nobody else's, and none that is not there."""
    async with index.transaction() as tx:
        for did, user_agent in ((ANN, "Laptop\x1b[2J"), (ANN, None), (BOB, "Phone")):
            await sessions.create(tx, did, timedelta(days=1), user_agent=user_agent)
        [shell, laptop] = await sessions.sessions_of(tx, ANN)
        [phone] = await sessions.sessions_of(tx, BOB)

    async def session(*words: str) -> tuple[int, str, str]:
        return await atbb("session", words[0], "--did", ANN, *words[1:], data_dir=data_dir, dsn=dsn)

    status, out, _ = await session("list")
    ids, _, browsers = zip(*(line.split("\t") for line in out.splitlines()), strict=True)
    assert (status, ids) == (0, (str(shell.id), str(laptop.id)))
    assert browsers == ("made in a shell", "Laptop[2J")
    assert await session("end", str(phone.id)) == (1, "", f"Error: The account has no session {phone.id}.\n")
    assert await session("end", str(laptop.id)) == (0, "Sessions ended: 1\n", "")
    assert await session("end") == (0, "Sessions ended: 1\n", "")
    assert await session("end") == (0, "Sessions ended: 0\n", "")
    async with index.connection() as connection:
        assert [found.id for found in await sessions.sessions_of(connection, BOB)] == [phone.id]


def test_session_needs_a_did() -> None:
    """Anything else is a mistake, told before anything is opened."""
    for options in ([], ["--did", "ann.example.org"], ["--did", ANN, "--days", "0"]):
        result = CliRunner().invoke(main, ["session", "create", *options])
        assert result.exit_code == 2
        assert result.stdout == ""


@pytest.mark.slow
async def test_backfill_without_a_daemon(dsn: str, postgres_dsn: str, data_dir: Path) -> None:
    """One sentence, and nothing is left for a daemon to find: no embedded server, none that leads, no tables yet."""
    for where in (None, dsn, postgres_dsn):
        status, out, err = await atbb("backfill", "--force", "full_sync", data_dir=data_dir, dsn=where)
        assert (status, out) == (69, "")
        assert err.startswith("atbb: No daemon is ")
        assert len(err.splitlines()) == 1
    assert os.listdir(data_dir) == []


@pytest.mark.slow
async def test_database_away(data_dir: Path) -> None:
    """Told in one line, with the status of what may be there later."""
    for words in (("backfill",), ("session", "create", "--did", ANN)):
        status, out, err = await atbb(*words, data_dir=data_dir, dsn="postgresql://me@127.0.0.1:9/forum")
        assert (status, out) == (69, "")
        assert err.startswith("atbb: The database cannot be reached. ")
        assert len(err.splitlines()) == 1


@pytest.mark.slow
async def test_backfill_starts(index: Pool, dsn: str, data_dir: Path) -> None:
    """Not needed; needed; already running; forced."""
    await execute(index, LEAD, *BEGUN)
    assert await atbb("backfill", data_dir=data_dir, dsn=dsn) == (
        0, "No backfill needed. Use --force catch_up or --force full_sync to override.\n", "",
    )  # fmt: skip
    await execute(index, GAP)
    assert await atbb("backfill", data_dir=data_dir, dsn=dsn) == (0, "Backfill 1 (catch_up) started.\n", "")
    status, out, err = await atbb("backfill", "--force", "full_sync", data_dir=data_dir, dsn=dsn)
    assert (status, out, err) == (1, "", "Backfill 1 (catch_up) is already in progress.\n")
    await execute(index, "UPDATE backfills SET status = 'failed'")
    status, out, _ = await atbb("backfill", "--force", "full_sync", data_dir=data_dir, dsn=dsn)
    assert (status, out.split("(")[1]) == (0, "full_sync) started.\n")


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "status"), [("completed", 0), ("failed", 1), ("cancelled", 1), (None, 130)])
async def test_backfill_follows(index: Pool, dsn: str, data_dir: Path, ending: str | None, status: int) -> None:
    """The job that runs is followed to its end; Ctrl-C leaves it alone."""
    await execute(index, LEAD, "INSERT INTO backfills (type) VALUES ('full_sync')")
    process = await trio.lowlevel.open_process(
        [str(PROGRAM), "backfill", "--follow"],
        stdout=-1,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": dsn, "ATBB_DATA_DIR": str(data_dir)},
        cwd=data_dir,
    )
    out, answered = "", False
    with trio.fail_after(60):
        async for part in process.stdout:
            out += part.decode()
            if "found so far" not in out or answered:
                continue
            answered = True
            if ending:
                await execute(index, f"UPDATE backfills SET status = '{ending}'")
            else:
                process.send_signal(signal.SIGINT)
        assert await process.wait() == status
    first, *_, last = out.splitlines()
    assert first == "Backfill 1 (full_sync) is already in progress."
    assert last.startswith(f"Backfill 1 is {ending}: " if ending else "Backfill 1 goes on; ")
    async with index.connection() as connection:
        assert await connection.fetchval("SELECT status FROM backfills") == (ending or "in_progress")
