"""How the process is: for people and monitors (`/api/health`), for whoever restarts or routes to it, for Prometheus.

Told from what all processes say of themselves, the forum's agent and one short question to the database. Anyone may
ask, so nothing here names an account, a host or an error's words.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog
import trio
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from quart import Quart, Response

from actors.agent import AgentState, ForumAccount
from actors.reporter import everyones
from actors.vitals import FIREHOSE, ActorVitals, Vitals
from forum.database import Database
from forum.errors import Unavailable
from forum.reads.sync import Lag, has_schema, lag
from web.answers import JSON, answer, written
from web.metrics import Metrics

log = structlog.get_logger(__name__)

ASK_SECONDS = 2.0  # less than any monitor's patience

Own = Callable[[], Vitals]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How all processes are, as far as this one knows; what the database answered, None: nothing in time."""

    vitals: Sequence[Vitals]
    latency_seconds: float
    lag: Lag | None


def add_health(
    app: Quart,
    database: Database,
    own: Own,
    account: ForumAccount,
) -> None:
    """Hang the handlers into the app, each with what it needs."""
    handlers: dict[str, Callable[..., Awaitable[Response]]] = {
        "/api/health": partial(show_health, database, own, account),
        "/healthz": show_alive,
        "/readyz": partial(show_ready, database),
        "/metrics": partial(show_metrics, database, own),
    }
    for rule, handler in handlers.items():
        app.add_url_rule(rule, endpoint=rule, view_func=handler)


async def show_health(database: Database, own: Own, account: ForumAccount) -> Response:
    """The state of every part; always 200, for the answer itself has come."""
    return answer(health_shape(await ask(database, own()), account.state, datetime.now(UTC)))


async def show_alive() -> Response:
    """That the loop still runs, which this answer proves."""
    return answer({"status": "alive"})


async def show_ready(database: Database) -> Response:
    """Whether requests can be served. That the server listens is proved by the question having come."""
    with trio.move_on_after(ASK_SECONDS):
        try:
            async with database.connection() as connection:
                there = await has_schema(connection)
        except Unavailable:
            return not_ready("The database does not answer.")
        return answer({"status": "ready"}) if there else not_ready("The database has no tables yet.")
    return not_ready("The database does not answer in time.")


async def show_metrics(database: Database, own: Own) -> Response:
    found = await ask(database, own())
    metrics = Metrics(vitals=found.vitals, lag=found.lag, latency_seconds=found.latency_seconds)
    return Response(generate_latest(metrics), content_type=CONTENT_TYPE_LATEST)


async def ask(database: Database, own: Vitals) -> Condition:
    """Put one question to the database, and take no answer for one."""
    began = trio.current_time()
    vitals: Sequence[Vitals] = (own,)
    answered = None
    with trio.move_on_after(ASK_SECONDS):
        try:
            async with database.connection() as connection:
                answered = await lag(connection)
                vitals = await everyones(connection, own)
        except Unavailable:
            pass
        except Exception:  # tables missing or the like: health tells it, and must not fail itself
            log.exception("health_question_failed")
    return Condition(vitals=vitals, latency_seconds=trio.current_time() - began, lag=answered)


def health_shape(found: Condition, state: AgentState, now: datetime) -> dict[str, JSON]:
    firehose = firehose_shape(reader_of(found.vitals))
    agent = agent_shape(state)
    up = found.lag is not None and firehose["connected"]
    healthy = up and agent["authenticated"]
    shape: dict[str, JSON] = {
        "status": "healthy" if healthy else "degraded" if up else "unhealthy",
        "timestamp": written(now),
        "services": {
            "database": {
                "status": "down" if found.lag is None else "up",
                "latency_ms": round(found.latency_seconds * 1000, 1),
            },
            "firehose": firehose,
            "forumAgent": agent,
        },
        "actors": [
            actor_shape(actor, number) for number, vitals in enumerate(found.vitals, start=1) for actor in vitals.actors
        ],
    }
    if found.lag is not None:
        shape |= {"staleRepos": found.lag.stale_repos, "openGaps": found.lag.open_gaps}
    return shape


def reader_of(vitals: Sequence[Vitals]) -> ActorVitals | None:
    """The firehose of the process that leads; where none does, whichever there is."""
    return next((found for process in vitals if (found := process.actor(FIREHOSE)) is not None), None)


def firehose_shape(firehose: ActorVitals | None) -> dict[str, JSON]:
    connected = firehose is not None and firehose.state == "running" and firehose.detail == "connected"
    shape: dict[str, JSON] = {"status": "up" if connected else "down", "connected": connected}
    if firehose is not None and firehose.last_event_at is not None:
        shape["last_event_at"] = written(firehose.last_event_at)
    return shape


def agent_shape(state: AgentState) -> dict[str, JSON]:
    """Whether the forum's account is signed in; the agent's own words, which name nobody."""
    shape: dict[str, JSON] = {"status": state.status, "authenticated": state.status == "authenticated"}
    if state.last_attempt is not None:
        shape |= {"last_auth_attempt": written(state.last_attempt), "retry_count": state.retry_count}
    if state.next_retry_at is not None:
        shape["next_retry_at"] = written(state.next_retry_at)
    if state.error is not None:
        shape["error"] = state.error
    return shape


def actor_shape(actor: ActorVitals, process: int) -> dict[str, JSON]:
    """What anyone may know: neither `detail` nor `last_error`, which can name hosts and accounts."""
    return {
        "name": actor.name,
        "process": process,
        "state": actor.state,
        "since": written(actor.since),
        "hanging": actor.hangs,
        "restarts": actor.restarts,
        "inboxDepth": actor.inbox_depth,
        "perSecond": round(actor.per_second, 1),
    }


def not_ready(why: str) -> Response:
    return answer({"status": "unready", "error": why}, status=503)
