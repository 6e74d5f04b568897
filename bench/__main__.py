"""All measurements, one after the other, in one table: `python -m bench [--quick]`."""

import sys

import trio

from bench import (
    backfill,
    flood,
    ingest,
    latency,
    lighthouse,
    memory,
    moderating,
    pages,
    prompt,
    sign_in,
    start,
    writing,
)
from bench.measure import table
from daemon.logs import configure_logs


def run_all(*, quick: bool) -> None:
    configure_logs("error")
    rows = []
    modules = [ingest, flood, latency, moderating, pages, sign_in, writing, prompt, memory, start, backfill]
    if lighthouse.is_installed():
        modules.append(lighthouse)
    for module in modules:
        print(f"{module.__name__} …", file=sys.stderr, flush=True)
        rows += trio.run(module.measure, module.QUICK if quick else module.FULL)
    print(table(rows))


if __name__ == "__main__":
    run_all(quick="--quick" in sys.argv[1:])
