"""Start: from the command to the first 200 of /readyz, on a database that is already there.

Compared with what no daemon could do without: a Python that imports the program.
"""

import subprocess
import sys
import time
from pathlib import Path

import trio

from bench.directory import directory
from bench.measure import Plan, Row, main, ratios
from bench.stream import Listener, listening
from bench.subject import data_directory, started

FULL, QUICK = Plan(events=0), Plan(events=0, rounds=2)
POLL_SECONDS = 0.005
IMPORT = (sys.executable, "-c", "import os, daemon.cli, daemon.tree; os._exit(0)")


async def ready_seconds(data_dir: Path, listener: Listener, origin: str) -> float:
    began = trio.current_time()
    async with started(data_dir, listener, origin) as daemon:
        while (await daemon.http.get(f"{daemon.url}/readyz")).status_code != 200:  # noqa: ASYNC110 - the truth is elsewhere
            await trio.sleep(POLL_SECONDS)
        return trio.current_time() - began


def import_seconds() -> float:
    began = time.perf_counter()
    subprocess.run(IMPORT, check=True)
    return time.perf_counter() - began


async def measure(plan: Plan) -> list[Row]:
    ready, imported = [], []
    with data_directory() as data_dir, listening() as listener, directory() as origin:
        first = await ready_seconds(data_dir, listener, origin)
        for _ in range(plan.rounds):
            ready.append(await ready_seconds(data_dir, listener, origin))
            imported.append(await trio.to_thread.run_sync(import_seconds))
    return [
        Row(name="start to ready", values=ready, unit="s", wanted="< 3"),
        Row(name="start to ready ÷ importing the program", values=ratios(ready, imported), unit="×"),
        Row(name="the very first start, which makes the database", values=[first], unit="s"),
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
