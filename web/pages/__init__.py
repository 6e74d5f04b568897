"""The forum in the browser: pages made on the server, which need no script, in the reader's language.

A handler parses, asks `forum.reads`, and hands what it got to a template. Where things are is in `links.py`, what they
are called in `web/words/`, how they look in `web/static/`.
"""

from quart import Quart

from web.pages.account import add_account
from web.pages.admin import add_admin_pages
from web.pages.assets import add_assets
from web.pages.errors import add_error_pages
from web.pages.feeds import add_feeds
from web.pages.machines import add_machines
from web.pages.moderating import add_moderating
from web.pages.previewing import add_previewing
from web.pages.reading import add_reading
from web.pages.reporting import add_reporting
from web.pages.who import add_form_check
from web.pages.writing import add_writing
from web.parts import Parts
from web.theming import Workshop
from web.writing import Desk


def add_pages(app: Quart, parts: Parts, desk: Desk, shop: Workshop) -> None:
    """Hang all of them into the app."""
    database, site, account = parts.database, parts.site, parts.account
    add_form_check(app)
    add_assets(app)
    add_reading(app, database, site)
    add_account(app, database, site, parts.door)
    add_writing(app, desk)
    add_reporting(app, database, site)
    add_previewing(app, desk)
    add_moderating(app, database, site, account)
    add_admin_pages(app, parts, shop)
    add_feeds(app, database, site)
    add_machines(app, database, site)
    add_error_pages(app, database, site)
