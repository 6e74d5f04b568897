"""How a process is at one moment: what its actors say of themselves, for pages, commands and other processes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from actors.health import Board, Pulse, State
from actors.trends import Trend, Trends

LEADER = "leader"
FIREHOSE = "firehose"
AGENT = "agent"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class PoolFigures(Protocol):
    """What a pool of connections tells of itself."""

    @property
    def size(self) -> int: ...

    @property
    def idle(self) -> int: ...

    @property
    def waiting(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolVitals:
    size: int
    idle: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorVitals:
    """One actor. `steps` is what it handled in each quarter of a minute, the newest last; see `health.Pulse`."""

    name: str
    state: State
    detail: str
    since: datetime
    hangs: bool
    restarts: int
    last_error: str
    inbox_depth: int
    inbox_peak: int
    handled: int
    per_second: float
    steps: tuple[int, ...]
    counters: Mapping[str, int]
    last_event_at: datetime | None
    lag_seconds: float | None
    committed_at: datetime | None
    parked: tuple[str, ...]

    @property
    def is_at_work(self) -> bool:
        return self.state == "running" and not self.hangs

    @property
    def is_troubled(self) -> bool:
        """Whether something of its own is wrong; who waits may wait for another's trouble, or for nothing."""
        return self.hangs or self.state in ("backing_off", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """One process."""

    process: str
    pid: int
    at: datetime
    memory_bytes: int
    pool: PoolVitals | None
    actors: tuple[ActorVitals, ...]

    @property
    def leads(self) -> bool:
        """Whether it is the one that reads the stream."""
        leader = self.actor(LEADER)
        return leader is not None and leader.state == "running"

    def actor(self, name: str) -> ActorVitals | None:
        return next((actor for actor in self.actors if actor.name == name), None)


def take(board: Board, trends: Trends, pool: PoolFigures | None) -> Vitals:
    """As this process is now."""
    return Vitals(
        process=board.process,
        pid=os.getpid(),
        at=datetime.now(UTC),
        memory_bytes=int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES,
        pool=None if pool is None else PoolVitals(size=pool.size, idle=pool.idle, waiting=pool.waiting),
        actors=tuple(_actor(pulse, trends[pulse.name]) for pulse in board),
    )


def dump(vitals: Vitals) -> str:
    return msgspec.json.encode(vitals).decode()


def load(text: str) -> Vitals:
    """Of another process, which may be of another version. Raises `msgspec.DecodeError` if it is."""
    return msgspec.json.decode(text, type=Vitals)


def _actor(pulse: Pulse, trend: Trend) -> ActorVitals:
    return ActorVitals(
        name=pulse.name,
        state=pulse.state,
        detail=pulse.detail,
        since=pulse.since,
        hangs=pulse.hangs,
        restarts=pulse.restarts,
        last_error=pulse.last_error,
        inbox_depth=pulse.inbox_depth,
        inbox_peak=pulse.inbox_peak,
        handled=pulse.handled,
        per_second=trend.per_second,
        steps=tuple(trend.steps),
        counters=dict(pulse.counters),
        last_event_at=pulse.last_event_at,
        lag_seconds=pulse.lag_seconds,
        committed_at=pulse.committed_at,
        parked=pulse.parked,
    )
