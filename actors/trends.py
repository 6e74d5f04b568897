"""How busy each actor was lately: sampled once a second, kept for a quarter of an hour, in a few numbers."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Final

import trio

from actors.health import Board

SAMPLE_SECONDS: Final = 1.0
SAMPLES_A_STEP: Final = 15
STEPS: Final = 60  # of a quarter of a minute each
RECENT: Final = 10  # samples of which the rate of now is made


@dataclass(slots=True)
class Trend:
    """Of one actor: what it handled in each sample of late, and in each step before."""

    recent: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))
    steps: deque[int] = field(default_factory=lambda: deque([0], maxlen=STEPS))
    handled: int = 0
    samples: int = 0

    def sample(self, handled: int) -> None:
        more, self.handled = handled - self.handled, handled
        self.recent.append(more)
        if self.samples == SAMPLES_A_STEP:
            self.steps.append(0)
            self.samples = 0
        self.steps[-1] += more
        self.samples += 1

    @property
    def per_second(self) -> float:
        return sum(self.recent) / (len(self.recent) * SAMPLE_SECONDS) if self.recent else 0.0


class Trends(defaultdict[str, Trend]):
    """By the actors' names."""

    def __init__(self) -> None:
        super().__init__(Trend)

    def sample(self, board: Board) -> None:
        for pulse in board:
            self[pulse.name].sample(pulse.handled)


async def run_trends(trends: Trends, board: Board) -> None:
    """For ever; waits for nothing but time, whatever is away."""
    while True:
        trends.sample(board)
        await trio.sleep(SAMPLE_SECONDS)
