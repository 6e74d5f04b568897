"""An embedded PostgreSQL: our own child process, for forums without a DATABASE_URL.

It lives in the data directory, listens on a Unix socket there and nowhere else, and ends when we end, even by
kill -9. As root it runs under another account; nothing outside the data directory is changed for that. When it
dies it is started again, and the pulse says so. Which binaries are used is the affair of `postgres_files`.
"""

import os
import random
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from types import MappingProxyType
from urllib.parse import quote

import structlog
import trio

from actors.health import Pulse
from daemon import children
from daemon.children import ending_with_us, wait_exit
from daemon.errors import SettingsError
from daemon.postgres_files import Account, account_to_use, find_binaries, own_directory
from daemon.settings import Settings
from forum.errors import Unavailable

log = structlog.get_logger(__name__)

SUPERUSER = "atbb"
PREDECESSOR_SECONDS = 30.0  # a server whose daemon was killed shuts down by itself; we wait for it
STOP_SECONDS = 20.0  # a fast shutdown writes a checkpoint; when that takes longer, the next start recovers
FIRST_TRIES = 5  # orphans of a killed server may hold its memory for a moment
LONGEST_PAUSE_SECONDS = 30.0
POLL_SECONDS = 0.02
LONGEST_SOCKET_PATH = 107  # sun_path of unix(7), less the final zero
LOG_BYTES = 1_000_000
LAST_LINES = 3  # of the log, in which a server says why it does not start
SOCKETS_LINE = 4  # of postmaster.pid: the directory of its socket

# A small server beside its only client. Refused values are logged by the daemon, so not again here.
SERVER_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "shared_buffers": "128MB",
        "max_connections": "100",
        "max_wal_size": "512MB",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "jit": "off",
        "log_min_messages": "log",
        "log_checkpoints": "off",
    }
)


class ServerFailed(Unavailable):
    """The server ended before it was ready; the message holds the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What it takes to start the server."""

    binaries: Path
    cluster: Path
    sockets: Path
    log_file: Path
    account: Account
    settings: Mapping[str, str]

    @property
    def dsn(self) -> str:
        return dsn_at(str(self.sockets))

    @property
    def command(self) -> list[str]:
        settings = {**self.settings, "unix_socket_directories": str(self.sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.binaries / "postgres"), "-D", str(self.cluster), *options]


@asynccontextmanager
async def embedded_postgres(
    data_dir: Path, *, pulse: Pulse, settings: Mapping[str, str] = SERVER_SETTINGS
) -> AsyncIterator[str]:
    """The DSN of a server that runs for the time of the block."""
    with prepared(data_dir, settings) as server:
        async with trio.open_nursery() as nursery:
            await nursery.start(run_server, server, pulse)
            yield server.dsn
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_postgres(settings: Settings, *, pulse: Pulse) -> AsyncIterator[str]:
    """The DSN of the database that is configured: the operator's own, else an embedded one."""
    if settings.database_url is not None:
        pulse.become("stopped", "DATABASE_URL is set")
        yield settings.database_url.get_secret_value()
        return
    async with embedded_postgres(settings.atbb_data_dir, pulse=pulse) as dsn:
        yield dsn


def running_dsn(data_dir: Path) -> str | None:
    """The DSN of the server that another process of ours, the daemon, runs for this directory; None if none does."""
    cluster = data_dir.absolute() / "postgres"
    try:
        lines = lock_lines(cluster) if holder(cluster) is not None else []
    except PermissionError as error:
        raise SettingsError(
            f"ATBB_DATA_DIR {data_dir} belongs to another account: use the one that runs the daemon, or root."
        ) from error
    return dsn_at(lines[SOCKETS_LINE]) if len(lines) > SOCKETS_LINE else None


def dsn_at(sockets: str) -> str:
    return f"postgresql://{SUPERUSER}@/postgres?host={quote(sockets, safe='')}"


@contextmanager
def prepared(data_dir: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Everything but the process: an account, binaries, a cluster and a place for the socket."""
    account = account_to_use()
    data_dir = data_dir.absolute()
    own_directory(data_dir, account)
    cluster = data_dir / "postgres"
    binaries = find_binaries(data_dir, cluster, account)
    if not cluster.exists():
        make_cluster(binaries, cluster, account)
    with socket_directory(cluster, account) as sockets:
        yield Server(
            binaries=binaries,
            cluster=cluster,
            sockets=sockets,
            log_file=data_dir / "postgres.log",
            account=account,
            settings=settings,
        )


def make_cluster(binaries: Path, cluster: Path, account: Account) -> None:
    """initdb beside its place, then one rename: a crash half-way leaves nothing that looks like a cluster."""
    draft = Path(mkdtemp(prefix="initdb-", dir=cluster.parent))
    account.give(draft)
    initdb = [str(binaries / "initdb"), "-D", str(draft), "-U", SUPERUSER, "-A", "trust", "--data-checksums"]
    for locale in ("C.UTF-8", "C"):  # the second where the system does not know the first
        made = subprocess.run(  # noqa: S603
            [*initdb, "--encoding=UTF8", f"--locale={locale}"],
            capture_output=True,
            text=True,
            cwd="/",
            env=environment(),
            check=False,
            **account.popen_arguments,
        )
        if made.returncode == 0:
            draft.rename(cluster)
            return
    shutil.rmtree(draft, ignore_errors=True)
    raise SettingsError(f"No database could be made in {cluster.parent}: {made.stderr.strip()[-300:]}")


@contextmanager
def socket_directory(cluster: Path, account: Account) -> Iterator[Path]:
    """The cluster's own directory, or a short one when the socket's path would be too long for the system."""
    if len(os.fsencode(cluster / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        yield cluster
        return
    places = (os.environ.get("RUNTIME_DIRECTORY"), "/run", "/tmp")  # noqa: S108
    place = next(place for place in places if place and os.access(place, os.W_OK))
    with TemporaryDirectory(prefix="atbb-", dir=place) as made:
        account.give(Path(made))
        yield Path(made)


async def run_server(
    server: Server, pulse: Pulse, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Keep the server running; the first start must succeed, after that every end is followed by another try."""
    started, failures = False, 0
    while True:
        await wait_for_predecessor(server)
        try:
            async with running(server) as process:
                pulse.become("running", f"process {process.pid}")
                task_status.started()
                started, failures = True, 0
                task_status = trio.TASK_STATUS_IGNORED
                code = await wait_exit(process)
                pulse.fail(f"PostgreSQL ended with status {code}")
        except ServerFailed as failure:
            if not started and failures >= FIRST_TRIES:
                raise
            pulse.fail(str(failure))
        failures += 1
        pulse.restarts += 1
        pulse.become("backing_off", pulse.last_error)
        log.warning("postgres_ended", error=pulse.last_error)
        await trio.sleep(min(0.1 * 2**failures, LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1))  # noqa: S311


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A server process that is ready; stopped at the end of the block, whatever ends it."""
    process = spawn(server)
    try:
        await wait_ready(server, process)
        yield process
    finally:
        await stop(process)


def spawn(server: Server) -> subprocess.Popen[bytes]:
    """Start `postgres` in a session of its own, so that no signal to our group reaches it before us."""
    if server.log_file.exists() and server.log_file.stat().st_size > LOG_BYTES:
        server.log_file.unlink()
    with server.log_file.open("ab") as log_file:
        return subprocess.Popen(  # noqa: S603
            server.command,
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            cwd="/",
            env=environment(),
            start_new_session=True,
            preexec_fn=ending_with_us(signal.SIGINT),  # a fast shutdown
            **server.account.popen_arguments,
        )


async def wait_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Return when the server's lock file says so; recovery after a crash may take its time."""
    while lock_lines(server.cluster)[:8:7] != [str(process.pid), "ready"]:
        if process.poll() is not None:
            said = " ".join(server.log_file.read_text(errors="replace").splitlines()[-LAST_LINES:])
            raise ServerFailed(f"PostgreSQL does not start: {said[-500:]}")
        await trio.sleep(POLL_SECONDS)


async def stop(process: subprocess.Popen[bytes]) -> None:
    """Fast shutdown, then an immediate one, then the hard way; always within a limit."""
    await children.stop(process, (signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5))


async def wait_for_predecessor(server: Server) -> None:
    """Let a server that still works in the cluster end; it does so by itself when its daemon is gone."""
    with trio.move_on_after(PREDECESSOR_SECONDS):
        while (pid := holder(server.cluster)) is not None:  # noqa: ASYNC110 (it is not our child)
            await trio.sleep(POLL_SECONDS)
        # The number in a stale file may belong to any process by now, which PostgreSQL would take for its own kind.
        # Orphans of the old server are noticed without the file: they hold the memory keyed by the directory.
        (server.cluster / "postmaster.pid").unlink(missing_ok=True)
        return
    raise SettingsError(f"Another daemon uses {server.cluster}: its PostgreSQL is process {pid}.")


def holder(cluster: Path) -> int | None:
    """The process that has the cluster open, by its lock file."""
    pid = next(iter(lock_lines(cluster)), "")
    try:
        # A server's working directory is its cluster; another process with that number has another one.
        return int(pid) if pid and Path(f"/proc/{pid}/cwd").samefile(cluster) else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def lock_lines(cluster: Path) -> list[str]:
    """The lines of postmaster.pid: first the process, eighth its state."""
    try:
        return [line.strip() for line in (cluster / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def environment() -> dict[str, str]:
    """What the server's programs see: nothing of ours, least of all secrets or PG* variables."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
