"""What systemd hears from us, and what it makes of our unit file."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import trio

from actors.health import Board
from daemon.systemd import ping_seconds, run_watchdog, status_line

UNIT = Path(__file__).parents[2] / "systemd" / "atbb.service"
WATCHDOG = {"WATCHDOG_USEC": "10000000"}


async def heard_after(board: Board, seconds: float) -> list[str]:
    """What is sent within that time."""
    heard: list[str] = []
    with trio.move_on_after(seconds):
        await run_watchdog(board, heard.append, environ=WATCHDOG)
    return heard


async def test_pings_at_half_the_time(autojump_clock: trio.testing.MockClock) -> None:
    """Three pings in the time of one and a half limits."""
    assert (await heard_after(Board(), 12)).count("WATCHDOG=1") == 3


async def test_no_ping_while_an_actor_hangs(autojump_clock: trio.testing.MockClock) -> None:
    """It is named instead."""
    board = Board()
    board.pulse("applier", limit_seconds=-1).become("running")
    heard = await heard_after(board, 12)
    assert "WATCHDOG=1" not in heard
    assert "STATUS=hanging: applier" in heard


def test_status_line_counts_states() -> None:
    """One line for people."""
    board = Board()
    for name in ("applier", "clock"):
        board.pulse(name).become("running")
    board.pulse("firehose").become("waiting")
    assert status_line(board) == "2 running, 1 waiting"


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_ping_seconds(environ: dict[str, str], seconds: float | None) -> None:
    """Half the limit, when it is meant for us."""
    assert ping_seconds(environ) == seconds


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)")
def test_unit_file_is_hardened() -> None:
    """systemd's own judgement of what a broken-into daemon could still do."""
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", UNIT], capture_output=True, text=True, check=True
    )
    exposure = re.search(r"exposure level for atbb.service: ([\d.]+)", said.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= 1.5
    assert said.stderr == ""


def test_unit_file_leaves_wrong_settings_alone() -> None:
    """A start that cannot succeed is not repeated, and we are stopped before our PostgreSQL."""
    lines = UNIT.read_text().splitlines()
    assert {"Type=notify", "KillMode=mixed", "RestartPreventExitStatus=78"} <= set(lines)
