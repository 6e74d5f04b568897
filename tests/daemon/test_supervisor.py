"""Crashes, pauses and the end of patience, on a mock clock."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.health import Pulse
from daemon.supervisor import Budget, BudgetSpent, supervise


class Crashing:
    """An actor that crashes so many times, each after some life, then returns."""

    def __init__(self, crashes: int, *, life_seconds: float = 0) -> None:
        self.crashes = crashes
        self.life_seconds = life_seconds
        self.calls = 0

    async def __call__(self) -> None:
        self.calls += 1
        await trio.sleep(self.life_seconds)
        if self.calls <= self.crashes:
            raise KeyError("broken\nsecond line")


async def test_return_ends_supervision() -> None:
    """An actor whose inbox closed is done."""
    pulse, actor = Pulse("applier"), Crashing(0)
    await supervise(pulse, actor)
    assert (actor.calls, pulse.state, pulse.restarts) == (1, "stopped", 0)


async def test_crash_is_followed_by_another_call(autojump_clock: trio.testing.MockClock) -> None:
    """The pulse counts it and keeps one line of what happened."""
    pulse, actor = Pulse("applier"), Crashing(3)
    await supervise(pulse, actor)
    assert (actor.calls, pulse.restarts) == (4, 3)
    assert pulse.last_error == "KeyError: 'broken\\nsecond line'"


async def test_pauses_grow(autojump_clock: trio.testing.MockClock) -> None:
    """One, two, four … seconds, less at most a half."""
    start = trio.current_time()
    await supervise(Pulse("applier"), Crashing(5))
    assert 15.5 <= trio.current_time() - start <= 31


async def test_spent_budget_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    """The sixth crash within five minutes is one too many."""
    pulse, actor = Pulse("applier"), Crashing(100)
    with pytest.raises(BudgetSpent, match="applier"):
        await supervise(pulse, actor)
    assert (actor.calls, pulse.state) == (6, "failed")


async def test_spent_budget_inside_ends_all(autojump_clock: trio.testing.MockClock) -> None:
    """Of an actor that supervises others: it is no crash of its own, after which all would have fresh budgets."""
    inner, outer, actor = Pulse("backfill"), Pulse("leader"), Crashing(100)

    async def lead() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, inner, actor)
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError

    with pytest.RaisesGroup(pytest.RaisesExc(BudgetSpent, match="backfill"), KeyError):
        await supervise(outer, lead)
    assert (actor.calls, inner.state, outer.counters["errors"]) == (6, "failed", 0)


async def test_rare_crashes_never_spend_it(autojump_clock: trio.testing.MockClock) -> None:
    """What happened long ago is forgiven, and the pauses stay short."""
    actor = Crashing(50, life_seconds=400)
    start = trio.current_time()
    await supervise(Pulse("applier"), actor)
    assert trio.current_time() - start <= 51 * 400 + 50


async def test_groups_are_crashes(autojump_clock: trio.testing.MockClock) -> None:
    """A nursery inside the actor wraps the error; its cause is what people see."""
    calls = []

    async def crash_in_nursery() -> None:
        calls.append(1)
        if len(calls) == 1:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(Crashing(1))

    pulse = Pulse("firehose")
    await supervise(pulse, crash_in_nursery)
    assert pulse.restarts == 1
    assert pulse.last_error.startswith("KeyError")


async def test_backing_off_is_visible(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """While it waits, the health page says so."""
    pulse = Pulse("applier")
    nursery.start_soon(supervise, pulse, Crashing(1, life_seconds=1))
    await trio.sleep(1.1)
    assert (pulse.state, pulse.counters["errors"]) == ("backing_off", 1)


async def test_cancellation_passes(autojump_clock: trio.testing.MockClock) -> None:
    """Shutting down is no crash."""
    pulse = Pulse("applier")
    with trio.move_on_after(5) as scope:
        await supervise(pulse, Crashing(0, life_seconds=1000))
    assert scope.cancelled_caught
    assert pulse.counters["errors"] == 0


@given(st.integers(1, 60))
def test_pause_is_bounded(recent: int) -> None:
    """Never none, never above the longest."""
    assert 0.5 <= Budget().pause_seconds(recent) <= 60
