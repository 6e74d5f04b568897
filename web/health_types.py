"""The JSON that calls about the daemon's own health answer, as types; `health.py` and `actors_api.py` fill them."""

from typing import Literal, NotRequired, TypedDict

from web.api_words import Moment


class DatabaseHealth(TypedDict):
    status: Literal["up", "down"]
    latency_ms: float


class FirehoseHealth(TypedDict):
    status: Literal["up", "down"]
    connected: bool
    last_event_at: NotRequired[Moment]


class AgentHealth(TypedDict):
    status: Literal["authenticated", "retrying", "failed", "unavailable", "initializing"]
    authenticated: bool
    last_auth_attempt: NotRequired[Moment]
    retry_count: NotRequired[int]
    next_retry_at: NotRequired[Moment]
    error: NotRequired[str]


class Services(TypedDict):
    database: DatabaseHealth
    firehose: FirehoseHealth
    forumAgent: AgentHealth


class ActorHealth(TypedDict):
    name: str
    process: int
    state: str
    since: Moment
    hanging: bool
    restarts: int
    inboxDepth: int
    perSecond: float


class Health(TypedDict):
    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: Moment
    services: Services
    actors: list[ActorHealth]
    staleRepos: NotRequired[int]
    openGaps: NotRequired[int]


class Pool(TypedDict):
    size: int
    idle: int
    waiting: int


class Actor(TypedDict):
    name: str
    state: str
    detail: str
    since: Moment
    hanging: bool
    restarts: int
    lastError: str | None
    inboxDepth: int
    inboxPeak: int
    handled: int
    perSecond: float
    quarterMinutes: list[int]
    counters: dict[str, int]
    lastEventAt: Moment | None
    lagSeconds: float | None
    committedAt: Moment | None
    parkedHosts: list[str]


class Process(TypedDict):
    name: str
    leads: bool
    pid: int
    at: Moment
    memoryBytes: int
    pool: Pool | None
    actors: list[Actor]


class Actors(TypedDict):
    processes: list[Process]
    databaseLatencyMs: float | None
