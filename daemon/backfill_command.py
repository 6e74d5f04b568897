"""`atbb backfill`: ask for a job by its row, as the endpoint does, and watch it by reading the row again and again.

The daemon does the work; ending this command ends only the watching.
"""

import os
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import click
import trio

from daemon.reach import join_database
from daemon.settings import Settings
from forum import jobs
from forum.database import Database, DatabaseAway
from forum.errors import Unavailable
from forum.job_requests import NobodyLeads, ask_for_job
from forum.jobs import Job
from forum.reads.sync import has_schema

DONE, FAILED, INTERRUPTED = 0, 1, 130
LOOK_SECONDS = 1.0
LOG_EVERY = 5  # looks: where lines do not overwrite each other, most are left out
WINDOW = 30  # of so many lines is the pace
BAR_WIDTH = 24

NOBODY = "No daemon is following the stream, so nobody would do the work; start one with `atbb serve`."
NOT_NEEDED = "No backfill needed. Use --force catch_up or --force full_sync to override."

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How far a job was at some time."""

    at: float
    repos: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Per second, over the last lines."""

    repos: float = 0
    records: float = 0


async def run_backfill(settings: Settings, *, force: str | None, follow: bool) -> int:
    """The whole command; its exit status. Raises `Unavailable` when nobody is there to do it."""
    async with join_database(settings) as database:
        job, is_new = await ask(database, force, max_age=settings.cursor_max_age)
        if job is None:
            click.echo(NOT_NEEDED)
            return DONE
        if is_new:
            click.echo(f"Backfill {job.id} ({job.type}) started.")
        else:
            click.echo(f"Backfill {job.id} ({job.type}) is already in progress.", err=not follow)
        if follow:
            return await follow_to_end(database, job)
        return DONE if is_new else FAILED


async def ask(database: Database, force: str | None, *, max_age: timedelta) -> tuple[Job | None, bool]:
    """The job that was started, or the one that is running already; None when none is needed."""
    try:
        async with database.transaction() as tx:
            if not await has_schema(tx):
                raise Unavailable(NOBODY)
            return await ask_for_job(tx, force, max_age=max_age), True
    except NobodyLeads:
        raise Unavailable(NOBODY) from None
    except jobs.AlreadyRunning:
        async with database.connection() as connection:
            return await jobs.current(connection), False


async def follow_to_end(database: Database, job: Job) -> int:
    """Watch until the job ends, or until Ctrl-C."""
    show, is_terminal = shower()
    async with trio.open_nursery() as nursery:
        interrupted = trio.Event()
        await nursery.start(wait_for_interrupt, nursery.cancel_scope, interrupted)
        job = await watch(database, job, show, seconds=LOOK_SECONDS)
        nursery.cancel_scope.cancel()
    if is_terminal:
        click.echo()
    if interrupted.is_set():
        click.echo(f"Backfill {job.id} goes on; `atbb backfill --follow` shows it again.")
        return INTERRUPTED
    click.echo(last_words(job))
    return DONE if job.status == "completed" else FAILED


async def wait_for_interrupt(
    scope: trio.CancelScope, interrupted: trio.Event, *, task_status: trio.TaskStatus[None]
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            interrupted.set()
            scope.cancel()


async def watch(database: Database, job: Job, show: Show, *, seconds: float) -> Job:
    """Tell how far the job is until it has ended; a database that is away is waited for."""
    seen: deque[Sample] = deque(maxlen=WINDOW)
    while job.status == "in_progress":
        seen.append(Sample(at=trio.current_time(), repos=job.dids_processed, records=job.records_indexed))
        show(line_of(job, pace_of(seen[0], seen[-1])))
        await trio.sleep(seconds)
        try:
            async with database.connection() as connection:
                job = await jobs.read(connection, job.id) or job
        except DatabaseAway:
            show("The database is away; waiting for it.")
    return job


def shower() -> tuple[Show, bool]:
    """How a line is shown, and whether on a terminal: there each takes the place of the one before."""
    turns = count()

    def log(line: str) -> None:
        if next(turns) % LOG_EVERY == 0:
            click.echo(line)

    def overwrite(line: str) -> None:
        click.echo(f"\r{line[: os.get_terminal_size(1).columns - 1]}\033[K", nl=False)

    return (overwrite, True) if os.isatty(1) else (log, False)


def pace_of(first: Sample, last: Sample) -> Pace:
    """From the first to the last; none while no time has passed."""
    seconds = last.at - first.at
    if seconds <= 0:
        return Pace()
    return Pace(repos=(last.repos - first.repos) / seconds, records=(last.records - first.records) / seconds)


def line_of(job: Job, pace: Pace) -> str:
    """How far a job is, in one line."""
    if not job.planned and not job.dids_processed:
        return f"{job.type}: repositories found so far: {job.dids_total:,}"
    parts = [
        f"{job.type} {bar_of(job)} {job.dids_processed:,} of {job.dids_total:,} repositories",
        f"{job.records_indexed:,} records ({pace.records:,.0f}/s)",
    ]
    if job.error_count:
        parts.append(f"errors: {job.error_count:,}")
    if job.cancel_asked:
        parts.append("being cancelled")
    elif job.planned and pace.repos > 0:
        parts.append(f"{clock((job.dids_total - job.dids_processed) / pace.repos)} left")
    return ", ".join(parts)


def bar_of(job: Job) -> str:
    filled = BAR_WIDTH * job.dids_processed // max(job.dids_total, job.dids_processed, 1)
    return f"[{'#' * filled:.<{BAR_WIDTH}}]"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, as on a display."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def last_words(job: Job) -> str:
    """What became of a job that has ended."""
    why = f" ({job.error_message})" if job.error_message else ""
    figures = f"{job.dids_processed:,} repositories, {job.records_indexed:,} records, errors: {job.error_count:,}"
    return f"Backfill {job.id} is {job.status}{why}: {figures}."
