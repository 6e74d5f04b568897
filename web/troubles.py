"""What is not as it should be, in the order in which one would see to it. What it is called, and what to do, say words.

The same for the page on which one watches the actors and for `atbb top`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from actors.agent import AgentState
from actors.vitals import AGENT, ActorVitals
from web.condition import Condition, is_connected

BEHIND_SECONDS: Final = 60.0  # that the newest event was old when it came


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """By the name of its words, with what is set into them, and what the part concerned says itself."""

    word: str
    values: Mapping[str, object] = field(default_factory=dict)
    error: str = ""


def troubles_of(condition: Condition, agent: AgentState | None) -> list[Trouble]:
    """All there are. Without `agent`, which only its own process has, its row says whether it is well."""
    return [
        *_of_the_database(condition),
        *(trouble for process in condition.vitals for actor in process.actors for trouble in _of_actor(actor)),
        *_of_the_stream(condition),
        *(_of_the_agents_row(condition) if agent is None else _of_the_agent(agent)),
        *_of_the_index(condition),
    ]


def _of_the_database(condition: Condition) -> Iterator[Trouble]:
    if condition.lag is None:
        yield Trouble(word="database_away")
        return
    if waiting := sum(process.pool.waiting for process in condition.vitals if process.pool):
        yield Trouble(word="pool_busy", values={"count": waiting})


def _of_actor(actor: ActorVitals) -> Iterator[Trouble]:
    if (actor.name, actor.state) == (AGENT, "failed"):
        return  # its account is refused, which is no crash, and told below
    if actor.state in ("failed", "backing_off") and actor.restarts + actor.counters.get("errors", 0):
        yield Trouble(word=actor.state, values={"actor": actor.name}, error=actor.last_error or actor.detail)
    elif actor.hangs:
        yield Trouble(word="hangs", values={"actor": actor.name})
    if actor.parked:
        yield Trouble(word="parked", values={"hosts": ", ".join(actor.parked), "count": len(actor.parked)})


def _of_the_stream(condition: Condition) -> Iterator[Trouble]:
    if condition.lag is not None and not any(process.leads for process in condition.vitals):
        yield Trouble(word="nobody_leads")
        return
    firehose = condition.firehose
    if firehose is None:
        return
    if not is_connected(firehose) and firehose.state != "stopped":
        yield Trouble(word="stream_away", error=firehose.last_error or firehose.detail)
    elif (firehose.lag_seconds or 0) > BEHIND_SECONDS and firehose.per_second > 0:
        yield Trouble(word="stream_behind", values={"count": round(firehose.lag_seconds or 0)})


def _of_the_agent(agent: AgentState) -> Iterator[Trouble]:
    if agent.status != "authenticated":
        yield Trouble(word="read_only", error=agent.error or agent.status)


def _of_the_agents_row(condition: Condition) -> Iterator[Trouble]:
    """It waits for its server, was refused for good, or stopped for want of a password."""
    row = next((found for process in condition.vitals if (found := process.actor(AGENT)) is not None), None)
    if row is not None and row.state in ("waiting", "failed", "stopped"):
        yield Trouble(word="read_only", error=row.detail)


def _of_the_index(condition: Condition) -> Iterator[Trouble]:
    if condition.lag is None:
        return
    if condition.lag.open_gaps:
        yield Trouble(word="gaps", values={"count": condition.lag.open_gaps})
    if condition.lag.stale_repos:
        yield Trouble(word="stale", values={"count": condition.lag.stale_repos})
