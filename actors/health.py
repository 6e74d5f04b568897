"""The health board: what every actor last said of itself.

Actors write their own `Pulse`; the systemd watchdog reads the `Board`, and so does everybody else by way of
`vitals.py`. Plain attributes in one process and one thread: no locks, no messages.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

State = Literal["starting", "running", "waiting", "backing_off", "stopped", "failed"]


@dataclass(slots=True)
class Pulse:
    """One actor's state. `limit_seconds` is how long it may be silent before it counts as hanging (None: for ever)."""

    name: str
    limit_seconds: float | None = None
    state: State = "starting"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    detail: str = ""
    restarts: int = 0
    last_error: str = ""
    inbox_depth: int = 0
    inbox_peak: int = 0
    handled: int = 0  # events, requests, accounts, …: what it is there for, since the process began
    counters: Counter[str] = field(default_factory=Counter)
    last_event_at: datetime | None = None  # of the stream, by its own clock
    lag_seconds: float | None = None  # how old that was when it came
    committed_at: datetime | None = None
    parked: tuple[str, ...] = ()  # servers that are left alone for now
    last_beat: float = field(default_factory=time.monotonic)
    resting: bool = False  # waiting for work that may never come: silence means nothing

    def beat(self, *, inbox_depth: int | None = None) -> None:
        """Say "alive"; with the depth of the inbox where there is one."""
        self.last_beat, self.resting = time.monotonic(), False
        if inbox_depth is not None:
            self.inbox_depth = inbox_depth
            self.inbox_peak = max(self.inbox_peak, inbox_depth)

    def rest(self) -> None:
        """Beat, and be silent from now on until the next beat."""
        self.beat()
        self.resting = True

    def become(self, state: State, detail: str = "") -> None:
        """Change state, and beat."""
        if (state, detail) != (self.state, self.detail):
            self.state, self.detail, self.since = state, detail, datetime.now(UTC)
        self.beat()

    def fail(self, error: str) -> None:
        """Keep the last error, for people: one line, no secrets."""
        self.last_error = error
        self.counters["errors"] += 1

    @property
    def hangs(self) -> bool:
        """Whether it should have beaten by now."""
        if self.limit_seconds is None or self.resting or self.state != "running":
            return False
        return time.monotonic() - self.last_beat > self.limit_seconds


class Board:
    """The pulses of the process of that name, in the order they were opened."""

    def __init__(self, process: str = "") -> None:
        self.process = process
        self._pulses: dict[str, Pulse] = {}

    def pulse(self, name: str, *, limit_seconds: float | None = None) -> Pulse:
        """The pulse of that name, opened if new: an actor that restarts keeps its counters."""
        return self._pulses.setdefault(name, Pulse(name, limit_seconds))

    def stand_down(self, *names: str) -> None:
        """Note of actors that were cut off that they are no longer there to say so themselves."""
        for name in names:
            if name in self._pulses:
                self._pulses[name].become("stopped")

    def __iter__(self) -> Iterator[Pulse]:
        return iter(self._pulses.values())

    @property
    def hanging(self) -> tuple[str, ...]:
        return tuple(pulse.name for pulse in self if pulse.hangs)
