"""The panel of those who run the forum: one page for each thing, reached by cards for who may.

Whatever is done here goes by the same functions as the API's, and is in the audit like that.
"""

from quart import Quart

from web.pages.admin.actors import add_actors
from web.pages.admin.backfills import add_backfills
from web.pages.admin.forum import add_forum_page
from web.pages.admin.logs import add_logs
from web.pages.admin.overview import add_overview
from web.pages.admin.people import add_people
from web.pages.admin.reports import add_report_pages
from web.pages.admin.roles import add_role_pages
from web.pages.admin.structure import add_structure_pages
from web.pages.admin.theme_editor import add_theme_editor
from web.pages.admin.themes import add_theme_pages
from web.parts import Parts
from web.theming import Workshop


def add_admin_pages(app: Quart, parts: Parts, shop: Workshop) -> None:
    """Hang all of them into the app."""
    database, site, account, stop = parts.database, parts.site, parts.account, parts.stop
    add_overview(app, database, site)
    add_forum_page(app, database, site, account)
    add_structure_pages(app, database, site, account)
    add_people(app, database, site, account)
    add_report_pages(app, database, site, account)
    add_role_pages(app, database, site, account)
    add_logs(app, database, site)
    add_backfills(app, database, site, stop)
    add_actors(app, database, site, account, parts.own, stop)
    add_theme_pages(app, shop)
    add_theme_editor(app, shop)
