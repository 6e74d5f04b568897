"""Signals, sent to a process of their own."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import trio
from daemon.logs import configure_logs
from daemon.signals import wait_for_stop

async def main():
    configure_logs("warning")
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(wait_for_stop, stop)
        print("ready", flush=True)
        await stop.wait()
        print("stopping", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_at_once(number: signal.Signals) -> None:
    """The first is heard, the second does not wait for anything."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(number)
        assert process.wait() == 128 + number
    finally:
        process.kill()
        process.communicate()
