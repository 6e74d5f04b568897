"""How the process is: for people and monitors (`/api/health`), for whoever restarts or routes to it, for Prometheus.

Told from the health board, the forum's agent and one short question to the database. Anyone may ask, so nothing here
names an account, a host or an error's words.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog
import trio
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from quart import Quart, Response

from actors.agent import AgentState, ForumAccount
from actors.health import Board, Pulse
from forum.database import Database
from forum.errors import Unavailable
from forum.reads.sync import Lag, has_schema, lag
from web.answers import JSON, answer, written
from web.metrics import Metrics, PoolFigures

log = structlog.get_logger(__name__)

ASK_SECONDS = 2.0  # less than any monitor's patience

FIREHOSE = "firehose"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """What the database answered, and how long it took; None: nothing in time."""

    latency_seconds: float
    lag: Lag | None


def add_health(
    app: Quart,
    database: Database,
    board: Board,
    account: ForumAccount,
    pool_figures: Callable[[], PoolFigures] | None,
) -> None:
    """Hang the handlers into the app, each with what it needs."""
    handlers: dict[str, Callable[..., Awaitable[Response]]] = {
        "/api/health": partial(show_health, database, board, account),
        "/healthz": show_alive,
        "/readyz": partial(show_ready, database),
        "/metrics": partial(show_metrics, database, board, pool_figures),
    }
    for rule, handler in handlers.items():
        app.add_url_rule(rule, endpoint=rule, view_func=handler)


async def show_health(database: Database, board: Board, account: ForumAccount) -> Response:
    """The state of every part; always 200, for the answer itself has come."""
    return answer(health_shape(await ask(database), board, account.state, datetime.now(UTC)))


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


async def show_metrics(database: Database, board: Board, pool_figures: Callable[[], PoolFigures] | None) -> Response:
    state = await ask(database)
    figures = pool_figures() if pool_figures else None
    metrics = Metrics(board=board, lag=state.lag, latency_seconds=state.latency_seconds, pool=figures)
    return Response(generate_latest(metrics), content_type=CONTENT_TYPE_LATEST)


async def ask(database: Database) -> DatabaseState:
    """Put one question to the database, and take no answer for one."""
    began = trio.current_time()
    answered = None
    with trio.move_on_after(ASK_SECONDS):
        try:
            async with database.connection() as connection:
                answered = await lag(connection)
        except Unavailable:
            pass
        except Exception:  # tables missing or the like: health tells it, and must not fail itself
            log.exception("health_question_failed")
    return DatabaseState(latency_seconds=trio.current_time() - began, lag=answered)


def health_shape(database: DatabaseState, board: Board, state: AgentState, now: datetime) -> dict[str, JSON]:
    firehose = firehose_shape(next((pulse for pulse in board if pulse.name == FIREHOSE), None))
    agent = agent_shape(state)
    up = database.lag is not None and firehose["connected"]
    healthy = up and agent["authenticated"]
    shape: dict[str, JSON] = {
        "status": "healthy" if healthy else "degraded" if up else "unhealthy",
        "timestamp": written(now),
        "services": {
            "database": {
                "status": "down" if database.lag is None else "up",
                "latency_ms": round(database.latency_seconds * 1000, 1),
            },
            "firehose": firehose,
            "forumAgent": agent,
        },
        "actors": [actor_shape(pulse) for pulse in board],
    }
    if database.lag is not None:
        shape |= {"staleRepos": database.lag.stale_repos, "openGaps": database.lag.open_gaps}
    return shape


def firehose_shape(pulse: Pulse | None) -> dict[str, JSON]:
    connected = pulse is not None and pulse.state == "running" and pulse.detail == "connected"
    shape: dict[str, JSON] = {"status": "up" if connected else "down", "connected": connected}
    if pulse is not None and pulse.last_event_at is not None:
        shape["last_event_at"] = written(pulse.last_event_at)
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


def actor_shape(pulse: Pulse) -> dict[str, JSON]:
    """What anyone may know: neither `detail` nor `last_error`, which can name hosts and accounts."""
    return {
        "name": pulse.name,
        "state": pulse.state,
        "since": written(pulse.since),
        "hanging": pulse.hangs,
        "restarts": pulse.restarts,
        "inboxDepth": pulse.inbox_depth,
    }


def not_ready(why: str) -> Response:
    return answer({"status": "unready", "error": why}, status=503)
