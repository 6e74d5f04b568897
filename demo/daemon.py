"""The daemon as its user runs it: the command `atbb serve` in a process of its own, with settings by environment."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import httpx
import trio

from demo.network import Network

PROGRAM = Path(sys.executable).with_name("atbb")
END_SECONDS = 30
PATIENCE_SECONDS = 120
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Daemon:
    """A daemon that listens, until it is ended."""

    process: trio.Process
    http: httpx.AsyncClient
    log: list[str] = field(default_factory=list)
    url: str = ""

    async def get(self, path: str) -> Any:  # Any: JSON
        """What the API answers. Raises httpx's errors, also for a status of failure."""
        response = await self.http.get(self.url + path)
        return response.raise_for_status().json()

    async def health(self) -> str:
        """healthy, degraded or unhealthy, in that word."""
        return str((await self.get("/api/health"))["status"])

    async def follows(self) -> bool:
        """Whether it is the one that has the stream open."""
        return bool((await self.get("/api/health"))["services"]["firehose"]["connected"])

    @asynccontextmanager
    async def another(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client with a connection of its own, which any process may accept."""
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client:
            yield client

    async def kill(self) -> None:
        """As a crash of the machine would."""
        self.process.kill()
        await self.process.wait()

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; its exit status, which comes within a limit."""
        self.process.send_signal(number)
        with trio.fail_after(END_SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def running_daemon(
    settings: Mapping[str, str], *, processes: int = 1, log: TextIO | None = None
) -> AsyncIterator[Daemon]:
    """Start it; the block begins when it listens.

    Its log goes straight into the file `log`, else by way of us to stderr, where pytest keeps it.
    """
    begun = 0 if log is None else log.seek(0, os.SEEK_END)
    process = await trio.lowlevel.open_process(
        [str(PROGRAM), "serve", "--processes", str(processes)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE if log is None else log,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), **settings},
        start_new_session=True,  # a Ctrl-C is for us
    )
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as http, trio.open_nursery() as nursery:
        daemon = Daemon(process, http)
        try:
            if log is None:
                daemon.url = await nursery.start(read_log, daemon)
            else:
                daemon.url = await wait_for_url(daemon, Path(log.name), begun)
            yield daemon
        finally:
            with trio.CancelScope(shield=True):
                await ended(daemon)


async def wait_for_url(daemon: Daemon, log: Path, begun: int) -> str:
    """As the log says it, from there on."""
    while daemon.process.poll() is None:
        written = await trio.Path(log).read_bytes()
        if url := next(filter(None, map(url_in, written[begun:].decode(errors="replace").splitlines())), None):
            return url
        await trio.sleep(POLL_SECONDS / 5)
    raise RuntimeError(f"The daemon ended with status {daemon.process.returncode}; see {log}.")


async def read_log(daemon: Daemon, *, task_status: trio.TaskStatus[str]) -> None:
    """Pass its log on, line by line; the URL is in the line "listening"."""
    assert daemon.process.stderr
    rest = ""
    async for part in daemon.process.stderr:
        *lines, rest = (rest + part.decode(errors="replace")).split("\n")
        for line in lines:
            print(line, file=sys.stderr, flush=True)
            daemon.log.append(line)
            if not daemon.url and (url := url_in(line)):
                daemon.url = url
                task_status.started(url)
    if not daemon.url:
        raise RuntimeError(f"The daemon ended with status {await daemon.process.wait()}: {daemon.log[-1:]}")


def url_in(line: str) -> str | None:
    """Where it listens, if the line says so."""
    match json.loads(line) if line.startswith("{") and line.endswith("}") else None:
        case {"event": "listening", "url": str(url)}:
            return url
    return None


async def ended(daemon: Daemon) -> None:
    """Whatever happened, leave no process."""
    if daemon.process.poll() is not None:
        return
    try:
        await daemon.end()
    except trio.TooSlowError:
        await daemon.kill()


def settings_for(network: Network, forum_did: str, data_dir: Path, **more: str) -> dict[str, str]:
    """What a daemon needs to follow the network's first PDS. Without DATABASE_URL it keeps an embedded PostgreSQL."""
    first = network.pds
    return {
        "ATBB_DEVELOPMENT": "true",
        "BACKFILL_RATE_LIMIT": "1000",
        "ATBB_DATA_DIR": str(data_dir),
        "FIREHOSE_URL": first.stream_url,
        "FORUM_DID": forum_did,
        "HANDLE_RESOLVER_URL": first.url,
        "PDS_URL": first.url,
        "PLC_URL": network.plc,
        "PORT": "0",
        "RELAY_URL": "",
        **more,
    }


async def wait_until(holds: Callable[[], Awaitable[bool]], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again until it holds; the limit is only for what never will."""
    with trio.fail_after(seconds):
        while not await holds():  # noqa: ASYNC110 - the truth is in another process
            await trio.sleep(POLL_SECONDS)
