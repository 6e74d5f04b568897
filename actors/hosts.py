"""Manners towards servers: so many requests a second and host, a pause when asked for one, no waiting for the dead.

A host that fails or asks for a pause is parked; who wants something of it meanwhile is told so and does something
else. A host that has to be parked again and again is given up for the time of this object.
"""

import math
import random
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import trio

from actors.web_client import Answer, WebClient
from forum.errors import BadInput, Unavailable

LONGEST_PARKING_SECONDS = 600.0
UNTOLD_PARKING_SECONDS = 30.0  # after a 429 that does not say for how long
AWAY = ("RepoNotFound", "RepoDeactivated", "RepoTakendown", "RepoSuspended", "AccountDeactivated", "AccountTakedown")


class HostParked(Unavailable):
    """Not now. `seconds` says for how long."""

    def __init__(self, host: str, seconds: float) -> None:
        super().__init__(f"{host} is left alone for {seconds:.0f} s")
        self.seconds = seconds


class HostGivenUp(Unavailable):
    """This host failed too often."""


class RepoAway(Exception):
    """The server says that it does not serve this repository: `RepoNotFound`, `RepoDeactivated`, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How much is put up with before a host is parked, and before it is given up; and a repository."""

    failures: int = 3  # in a row
    parkings: int = 3
    good_answers: int = 50  # in a row, and earlier parkings are forgiven
    first_parking_seconds: float = 2.0
    first_retry_seconds: float = 1.0  # of a repository within a job
    first_mend_seconds: float = 5.0  # and outside of one
    visit_seconds: float = 1_800.0  # to a repository
    records: int = 2_000_000  # of one collection; more is a server that invents them


PATIENT = Patience()


@dataclass(slots=True)
class Host:
    """What we know of one server; times are of Trio's clock."""

    next_at: float = -math.inf
    parked_until: float = -math.inf
    failures: int = 0
    parkings: int = 0
    good_answers: int = 0


class Hosts:
    """GET with manners."""

    def __init__(self, client: WebClient, *, per_second: float, patience: Patience = PATIENT) -> None:
        self._client = client
        self._interval = 1.0 / per_second
        self.patience = patience
        self._hosts: defaultdict[str, Host] = defaultdict(Host)

    @property
    def parked(self) -> tuple[str, ...]:
        """The hosts to leave alone at this moment."""
        now = trio.current_time()
        return tuple(name for name, host in self._hosts.items() if host.parked_until > now and not self._gave_up(host))

    async def get(self, origin: str, method: str, params: Mapping[str, str], *, max_bytes: int = 1_000_000) -> object:
        """The JSON answer of an XRPC query.

        Raises `HostParked`, `HostGivenUp`, `RepoAway`, `Unavailable` for a failure worth another try, and `BadInput`.
        """
        host = self._hosts[origin]
        await self._turn(origin, host)
        try:
            answer = await self._client.get(f"{origin}/xrpc/{method}", params=params, max_bytes=max_bytes)
        except Unavailable:
            self._failed(host)
            raise
        return self._read(origin, host, answer)

    async def _turn(self, origin: str, host: Host) -> None:
        """Wait for this host's next free moment."""
        self._check(origin, host)
        now = trio.current_time()
        start = max(now, host.next_at)
        host.next_at = start + self._interval * random.uniform(0.9, 1.1)  # noqa: S311 - spreads the load
        if start > now:
            await trio.sleep(start - now)
            self._check(origin, host)  # much can happen in a queue

    def _check(self, origin: str, host: Host) -> None:
        if self._gave_up(host):
            raise HostGivenUp(f"{origin} does not answer")
        if (seconds := host.parked_until - trio.current_time()) > 0:
            raise HostParked(origin, seconds)

    def _gave_up(self, host: Host) -> bool:
        return host.parkings > self.patience.parkings

    def _read(self, origin: str, host: Host, answer: Answer) -> object:
        if answer.status == 429:
            seconds = pause_seconds(answer.headers, time.time())
            self._park(host, seconds)
            raise HostParked(origin, seconds)
        if answer.status >= 500:
            self._failed(host)
            raise Unavailable(f"{origin} answers with status {answer.status}")
        self._answered(host, answer)
        body = answer.json()
        if answer.status == 200:
            return body
        match body:
            case {"error": str(error)} if error in AWAY:
                raise RepoAway(error)
            case {"error": str(error)}:
                raise BadInput("refused", f"{origin} refuses with {error[:100]}")
        raise BadInput("refused", f"{origin} answers with status {answer.status}")

    def _answered(self, host: Host, answer: Answer) -> None:
        """One good answer is no recovery yet: a server could give it between two requests for a pause, for ever."""
        host.failures = 0
        host.good_answers += 1
        if host.good_answers >= self.patience.good_answers:
            host.parkings = 0
        if pause := exhausted_seconds(answer.headers, time.time()):
            self._park(host, pause)

    def _failed(self, host: Host) -> None:
        host.failures += 1
        if host.failures >= self.patience.failures:
            seconds = self.patience.first_parking_seconds * float(4**host.parkings)
            jitter = random.uniform(0.8, 1.2)  # noqa: S311 - spreads the load
            self._park(host, min(seconds, LONGEST_PARKING_SECONDS) * jitter)

    def _park(self, host: Host, seconds: float) -> None:
        """Leave it alone. What was under way when it was parked says nothing new, and does not count again."""
        now = trio.current_time()
        host.parkings += host.parked_until <= now
        host.parked_until = max(host.parked_until, now + seconds)
        host.failures = host.good_answers = 0


def pause_seconds(headers: Mapping[str, str], now: float) -> float:
    """How long a 429 asks us to stay away: Retry-After in seconds, else RateLimit-Reset, else half a minute."""
    for name in ("retry-after", "ratelimit-reset"):
        try:
            value = float(headers.get(name, "nan"))
        except ValueError:
            continue
        if not math.isnan(value):
            # A reset is a moment on some servers, seconds on others.
            return min(max(value - now if value > 1e9 else value, 1.0), LONGEST_PARKING_SECONDS)
    return UNTOLD_PARKING_SECONDS


def exhausted_seconds(headers: Mapping[str, str], now: float) -> float:
    """How long to wait when an answer says that it was the last of its window; 0 while some are left."""
    return pause_seconds(headers, now) if headers.get("ratelimit-remaining") == "0" else 0.0
