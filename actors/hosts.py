"""Manners towards servers: so many requests a second and host, a pause when asked for one, no waiting for the dead.

A host that fails or asks for a pause is parked; who wants something of it meanwhile is told so and does something
else. A host that fails again after every parking is given up for the time of this object.
"""

import random
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import trio

from actors.web_client import Answer, WebClient
from forum.errors import BadInput, Unavailable

FAILURES_TO_PARK = 3
PARKINGS_TO_GIVE_UP = 3
FIRST_PARKING_SECONDS = 2.0
LONGEST_PARKING_SECONDS = 600.0
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


@dataclass(slots=True)
class Host:
    """What we know of one server; times are of the monotonic clock."""

    next_at: float = 0.0
    parked_until: float = 0.0
    failures: int = 0
    parkings: int = 0


class Hosts:
    """GET with manners."""

    def __init__(self, client: WebClient, *, per_second: float) -> None:
        self._client = client
        self._interval = 1.0 / per_second
        self._hosts: defaultdict[str, Host] = defaultdict(Host)

    @property
    def parked(self) -> tuple[str, ...]:
        """The hosts to leave alone at this moment."""
        now = time.monotonic()
        return tuple(name for name, host in self._hosts.items() if host.parked_until > now)

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
        now = time.monotonic()
        if host.parked_until > now:
            raise HostParked(origin, host.parked_until - now)
        if host.parkings > PARKINGS_TO_GIVE_UP:
            raise HostGivenUp(f"{origin} does not answer")
        start = max(now, host.next_at)
        host.next_at = start + self._interval * random.uniform(0.9, 1.1)  # noqa: S311 - spreads the load
        if start > now:
            await trio.sleep(start - now)

    def _read(self, origin: str, host: Host, answer: Answer) -> object:
        if answer.status == 429:
            host.parked_until = time.monotonic() + pause_seconds(answer.headers, time.time())
            raise HostParked(origin, host.parked_until - time.monotonic())
        if answer.status >= 500:
            self._failed(host)
            raise Unavailable(f"{origin} answers with status {answer.status}")
        host.failures = host.parkings = 0
        if pause := exhausted_seconds(answer.headers, time.time()):
            host.next_at = time.monotonic() + pause
        body = answer.json()
        if answer.status == 200:
            return body
        match body:
            case {"error": str(error)} if error in AWAY:
                raise RepoAway(error)
            case {"error": str(error)}:
                raise BadInput("refused", f"{origin} refuses with {error[:100]}")
        raise BadInput("refused", f"{origin} answers with status {answer.status}")

    def _failed(self, host: Host) -> None:
        host.failures += 1
        if host.failures >= FAILURES_TO_PARK:
            host.failures = 0
            host.parkings += 1
            seconds = min(FIRST_PARKING_SECONDS * float(4 ** (host.parkings - 1)), LONGEST_PARKING_SECONDS)
            host.parked_until = time.monotonic() + seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter


def pause_seconds(headers: Mapping[str, str], now: float) -> float:
    """How long a 429 asks us to stay away: Retry-After in seconds, else RateLimit-Reset, else half a minute."""
    for name in ("retry-after", "ratelimit-reset"):
        try:
            value = float(headers.get(name, ""))
        except ValueError:
            continue
        seconds = value - now if value > 1e9 else value  # a reset is a moment on some servers, seconds on others
        return min(max(seconds, 1.0), LONGEST_PARKING_SECONDS)
    return 30.0


def exhausted_seconds(headers: Mapping[str, str], now: float) -> float:
    """How long to wait when an answer says that it was the last of its window; 0 while some are left."""
    return pause_seconds(headers, now) if headers.get("ratelimit-remaining") == "0" else 0.0
