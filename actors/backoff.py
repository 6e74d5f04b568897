"""Waiting before another try: doubling, with jitter, bounded; a success starts it over."""

import random
from collections.abc import Iterator


def delays(*, first: float = 0.5, longest: float = 60.0) -> Iterator[float]:
    """Seconds to wait before each next try: half to the whole of a step that doubles up to `longest`."""
    step = first
    while True:
        yield step * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
        step = min(step * 2, longest)
