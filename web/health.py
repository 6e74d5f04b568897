"""How the process is: for people and monitors (`/api/health`), for whoever restarts or routes to it, for Prometheus.

Told from what all processes say of themselves, the forum's agent and one short question to the database. Anyone may
ask, so nothing here names an account, a host or an error's words.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

import trio
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from quart import Quart, Response

from actors.agent import AgentState, ForumAccount
from actors.vitals import ActorVitals
from forum.database import Database
from forum.errors import Unavailable
from forum.reads.sync import has_schema
from web.answers import JSON, answer, written
from web.condition import ASK_SECONDS, Condition, Own, ask, is_connected
from web.metrics import Metrics


def add_health(app: Quart, database: Database, own: Own, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    handlers: dict[str, Callable[..., Awaitable[Response]]] = {
        "/api/health": partial(show_health, database, own, account),
        "/healthz": show_alive,
        "/readyz": partial(show_ready, database),
        "/metrics": partial(show_metrics, database, own, account),
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


async def show_metrics(database: Database, own: Own, account: ForumAccount) -> Response:
    found = await ask(database, own())
    metrics = Metrics(vitals=found.vitals, lag=found.lag, latency_seconds=found.latency_seconds, agent=account.state)
    return Response(generate_latest(metrics), content_type=CONTENT_TYPE_LATEST)


def health_shape(found: Condition, state: AgentState, now: datetime) -> dict[str, JSON]:
    firehose = firehose_shape(found.firehose)
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


def firehose_shape(firehose: ActorVitals | None) -> dict[str, JSON]:
    connected = firehose is not None and is_connected(firehose)
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
