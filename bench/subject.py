"""What is measured: `atbb serve` as its user runs it, on its embedded PostgreSQL, reading a stream of ours."""

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import trio

from actors.health import Pulse
from bench.directory import directory
from bench.events import AUTHORS, FORUM_DID, Event, chunks
from bench.stream import Client, Listener, listening
from daemon.pool import Pool, open_pool
from daemon.postgres import SUPERUSER, holder
from demo.daemon import Daemon, running_daemon

POLL_SECONDS = 0.005
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")

CURSOR = "SELECT cursor FROM stream"
UNRESOLVED = "SELECT count(*) FROM accounts WHERE resolved_at IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A daemon that reads our stream, and a look into its database."""

    daemon: Daemon
    client: Client
    database: Pool
    cluster: Path

    async def send(self, events: Iterable[Event]) -> None:
        """Return when all is with the kernel."""
        await trio.to_thread.run_sync(self.client.send, chunks(events))

    async def cursor(self) -> int:
        """Up to where all is committed."""
        async with self.database.connection() as connection:
            return int(await connection.fetchval(CURSOR) or 0)

    async def wait_committed(self, cursor: int) -> None:
        """Return when everything up to this cursor is committed."""
        while await self.cursor() < cursor:  # noqa: ASYNC110 - the truth is in another process
            await trio.sleep(POLL_SECONDS)

    async def wait_resolved(self) -> float:
        """Return when all accounts are asked about; how many a second that were."""
        async with self.database.connection() as connection:
            began, count = trio.current_time(), await connection.fetchval(UNRESOLVED)
            while await connection.fetchval(UNRESOLVED):  # noqa: ASYNC110 - as above
                await trio.sleep(POLL_SECONDS)
        return float(count / (trio.current_time() - began))

    @property
    def rss_megabytes(self) -> float:
        status = Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000

    def cpu_seconds(self) -> tuple[float, float]:
        """What the daemon has used so far, and what PostgreSQL has."""
        server = holder(self.cluster) or 0
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
        of_server = sum(seconds for parent, seconds in map(used, pids) if parent == server)
        return used(self.daemon.process.pid)[1], of_server


def used(pid: int) -> tuple[int, float]:
    """A process's parent and its CPU time, from /proc/PID/stat; nothing for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0.0
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


@contextmanager
def data_directory() -> Iterator[Path]:
    """On a disk, which /tmp need not be; PostgreSQL's account must get through."""
    with TemporaryDirectory(prefix="atbb-bench-", dir="/var/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@asynccontextmanager
async def started(data_dir: Path, listener: Listener, origin: str, *, processes: int = 1) -> AsyncIterator[Daemon]:
    """The daemon, listening."""
    settings = {
        "ATBB_DATA_DIR": str(data_dir),
        "ATBB_DEVELOPMENT": "true",
        "FIREHOSE_URL": listener.url,
        "FORUM_DID": FORUM_DID,
        "HANDLE_RESOLVER_URL": origin,
        "PLC_URL": origin,
        "PORT": "0",
        "RELAY_URL": "",
    }
    with (data_dir / "daemon.log").open("a") as log:
        async with running_daemon(settings, processes=processes, log=log) as daemon:
            yield daemon


@asynccontextmanager
async def running_subject(data_dir: Path, *, processes: int = 1) -> AsyncIterator[Subject]:
    """The daemon, connected to our stream."""
    cluster = data_dir / "postgres"
    with listening() as listener, directory() as origin:
        async with started(data_dir, listener, origin, processes=processes) as daemon:
            client = await trio.to_thread.run_sync(listener.accept)
            async with open_pool(dsn_of(cluster), size=3, pulse=Pulse("bench")) as database:
                yield Subject(daemon=daemon, client=client, database=database, cluster=cluster)


def dsn_of(cluster: Path, name: str = "postgres") -> str:
    return f"postgresql://{SUPERUSER}@/{name}?host={quote(str(cluster), safe='')}"


async def warm_up(subject: Subject, events: list[Event]) -> float:
    """Send the forum's beginning, with every author in it; the identities that were then resolved in a second."""
    assert len(events) > AUTHORS
    await subject.send(events)
    await subject.wait_committed(events[-1].at)
    return await subject.wait_resolved()


async def no_key(did: str, *, fresh: bool = False) -> str | None:
    """Jetstream carries no signatures."""
    return None
