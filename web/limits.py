"""How often one client may try what is dear: 429 when it is too often, with the seconds to wait.

Counted in this process by Quart-Rate-Limiter, whose memory is ours: bounded, from however many places we are asked.
"""

from datetime import datetime, timedelta

from quart import Quart, Response
from quart.typing import RouteCallable
from quart_rate_limiter import RateLimiter, RateLimitExceeded, rate_limit
from quart_rate_limiter.store import RateLimiterStoreABC

from web.answers import refusal
from web.clients import client_network
from web.site import Site

MOST_CLIENTS = 10_000  # at some 300 bytes each
SIGN_INS_A_MINUTE = 20  # each has us ask several servers


class Arrivals(RateLimiterStoreABC):
    """When each client's next request would be due; of very many only those who came last."""

    def __init__(self, most: int = MOST_CLIENTS) -> None:
        self._most = most
        self._due: dict[str, datetime] = {}

    async def get(self, key: str, default: datetime) -> datetime:
        return self._due.get(key, default)

    async def set(self, key: str, tat: datetime) -> None:
        self._due.pop(key, None)  # so that the order is that of their last coming
        self._due[key] = tat
        if len(self._due) > self._most:
            del self._due[next(iter(self._due))]

    async def before_serving(self) -> None:
        """Nothing to open."""

    async def after_serving(self) -> None:
        """Nothing to close."""


def add_limits(app: Quart, site: Site) -> None:
    """Have the app count, for the handlers that are marked, by where a request comes from."""

    async def client() -> str:
        return client_network(site)

    RateLimiter(app, key_function=client, store=Arrivals())
    app.register_error_handler(RateLimitExceeded, too_often)


def limited(handler: RouteCallable, *, a_minute: int) -> RouteCallable:
    """The handler, marked as one that each client may ask for so often."""
    marked: RouteCallable = rate_limit(a_minute, timedelta(minutes=1))(handler)
    return marked


async def too_often(error: RateLimitExceeded) -> Response:
    response = refusal(f"Too many attempts; please try again in {error.retry_after} seconds.", status=429)
    response.headers["Retry-After"] = str(error.retry_after)
    return response
