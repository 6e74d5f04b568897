"""`atbb top`: the page of the actors for a terminal, from what the processes tell each other by the database.

It needs no session and no browser, and only looks: ending it ends nothing.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from textwrap import wrap
from typing import Final

import click
import trio

from actors.reporter import told_by_all
from actors.vitals import ActorVitals, Vitals
from daemon.reach import join_database
from daemon.settings import Settings
from forum.database import Database, DatabaseAway
from forum.errors import Unavailable
from forum.reads.sync import Lag, has_schema, lag
from web.condition import Condition
from web.pages.words import DEFAULT, languages
from web.troubles import Trouble, troubles_of

LOOK_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 2.0
EMPTY: Final = Lag(stale_repos=0, open_gaps=0)  # a database without tables knows of nothing missing
NOBODY = "No daemon of this forum tells how it is; start one with `atbb serve`."

BARS: Final = "▁▂▃▄▅▆▇█"
CHART: Final = 20  # bars, of three quarters of a minute each
HEAD: Final = f"  {'ACTOR':<11} {'STATE':<12} {'SINCE':>8} {'A SECOND':>9} {'IN HAND':>8} {'RESTARTS':>8}  "
WIDTH: Final = 79  # of sentences; the table's lines are cut
CLEAR_LINE, CLEAR_REST, HOME = "\033[K", "\033[J", "\033[H"


async def run_top(settings: Settings, *, once: bool) -> None:
    """Show it until Ctrl-C, or once. Raises `Unavailable` when there is no daemon."""
    async with join_database(settings) as database:
        condition = await look(database)
        if condition.lag is not None and not condition.vitals:
            raise Unavailable(NOBODY)
        if once or not os.isatty(1):
            click.echo("\n".join(lines_of(condition)))
            return
        await show_for_ever(database)


async def show_for_ever(database: Database) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(redraw, database)
            async for _ in signals:
                nursery.cancel_scope.cancel()
    click.echo()


async def redraw(database: Database) -> None:
    click.clear()
    while True:
        size = os.get_terminal_size(1)
        shown = lines_of(await look(database))[: size.lines - 1]
        drawn = "".join(f"{line[: size.columns]}{CLEAR_LINE}\n" for line in shown)
        click.echo(f"{HOME}{drawn}{CLEAR_REST}", nl=False)
        await trio.sleep(LOOK_SECONDS)


async def look(database: Database) -> Condition:
    """As the database tells it; nothing but that where it does not answer."""
    began, answered = trio.current_time(), None
    vitals: Sequence[Vitals] = ()
    with trio.move_on_after(ANSWER_SECONDS), suppress(DatabaseAway):
        async with database.connection() as connection:
            if await has_schema(connection):
                answered, vitals = await lag(connection), await told_by_all(connection)
            else:
                answered = EMPTY
    return Condition(vitals=vitals, latency_seconds=trio.current_time() - began, lag=answered)


def lines_of(condition: Condition) -> list[str]:
    """The whole screen."""
    told = [line for one in troubles_of(condition, None) for line in lines_of_trouble(one)]
    head = f"atbb top, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, processes: {len(condition.vitals)}"
    if condition.lag is not None:
        head += f", database {condition.latency_seconds * 1000:.0f} ms"
    stream = condition.firehose
    if stream is not None and stream.lag_seconds is not None:
        head += f", {stream.lag_seconds:.1f} s behind the stream"
    return [head, *(told or ["All is well."]), *(line for one in condition.vitals for line in lines_of_process(one))]


def lines_of_trouble(trouble: Trouble) -> list[str]:
    """What it is, and what to do about it."""
    words = languages()[DEFAULT]
    what = f"! {words(f'admin.trouble.{trouble.word}', **trouble.values)} {trouble.error}".rstrip().replace("\n", " ")
    return [what, *wrap(words(f"admin.remedy.{trouble.word}"), WIDTH, initial_indent="  ", subsequent_indent="  ")]


def lines_of_process(vitals: Vitals) -> Iterator[str]:
    pool = f", {vitals.pool.idle} of {vitals.pool.size} connections idle" if vitals.pool else ""
    leads = ", leads" if vitals.leads else ""
    yield ""
    yield f"{vitals.process}{leads}, process {vitals.pid}, {vitals.memory_bytes // 1_000_000} MB{pool}"
    yield f"{HEAD}{'LAST 15 MINUTES':<{CHART}}  DETAIL"
    for actor in vitals.actors:
        yield line_of(actor)


def line_of(actor: ActorVitals) -> str:
    state = "hangs" if actor.hangs else actor.state
    rate = f"{actor.per_second:,.1f}" if actor.handled else ""
    hand = str(actor.inbox_depth) if actor.inbox_peak else ""
    detail = actor.detail if not actor.is_troubled else actor.last_error or actor.detail
    return (
        f"  {actor.name:<11} {state:<12} {since(actor.since):>8} {rate:>9} {hand:>8} {actor.restarts or '':>8}  "
        f"{bars(actor.steps):<{CHART}}  {detail}"
    ).rstrip()


def since(at: datetime) -> str:
    """How long ago, in the two largest units."""
    minutes, seconds = divmod(max(int((datetime.now(UTC) - at).total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}d {hours}h" if days else f"{hours}h {minutes}m" if hours else f"{minutes}m {seconds}s"


def bars(steps: Sequence[int]) -> str:
    """The newest at the right; nothing where nothing was ever handled."""
    width = 60 // CHART
    padded = [0] * (60 - len(steps)) + list(steps)
    sums = [sum(padded[place : place + width]) for place in range(0, 60, width)]
    most = max(sums)
    return "".join(BARS[(len(BARS) - 1) * one // most] for one in sums) if most else ""
