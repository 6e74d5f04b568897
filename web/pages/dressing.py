"""Has every page made in the themes that are in force as it is asked for, and sends their style sheets."""

from functools import partial
from typing import Final

from quart import Quart, Response, g, request
from werkzeug.exceptions import NotFound

from forum.database import Database
from forum.reads.themes import theme_at
from forum.records.syntax import is_tid
from web.answers import FOR_MACHINES
from web.files import File, sent
from web.looks import Looks, built_in, sheet_of
from web.pages.shown import keep_nowhere
from web.site import Site

SIGNING_IN: Final = "/api/auth/"  # which answers browsers with pages
NO_PAGES: Final = (*FOR_MACHINES, "/static/", "/theme/")


def add_dressing(app: Quart, database: Database, site: Site, looks: Looks) -> None:
    """First of all that the app does before its handlers: what they refuse may become a page, too."""
    app.before_request(partial(dress, looks))
    app.add_url_rule("/theme/<name>", endpoint="theme", view_func=partial(send_sheet, database, site, looks))


async def dress(looks: Looks) -> None:
    """Where nobody can say what is in force, in what was last; before that was known, in what is built in."""
    if request.path.startswith(NO_PAGES) and not request.path.startswith(SIGNING_IN):
        return
    g.offer = await looks.now()
    if g.offer is None:
        g.offer = looks.last
        keep_nowhere()


async def send_sheet(database: Database, site: Site, looks: Looks, name: str) -> Response:
    """The sheet of that address; a page made before its theme changed gets what it is by now, and is to ask again."""
    rkey = name.partition(".")[0]
    sheet = await known_sheet(looks, rkey)
    if sheet is None or sheet.path != request.path:  # not offered, or this process has not heard of it yet
        sheet = await stored_sheet(database, site, rkey)
    response = sent(sheet)
    if sheet.path != request.path:
        response.headers["Cache-Control"] = "no-store"
    return response


async def known_sheet(looks: Looks, rkey: str) -> File | None:
    offers = (await looks.now() or looks.last, built_in())
    return next((offer.sheet(rkey) for offer in offers if offer is not None and rkey in offer.themes), None)


async def stored_sheet(database: Database, site: Site, rkey: str) -> File:
    if not is_tid(rkey) and rkey not in built_in().themes:
        raise NotFound("There is no such theme.")
    async with database.connection() as connection:
        theme = await theme_at(connection, site.forum_did, rkey)
    if theme is None:
        raise NotFound("There is no such theme.")
    return sheet_of(theme)
