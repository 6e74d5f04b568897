"""All processes, and the index, in figures: a Prometheus collector made anew for every scrape.

No registry: nothing is counted here that is not already counted where it happens. Whichever process is asked tells of
all, each under its own name.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from actors.agent import AgentState
from actors.vitals import Vitals
from forum.reads.sync import Lag

DROPPED = "dropped:"  # what follows is the reason: as many as our checks have, so few
PROCESS, ACTOR = "process", "actor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """One scrape; `generate_latest` calls `collect`."""

    vitals: Sequence[Vitals]
    lag: Lag | None
    latency_seconds: float
    agent: AgentState

    def collect(self) -> Iterator[Metric]:
        yield from actor_metrics(self.vitals)
        yield from counted_metrics(self.vitals)
        yield from process_metrics(self.vitals)
        yield from database_metrics(self.lag, self.latency_seconds)
        yield GaugeMetricFamily(
            "atbb_forum_account_signed_in",
            "Whether the forum can be written to.",
            value=self.agent.status == "authenticated",
        )


def actor_metrics(vitals: Sequence[Vitals]) -> Iterator[Metric]:
    """Of every actor: whether it runs or hangs, its restarts, its inbox, its part of the stream."""
    labels = [PROCESS, ACTOR]
    running = GaugeMetricFamily("atbb_actor_running", "Whether the actor is at work.", labels=labels)
    hanging = GaugeMetricFamily("atbb_actor_hanging", "Whether it is silent for too long.", labels=labels)
    restarts = CounterMetricFamily("atbb_actor_restarts", "How often it was called again.", labels=labels)
    handled = CounterMetricFamily("atbb_actor_handled", "Events, requests, accounts: what it is for.", labels=labels)
    depth = GaugeMetricFamily("atbb_actor_inbox_depth", "What waits in its inbox.", labels=labels)
    peak = GaugeMetricFamily("atbb_actor_inbox_peak", "The most that ever waited.", labels=labels)
    heard = GaugeMetricFamily(
        "atbb_actor_last_event_timestamp_seconds", "When its stream last said something.", labels=labels
    )
    lag = GaugeMetricFamily("atbb_stream_lag_seconds", "How old the newest event was when it came.", labels=labels)
    committed = GaugeMetricFamily("atbb_last_commit_timestamp_seconds", "When it last committed.", labels=labels)
    parked = GaugeMetricFamily("atbb_hosts_parked", "Servers that are left alone for now.", labels=labels)
    for process in vitals:
        for actor in process.actors:
            names = [process.process, actor.name]
            running.add_metric(names, actor.state == "running")
            hanging.add_metric(names, actor.hangs)
            restarts.add_metric(names, actor.restarts)
            handled.add_metric(names, actor.handled)
            depth.add_metric(names, actor.inbox_depth)
            peak.add_metric(names, actor.inbox_peak)
            parked.add_metric(names, len(actor.parked))
            if actor.last_event_at is not None:
                heard.add_metric(names, actor.last_event_at.timestamp())
            if actor.lag_seconds is not None:
                lag.add_metric(names, actor.lag_seconds)
            if actor.committed_at is not None:
                committed.add_metric(names, actor.committed_at.timestamp())
    yield from (running, hanging, restarts, handled, depth, peak, heard, lag, committed, parked)


def counted_metrics(vitals: Sequence[Vitals]) -> Iterator[Metric]:
    """What the actors counted: drops by reason, everything else by its name."""
    events = CounterMetricFamily("atbb_actor_events", "What the actor counted.", labels=[PROCESS, ACTOR, "event"])
    dropped = CounterMetricFamily("atbb_stream_dropped", "What was not kept, and why.", labels=[PROCESS, "reason"])
    drops: Counter[tuple[str, str]] = Counter()
    for process in vitals:
        for actor in process.actors:
            for name, number in actor.counters.items():
                if name.startswith(DROPPED):
                    drops[process.process, name.removeprefix(DROPPED)] += number
                else:
                    events.add_metric([process.process, actor.name, name], number)
    for names, number in drops.items():
        dropped.add_metric(names, number)
    yield from (events, dropped)


def process_metrics(vitals: Sequence[Vitals]) -> Iterator[Metric]:
    """Of every process: whether it leads, its memory, how busy its database connections are."""
    leads = GaugeMetricFamily("atbb_process_leads", "Whether it reads the stream.", labels=[PROCESS])
    memory = GaugeMetricFamily("atbb_process_resident_memory_bytes", "Its resident size.", labels=[PROCESS])
    size = GaugeMetricFamily("atbb_pool_size", "Open database connections.", labels=[PROCESS])
    idle = GaugeMetricFamily("atbb_pool_idle", "Connections nobody holds.", labels=[PROCESS])
    waiting = GaugeMetricFamily("atbb_pool_waiting", "Tasks waiting for a connection.", labels=[PROCESS])
    for process in vitals:
        leads.add_metric([process.process], process.leads)
        memory.add_metric([process.process], process.memory_bytes)
        if process.pool is not None:
            size.add_metric([process.process], process.pool.size)
            idle.add_metric([process.process], process.pool.idle)
            waiting.add_metric([process.process], process.pool.waiting)
    yield from (leads, memory, size, idle, waiting)


def database_metrics(lag: Lag | None, latency_seconds: float) -> Iterator[Metric]:
    """Whether and how fast the database answered, and what it knows to be missing."""
    yield GaugeMetricFamily("atbb_database_up", "Whether the database answered.", value=lag is not None)
    yield GaugeMetricFamily(
        "atbb_database_latency_seconds", "How long the answer took, or was waited for.", value=latency_seconds
    )
    if lag is not None:
        yield GaugeMetricFamily("atbb_repos_stale", "Repositories to be fetched anew.", value=lag.stale_repos)
        yield GaugeMetricFamily("atbb_gaps_open", "What the stream could not give us.", value=lag.open_gaps)
