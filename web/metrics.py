"""The board, the pool and the index in figures, as a Prometheus collector made anew for every scrape.

No registry: nothing is counted here that is not already counted where it happens.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from actors.health import Board
from forum.reads.sync import Lag

DROPPED = "dropped:"  # what follows is the reason: as many as our checks have, so few


class PoolFigures(Protocol):
    """What a pool of connections tells of itself."""

    @property
    def size(self) -> int: ...

    @property
    def idle(self) -> int: ...

    @property
    def waiting(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """One scrape; `generate_latest` calls `collect`."""

    board: Board
    lag: Lag | None
    latency_seconds: float
    pool: PoolFigures | None

    def collect(self) -> Iterator[Metric]:
        yield from actor_metrics(self.board)
        yield from counted_metrics(self.board)
        yield from database_metrics(self.lag, self.latency_seconds)
        if self.pool is not None:
            yield from pool_metrics(self.pool)


def actor_metrics(board: Board) -> Iterator[Metric]:
    """Of every actor: whether it runs or hangs, its restarts, its inbox, when its stream last spoke."""
    running = GaugeMetricFamily("atbb_actor_running", "Whether the actor is at work.", labels=["actor"])
    hanging = GaugeMetricFamily("atbb_actor_hanging", "Whether it is silent for too long.", labels=["actor"])
    restarts = CounterMetricFamily("atbb_actor_restarts", "How often it was called again.", labels=["actor"])
    depth = GaugeMetricFamily("atbb_actor_inbox_depth", "What waits in its inbox.", labels=["actor"])
    peak = GaugeMetricFamily("atbb_actor_inbox_peak", "The most that ever waited.", labels=["actor"])
    heard = GaugeMetricFamily(
        "atbb_actor_last_event_timestamp_seconds", "When its stream last said something.", labels=["actor"]
    )
    for pulse in board:
        running.add_metric([pulse.name], pulse.state == "running")
        hanging.add_metric([pulse.name], pulse.hangs)
        restarts.add_metric([pulse.name], pulse.restarts)
        depth.add_metric([pulse.name], pulse.inbox_depth)
        peak.add_metric([pulse.name], pulse.inbox_peak)
        if pulse.last_event_at is not None:
            heard.add_metric([pulse.name], pulse.last_event_at.timestamp())
    yield from (running, hanging, restarts, depth, peak, heard)


def counted_metrics(board: Board) -> Iterator[Metric]:
    """What the actors counted: drops by reason, everything else by its name."""
    events = CounterMetricFamily("atbb_actor_events", "What the actor counted.", labels=["actor", "event"])
    drops: Counter[str] = Counter()
    for pulse in board:
        for name, number in pulse.counters.items():
            if name.startswith(DROPPED):
                drops[name.removeprefix(DROPPED)] += number
            else:
                events.add_metric([pulse.name, name], number)
    dropped = CounterMetricFamily("atbb_stream_dropped", "What was not kept, and why.", labels=["reason"])
    for reason, number in drops.items():
        dropped.add_metric([reason], number)
    yield from (events, dropped)


def database_metrics(lag: Lag | None, latency_seconds: float) -> Iterator[Metric]:
    """Whether and how fast the database answered, and what it knows to be missing."""
    yield GaugeMetricFamily("atbb_database_up", "Whether the database answered.", value=lag is not None)
    yield GaugeMetricFamily(
        "atbb_database_latency_seconds", "How long the answer took, or was waited for.", value=latency_seconds
    )
    if lag is not None:
        yield GaugeMetricFamily("atbb_repos_stale", "Repositories to be fetched anew.", value=lag.stale_repos)
        yield GaugeMetricFamily("atbb_gaps_open", "What the stream could not give us.", value=lag.open_gaps)


def pool_metrics(pool: PoolFigures) -> Iterator[Metric]:
    """How busy the connections are."""
    yield GaugeMetricFamily("atbb_pool_size", "Open database connections.", value=pool.size)
    yield GaugeMetricFamily("atbb_pool_idle", "Connections nobody holds.", value=pool.idle)
    yield GaugeMetricFamily("atbb_pool_waiting", "Tasks waiting for a connection.", value=pool.waiting)
