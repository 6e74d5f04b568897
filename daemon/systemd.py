"""What we tell systemd: ready, stopping, a status line, and the watchdog's ping.

The ping is withheld while an actor hangs, so that systemd restarts what the supervisor cannot see. Without systemd
(no NOTIFY_SOCKET) everything here is silent.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping

import sdnotify
import structlog
import trio

from actors.health import Board

log = structlog.get_logger(__name__)

Notify = Callable[[str], None]
STATUS_SECONDS = 30.0  # how often the status line is renewed when there is no watchdog to feed


def open_notifier() -> Notify:
    """The way to systemd, or to nowhere."""
    notify: Notify = sdnotify.SystemdNotifier().notify
    return notify


def notify_ready(notify: Notify) -> None:
    notify("READY=1")


def notify_stopping(notify: Notify) -> None:
    notify("STOPPING=1\nSTATUS=stopping")


async def run_watchdog(board: Board, notify: Notify, *, environ: Mapping[str, str] = os.environ) -> None:
    """Tell systemd how we are, at half the time it is willing to wait."""
    seconds = ping_seconds(environ) or STATUS_SECONDS
    hanging: tuple[str, ...] = ()
    while True:
        if board.hanging != hanging:
            hanging = board.hanging
            log.warning("actors_hang", actors=hanging)
        notify(f"STATUS={status_line(board)}")
        if not hanging:
            notify("WATCHDOG=1")
        await trio.sleep(seconds)


def ping_seconds(environ: Mapping[str, str]) -> float | None:
    """Half of systemd's patience; None when it does not wait for us."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isdecimal() and int(microseconds) else None


def status_line(board: Board) -> str:
    """One line for `systemctl status`: how many actors are in which state, and who hangs."""
    if board.hanging:
        return f"hanging: {', '.join(board.hanging)}"
    states = Counter(pulse.state for pulse in board)
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "starting"
