"""What all measurements share: how much to measure, the median with the noise around it, and one table."""

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import trio

from daemon.logs import configure_logs


@dataclass(frozen=True, slots=True)
class Plan:
    """How much: events in a round, and rounds. A round compares all that is compared, one after the other."""

    events: int
    rounds: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number, once per round."""

    name: str
    values: Sequence[float]
    unit: str = ""
    wanted: str = ""

    def __str__(self) -> str:
        low, middle, high = min(self.values), statistics.median(self.values), max(self.values)
        noise = f"{short(low)}–{short(high)}" if len(self.values) > 1 else ""
        return f"| {self.name} | {short(middle)} {self.unit} | {noise} | {self.wanted} |"


Measure = Callable[[Plan], Awaitable[list[Row]]]


def short(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown, under the name of the machine."""
    machine = (
        f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}, Python {platform.python_version()}"
    )
    head = ["| what | median | lowest–highest | wanted |", "|---|---|---|---|"]
    return "\n".join([f"Measured on {machine}.", "", *head, *map(str, rows)])


def report(progress: object) -> None:
    """Say what is known already, beside the table: a long measurement may be cut short."""
    print(progress, file=sys.stderr, flush=True)


def ratios(these: Sequence[float], those: Sequence[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(these, those, strict=True)]


def main(measure: Measure, *, full: Plan, quick: Plan) -> None:
    """The command line of one measurement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="smaller, and so less true")
    parser.add_argument("--events", type=int, help="of one round")
    parser.add_argument("--rounds", type=int)
    asked = parser.parse_args()
    plan = quick if asked.quick else full
    plan = replace(plan, events=asked.events or plan.events, rounds=asked.rounds or plan.rounds)
    configure_logs("error")  # of the parts that run in this process
    print(table(trio.run(measure, plan)))
