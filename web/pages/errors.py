"""Errors as pages, for browsers: what a handler or the app refused in one sentence, dressed in words that help.

JSON stays what it is under /api, and for whoever asks for JSON.
"""

from functools import partial

import msgspec
from quart import Quart, Response, g, request
from werkzeug.http import HTTP_STATUS_CODES

from forum.database import Database, DatabaseAway
from forum.reads.latest import names
from forum.reads.viewers import Viewer
from web.answers import FOR_MACHINES
from web.pages.showing import show
from web.pages.who import asked_viewer
from web.site import Site

TOLD = frozenset({400, 401, 403, 404, 405, 409, 413, 429, 500, 503})  # of which there are words
KEPT = ("Allow", "Retry-After")


def add_error_pages(app: Quart, database: Database, site: Site) -> None:
    """Have the app show browsers pages where others get a sentence."""
    app.after_request(partial(dressed, database, site))


async def dressed(database: Database, site: Site, response: Response) -> Response:
    if response.status_code < 400 or response.mimetype != "application/json" or not wants_page():
        return response
    sentence = msgspec.json.decode(await response.get_data(), type=dict[str, str])["error"]
    # Not where something is broken: asking might only make the visitor wait.
    forum, viewer = (None, None) if response.status_code >= 500 else await known_yet(database, site)
    page = error_page(site, response.status_code, sentence, forum=forum, viewer=viewer)
    for name in KEPT:
        if name in response.headers:
            page.headers[name] = response.headers[name]
    return page


def wants_page() -> bool:
    return not request.path.startswith(FOR_MACHINES) and prefers_page()


def prefers_page() -> bool:
    """Whether a browser asks, rather than a program."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def error_page(site: Site, status: int, sentence: str, *, forum: str | None, viewer: Viewer | None) -> Response:
    """The words for that status; where there are none, for what is like it. The sentence if it says more than these."""
    page = show(
        site, "error.html", viewer=viewer, forum=forum, path=None, status=status,
        code=status,
        key=key_for(status), sentence=None if sentence == f"{HTTP_STATUS_CODES.get(status)}." else sentence,
        may_retry=request.method == "GET",
    )  # fmt: skip
    page.headers["Cache-Control"] = "no-store"
    return page


def key_for(status: int) -> str:
    if g.get("is_read_only"):
        return "read_only"
    return str(status if status in TOLD else 400 if status < 500 else 500)


async def known_yet(database: Database, site: Site) -> tuple[str | None, Viewer | None]:
    """What the forum is called, and who looks, as far as that can be asked."""
    try:
        async with database.connection() as connection:
            return (await names(connection, site.forum_uri)).forum, await asked_viewer(connection, site)
    except DatabaseAway:
        return None, None
