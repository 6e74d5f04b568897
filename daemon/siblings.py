"""More processes of this program on one socket and one database: `atbb serve --processes N`.

All are alike: each serves pages, and each would lead; one does, by the lock in the database. So that whatever befalls
one, the others go on, and the first, which began them, begins it anew.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import trio

from actors.health import Pulse
from daemon.children import ending_with_us, stop, wait_exit

STOP_SECONDS: Final = 10.0
SYSTEMDS: Final = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})  # it hears of the first alone


class SiblingEnded(Exception):
    """It should not have."""


async def run_sibling(number: int, socket: trio.socket.SocketType, dsn: str, config: Path | None, pulse: Pulse) -> None:
    """Have process `number` run for as long as we do. Raises `SiblingEnded`."""
    process = spawn(number, socket.fileno(), dsn, config)
    pulse.become("running", f"process {process.pid}")
    try:
        raise SiblingEnded(f"process {number} ended with status {await wait_exit(process)}")
    finally:
        await stop(process, (signal.SIGTERM, STOP_SECONDS))


def spawn(number: int, descriptor: int, dsn: str, config: Path | None) -> subprocess.Popen[bytes]:
    """In a session of its own: a Ctrl-C is for us, who tell it."""
    chosen = [] if config is None else ["--config", str(config)]
    environment = {name: value for name, value in os.environ.items() if name not in SYSTEMDS}
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "daemon.cli", *chosen, "serve", "--fd", str(descriptor), "--number", str(number)],
        stdin=subprocess.DEVNULL,
        env=environment | {"DATABASE_URL": dsn},
        pass_fds=[descriptor],
        start_new_session=True,
        preexec_fn=ending_with_us(signal.SIGTERM),
    )
