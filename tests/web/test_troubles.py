"""What counts as a trouble, and that each has words for what it is and what to do."""

from collections.abc import Callable

import pytest

from actors.agent import AgentState
from actors.health import Board, Pulse
from actors.trends import Trends
from actors.vitals import take
from forum.reads.sync import Lag
from web.condition import Condition
from web.pages.words import languages
from web.troubles import troubles_of

NOTHING_MISSING = Lag(stale_repos=0, open_gaps=0)
WELL = AgentState(status="authenticated")


class Figures:
    size, idle, waiting = 5, 0, 3


def board() -> Board:
    """Of a process that leads, with nothing in its way."""
    board = Board("here")
    board.pulse("leader").become("running")
    board.pulse("postgres").become("stopped", "DATABASE_URL is set")
    board.pulse("firehose").become("running", "connected")
    board.pulse("identity").become("waiting", "the database is away")
    return board


def condition(board: Board, *, lag: Lag | None = NOTHING_MISSING, busy: bool = False) -> Condition:
    trends = Trends()
    trends.sample(board)
    return Condition(vitals=[take(board, trends, Figures() if busy else None)], latency_seconds=0.001, lag=lag)


def words(condition: Condition, agent: AgentState | None = WELL) -> list[str]:
    found = troubles_of(condition, agent)
    for trouble in found:
        for language in languages().values():
            assert language(f"admin.trouble.{trouble.word}", **trouble.values)
            assert language(f"admin.remedy.{trouble.word}")
    return [trouble.word for trouble in found]


def test_none() -> None:
    """Who stands still because nothing is asked of them is in no trouble."""
    assert words(condition(board())) == []


def crashed(pulse: Pulse) -> None:
    pulse.fail("KeyError: 'x'")
    pulse.become("backing_off", "again in 2 s")


def given_up(pulse: Pulse) -> None:
    pulse.fail("KeyError: 'x'")
    pulse.become("failed", "crashed too often")


def refused(pulse: Pulse) -> None:
    pulse.fail("The password is refused.")
    pulse.become("failed", "The password is refused.")


def hanging(pulse: Pulse) -> None:
    pulse.become("running")
    pulse.limit_seconds, pulse.last_beat = 1, 0


def parking(pulse: Pulse) -> None:
    pulse.become("running")
    pulse.parked = ("https://pds.example",)


@pytest.mark.parametrize(
    ("change", "word"),
    [(crashed, "backing_off"), (given_up, "failed"), (hanging, "hangs"), (parking, "parked")],
)
def test_of_an_actor(change: Callable[[Pulse], None], word: str) -> None:
    here = board()
    change(here.pulse("backfill"))
    assert words(condition(here)) == [word]


def test_of_the_stream() -> None:
    here = board()
    firehose = here.pulse("firehose")
    firehose.lag_seconds = 3_600
    assert words(condition(here)) == [], "it was long ago, and nothing comes now"
    firehose.handled = 10
    assert words(condition(here)) == ["stream_behind"]
    firehose.become("waiting", "the stream is away")
    assert words(condition(here)) == ["stream_away"]
    here.pulse("leader").become("waiting", "another process reads the stream")
    assert words(condition(here)) == ["nobody_leads"]


def test_of_the_rest() -> None:
    assert words(condition(board(), lag=None)) == ["database_away"]
    assert words(condition(board(), lag=Lag(stale_repos=2, open_gaps=1))) == ["gaps", "stale"]
    assert words(condition(board(), busy=True)) == ["pool_busy"]
    assert words(condition(board()), AgentState(status="failed", error="No password.")) == ["read_only"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda agent: agent.become("running"), []),
        (lambda agent: agent.become("waiting", "Its server does not answer."), ["read_only"]),
        (refused, ["read_only"]),
        (lambda agent: agent.become("stopped"), ["read_only"]),
        (crashed, ["backing_off"]),
    ],
)
def test_of_an_agent_elsewhere(change: Callable[[Pulse], None], expected: list[str]) -> None:
    """Its row tells; a refused password is no crash."""
    here = board()
    change(here.pulse("agent"))
    assert words(condition(here), None) == expected
