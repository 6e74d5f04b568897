"""The panel's front page: a card for each thing that somebody may do."""

from functools import partial

from quart import Quart, Response

from forum.database import Database
from forum.permissions import MANAGE_MEMBERS
from forum.reads.members import waiting_count
from web.pages.admin.panel import admitted, panel
from web.pages.who import STAFF
from web.site import Site


def add_overview(app: Quart, database: Database, site: Site) -> None:
    app.add_url_rule("/admin", endpoint="/admin", view_func=partial(show_overview, database, site))


async def show_overview(database: Database, site: Site) -> Response:
    async with database.connection() as connection:
        desk = await admitted(connection, site, *STAFF)
        sees = desk.viewer.may(MANAGE_MEMBERS)
        waiting = await waiting_count(connection, forum_did=site.forum_did) if sees else 0
    return panel(site, "overview.html", desk, waiting=waiting)
