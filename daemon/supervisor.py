"""The supervisor: calls an actor again after a bug of ours, and gives up when that does not help.

What the world does (a closed stream, a database that restarts) is waited out inside the actors and never comes
here. A spent budget ends the process, and systemd starts it anew.
"""

import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
import trio

from actors.health import Pulse

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many crashes, within what time, are still worth another try."""

    crashes: int = 5
    window_seconds: float = 300
    first_pause_seconds: float = 1
    longest_pause_seconds: float = 60

    def pause_seconds(self, recent: int) -> float:
        """The pause after so many recent crashes: doubling, and jittered so that actors do not return in step."""
        pause = min(self.first_pause_seconds * float(2 ** (recent - 1)), self.longest_pause_seconds)
        return pause * random.uniform(0.5, 1)  # noqa: S311


DEFAULT_BUDGET = Budget()


class BudgetSpent(BaseException):
    """An actor crashed too often; the process should end. No `Exception`: no supervisor above takes it for a crash."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} crashed too often")
        self.name = name


async def supervise(pulse: Pulse, run: Callable[[], Awaitable[None]], *, budget: Budget = DEFAULT_BUDGET) -> None:
    """Run it, again after each crash; return when it returns, raise `BudgetSpent` when it crashes too often."""
    crashed_at: deque[float] = deque(maxlen=budget.crashes + 1)
    while True:
        try:
            await run()
        except Exception as crash:
            crashed_at.append(trio.current_time())
            note_crash(pulse, crash)
            if is_spent(budget, crashed_at):
                pulse.become("failed", "crashed too often")
                raise BudgetSpent(pulse.name) from crash
            await back_off(pulse, budget.pause_seconds(recent_crashes(budget, crashed_at)))
        else:
            pulse.become("stopped")
            return


async def back_off(pulse: Pulse, seconds: float) -> None:
    """Wait before the next try, and say so."""
    pulse.become("backing_off", f"again in {seconds:.0f} s")
    await trio.sleep(seconds)
    pulse.restarts += 1
    pulse.become("starting")


def recent_crashes(budget: Budget, crashed_at: deque[float]) -> int:
    """How many crashes fall into the window that ends now."""
    return sum(trio.current_time() - at <= budget.window_seconds for at in crashed_at)


def is_spent(budget: Budget, crashed_at: deque[float]) -> bool:
    return recent_crashes(budget, crashed_at) > budget.crashes


def note_crash(pulse: Pulse, crash: Exception) -> None:
    """The traceback goes to the log, one line of it to people."""
    cause = first_cause(crash)
    pulse.fail(f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"[:200])
    log.error("actor_crashed", actor=pulse.name, exc_info=crash)


def first_cause(error: BaseException) -> BaseException:
    """What a group is about: its first member that is none."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
