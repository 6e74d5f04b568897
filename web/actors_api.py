"""How all actors of all processes are, for scripts of those who manage the forum; for people there is a page of it."""

from datetime import datetime
from functools import partial

from quart import Quart, Response

from actors.vitals import ActorVitals, Vitals
from forum.database import Database
from forum.permissions import MANAGE_FORUM
from web.answers import answer, written
from web.condition import Own, ask
from web.shapes import Shape
from web.signed_in import require
from web.site import Site


def add_actors_api(app: Quart, database: Database, site: Site, own: Own) -> None:
    rule = "/api/admin/actors"
    app.add_url_rule(rule, endpoint=rule, view_func=partial(list_actors, database, site, own))


async def list_actors(database: Database, site: Site, own: Own) -> Response:
    await require(database, site, MANAGE_FORUM)
    found = await ask(database, own())
    return answer(
        {
            "processes": [process_shape(vitals) for vitals in found.vitals],
            "databaseLatencyMs": None if found.lag is None else round(found.latency_seconds * 1000, 1),
        }
    )


def process_shape(vitals: Vitals) -> Shape:
    pool = vitals.pool
    return {
        "name": vitals.process,
        "leads": vitals.leads,
        "pid": vitals.pid,
        "at": written(vitals.at),
        "memoryBytes": vitals.memory_bytes,
        "pool": None if pool is None else {"size": pool.size, "idle": pool.idle, "waiting": pool.waiting},
        "actors": [actor_shape(actor) for actor in vitals.actors],
    }


def actor_shape(actor: ActorVitals) -> Shape:
    """All it tells of itself, which may name hosts and accounts."""
    return {
        "name": actor.name,
        "state": actor.state,
        "detail": actor.detail,
        "since": written(actor.since),
        "hanging": actor.hangs,
        "restarts": actor.restarts,
        "lastError": actor.last_error or None,
        "inboxDepth": actor.inbox_depth,
        "inboxPeak": actor.inbox_peak,
        "handled": actor.handled,
        "perSecond": round(actor.per_second, 1),
        "quarterMinutes": list(actor.steps),
        "counters": dict(actor.counters),
        "lastEventAt": moment(actor.last_event_at),
        "lagSeconds": actor.lag_seconds,
        "committedAt": moment(actor.committed_at),
        "parkedHosts": list(actor.parked),
    }


def moment(at: datetime | None) -> str | None:
    return None if at is None else written(at)
