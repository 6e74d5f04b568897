"""What the process tells of itself: to people, to whoever restarts or routes to it, to Prometheus.

Where there is a database the clock stands still: it is asked with a limit, and must not seem away because it is slow.
"""

import re
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from actors.agent import AgentState, ForumAccount
from actors.health import Board
from actors.trends import Trends
from actors.vitals import dump, take
from daemon.pool import Pool
from forum import processes
from tests.web.forum_rows import NOON, SITE, AwayDatabase, Rows, client_of, minute
from web.app import make_app


class StuckDatabase:
    """A database that never gives a connection."""

    @asynccontextmanager
    async def connection(self):
        await trio.sleep_forever()
        yield


def connect(board: Board) -> None:
    """Have the firehose be connected."""
    pulse = board.pulse("firehose")
    pulse.become("running", "connected")
    pulse.last_event_at = NOON


async def health_of(client: httpx.AsyncClient) -> dict:
    response = await client.get("/api/health")
    assert response.status_code == 200
    return response.json()


async def metrics_of(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """The samples by their name and labels."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(response.text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


async def test_health(mock_clock: MockClock, client: httpx.AsyncClient, board: Board, rows: Rows) -> None:
    """All is well but that nobody is signed in for the forum, so it can only be read."""
    connect(board)
    await rows.run("INSERT INTO repos (did, stale_since) VALUES ('did:plc:ann', now())")
    await rows.run("INSERT INTO gaps (source, reason) VALUES ('wss://relay', 'outage')")

    health = await health_of(client)

    assert health["timestamp"].endswith("Z")
    assert health["services"]["database"].pop("latency_ms") >= 0
    assert health | {"timestamp": ""} == {
        "status": "degraded",
        "timestamp": "",
        "services": {
            "database": {"status": "up"},
            "firehose": {"status": "up", "connected": True, "last_event_at": "2026-01-01T12:00:00.000Z"},
            "forumAgent": {
                "status": "unavailable",
                "authenticated": False,
                "error": "No password of the forum's account is set.",
            },
        },
        "actors": [
            {
                "name": "firehose",
                "process": 1,
                "state": "running",
                "since": health["actors"][0]["since"],
                "hanging": False,
                "restarts": 0,
                "inboxDepth": 0,
                "perSecond": 0.0,
            }
        ],
        "staleRepos": 1,
        "openGaps": 1,
    }


@pytest.mark.parametrize(
    ("state", "status", "shape"),
    [
        (AgentState(status="initializing"), "degraded", {"status": "initializing", "authenticated": False}),
        (
            AgentState(status="authenticated", last_attempt=NOON),
            "healthy",
            {
                "status": "authenticated",
                "authenticated": True,
                "last_auth_attempt": "2026-01-01T12:00:00.000Z",
                "retry_count": 0,
            },
        ),
        (
            AgentState(
                status="retrying",
                last_attempt=NOON,
                retry_count=2,
                next_retry_at=minute(1),
                error="It does not answer.",
            ),
            "degraded",
            {
                "status": "retrying",
                "authenticated": False,
                "last_auth_attempt": "2026-01-01T12:00:00.000Z",
                "retry_count": 2,
                "next_retry_at": "2026-01-01T12:01:00.000Z",
                "error": "It does not answer.",
            },
        ),
    ],
)
async def test_forum_account(
    mock_clock: MockClock, database: Pool, board: Board, state: AgentState, status: str, shape: object
) -> None:
    """All is well when it is signed in; otherwise what is known of when and why."""
    connect(board)
    async with client_of(make_app(database, board, SITE, account=ForumAccount(state))) as client:
        health = await health_of(client)
    assert health["status"] == status
    assert health["services"]["forumAgent"] == shape


async def test_unhealthy_without_the_stream(client: httpx.AsyncClient, board: Board) -> None:
    """No firehose, or one that is not connected: what is shown may be old."""
    firehose = (await health_of(client))["services"]["firehose"]
    assert firehose == {"status": "down", "connected": False}

    board.pulse("firehose").become("backing_off", "wss://did:plc:secret")
    health = await health_of(client)
    assert (health["status"], health["services"]["firehose"]["connected"]) == ("unhealthy", False)


@pytest.mark.parametrize("database", [AwayDatabase(), StuckDatabase(), None], ids=["away", "stuck", "broken"])
async def test_unhealthy_without_the_database(autojump_clock: MockClock, database: object) -> None:
    """200 all the same, soon, and without the words of the error."""
    board = Board()
    connect(board)
    board.pulse("firehose").fail("refused did:plc:secret")
    async with client_of(make_app(database, board, SITE)) as client:
        health = await health_of(client)
        assert health["status"] == "unhealthy"
        assert health["services"]["database"]["status"] == "down"
        assert health["services"]["database"]["latency_ms"] >= 0
        assert "staleRepos" not in health
        assert "secret" not in str(health)
        assert (await metrics_of(client))["atbb_database_up",] == 0


async def test_alive() -> None:
    """Alive is whoever answers, with a database or not."""
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_ready(mock_clock: MockClock, client: httpx.AsyncClient, rows: Rows) -> None:
    """Ready with a database that has our tables."""
    assert (await client.get("/readyz")).status_code == 200

    await rows.run("ALTER TABLE forum_counts RENAME TO something_else")
    response = await client.get("/readyz")
    assert (response.status_code, response.json()["error"]) == (503, "The database has no tables yet.")


@pytest.mark.parametrize("database", [AwayDatabase(), StuckDatabase()], ids=["away", "stuck"])
async def test_not_ready(autojump_clock: MockClock, database: object) -> None:
    """Not ready without a database that answers, and says why."""
    async with client_of(make_app(database, Board(), SITE)) as client:
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["status"] == "unready"
        assert response.json()["error"].startswith("The database does not answer")


async def test_metrics(mock_clock: MockClock, client: httpx.AsyncClient, board: Board, rows: Rows) -> None:
    """The board, the pool and the index, under the names of the Prometheus conventions."""
    connect(board)
    firehose = board.pulse("firehose")
    firehose.restarts = 2
    firehose.counters["dropped:too_long"] += 3
    applier = board.pulse("applier")
    applier.counters["dropped:too_long"] += 4
    applier.counters["applied"] += 5
    applier.beat(inbox_depth=6)
    await rows.run("INSERT INTO repos (did, stale_since) VALUES ('did:plc:ann', now())")

    metrics = await metrics_of(client)

    assert metrics["atbb_actor_restarts_total", "firehose", "here"] == 2
    assert metrics["atbb_actor_running", "firehose", "here"] == 1
    assert metrics["atbb_actor_running", "applier", "here"] == 0
    assert metrics["atbb_actor_last_event_timestamp_seconds", "firehose", "here"] == NOON.timestamp()
    assert metrics["atbb_stream_dropped_total", "here", "too_long"] == 7
    assert metrics["atbb_actor_events_total", "applier", "applied", "here"] == 5
    assert metrics["atbb_actor_inbox_depth", "applier", "here"] == 6
    assert metrics["atbb_repos_stale",] == 1
    assert metrics["atbb_gaps_open",] == 0
    assert metrics["atbb_database_up",] == 1
    assert metrics["atbb_process_leads", "here"] == 0
    assert metrics["atbb_process_resident_memory_bytes", "here"] > 1_000_000
    assert metrics["atbb_pool_size", "here"] >= 1


async def test_other_processes(mock_clock: MockClock, client: httpx.AsyncClient, rows: Rows, database: Pool) -> None:
    """One that follows the network for all of them is told of, whichever is asked; one that fell silent is not."""
    there = Board("there")
    connect(there)
    there.pulse("leader").become("running")
    there.pulse("firehose").handled = 9
    async with database.connection() as connection:
        await processes.tell(connection, "there", dump(take(there, Trends(), None)))
        await processes.tell(connection, "newer", '{"said": "otherwise"}')

    health = await health_of(client)
    assert health["services"]["firehose"]["connected"] is True
    assert [(one["name"], one["process"]) for one in health["actors"]] == [("firehose", 1), ("leader", 1)]
    metrics = await metrics_of(client)
    assert metrics["atbb_actor_handled_total", "firehose", "there"] == 9
    assert (metrics["atbb_process_leads", "there"], metrics["atbb_process_leads", "here"]) == (1, 0)

    await rows.run("UPDATE processes SET told_at = now() - interval '11 seconds'")
    assert (await health_of(client))["services"]["firehose"]["connected"] is False


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yml"])
async def test_what_is_watched_is_there(
    mock_clock: MockClock, client: httpx.AsyncClient, board: Board, name: str
) -> None:
    """Dashboard and alert rules name metrics, and labels, that are told."""
    connect(board)
    firehose = board.pulse("firehose")
    firehose.lag_seconds, firehose.committed_at = 1, NOON
    firehose.counters["dropped:too_long"] += 1
    told = (await client.get("/metrics")).text
    text = (Path(__file__).parents[2] / "docs" / "monitoring" / name).read_text()
    named = set(re.findall(r"\batbb_\w+", text))
    assert len(named) > 8
    assert {metric for metric in named if f"\n{metric}{{" not in told and f"\n{metric} " not in told} == set()
    for labels in re.findall(r"by \(([^)]+)\)", text):
        assert all(f'{label.strip()}="' in told for label in labels.split(","))
