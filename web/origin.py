"""Requests that change something must come from our own pages, or from no page at all.

A browser says where a request comes from; what says nothing is no browser and is judged by its cookie alone.
"""

from functools import partial
from urllib.parse import urlsplit

from quart import Quart, request
from werkzeug.exceptions import Forbidden

from web.site import Site

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})  # none: typed in or from a bookmark. A sibling domain is a stranger.


def add_origin_check(app: Quart, site: Site) -> None:
    """Have the app refuse, before its handlers, what another site sends."""
    app.before_request(partial(refuse_foreign, site))


async def refuse_foreign(site: Site) -> None:
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    if is_foreign() or not (origin is None or is_own(origin, request.host, site)):
        raise Forbidden("The request comes from another site.")


def is_foreign() -> bool:
    """Whether the browser says that another site leads it here."""
    return request.headers.get("Sec-Fetch-Site") not in (None, *OWN_SITES)


def is_own(origin: str, host: str, site: Site) -> bool:
    """Ours is the configured origin, to the letter, and whatever other name the browser itself asked for."""
    try:
        came, ours = urlsplit(origin), urlsplit(site.public_origin or "")
    except ValueError:
        return False
    if came.netloc == ours.netloc:
        return origin == site.public_origin
    return came.scheme in ("http", "https") and came.netloc.lower() == host.lower()
