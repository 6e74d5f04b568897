"""The ASGI app: Quart-Trio with our handlers, covered for the server.

Made anew from what it is given; holds no state of its own, and needs no lifespan events.
"""

from collections.abc import Callable

import trio
from hypercorn.typing import ASGIFramework
from quart import Response, request
from quart_trio import QuartTrio

from actors.agent import ForumAccount, account_of
from actors.health import Board
from actors.trends import Trends
from actors.vitals import PoolFigures, Vitals, take
from forum.database import Database
from web.actors_api import add_actors_api
from web.admin import add_admin
from web.api import add_api
from web.auth import add_auth
from web.client_documents import add_client_documents
from web.cover import finish_responses, log_requests, refuse_oddities
from web.door import CLOSED, Closed, Door
from web.errors import add_errors
from web.forum_itself import add_forum_itself
from web.health import add_health
from web.limits import add_limits
from web.live import Live, add_live
from web.looks import Looks
from web.members import add_members
from web.moderation import add_moderation
from web.modlog import add_mod_log
from web.openapi import add_openapi
from web.origin import add_origin_check
from web.page_cache import PageCache, cache_pages
from web.pages import add_pages
from web.pages.dressing import add_dressing
from web.parts import Parts
from web.posts import add_posts
from web.reports import add_reports
from web.roles import add_roles
from web.sessions import add_sessions
from web.site import Site
from web.structure import add_structure
from web.themes import add_themes
from web.theming import Workshop
from web.writing import desk_of

LONGEST_BODY = 256 * 1024  # a record may not be longer either
BODY_SECONDS = 30
RESPONSE_SECONDS = 60

# For JSON, which no browser should take for anything else, nor show inside of another page.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
# What is said to who is signed in is for nobody else, caches included.
PRIVATE = ("/api/admin/", "/api/auth/", "/api/mod/", "/api/reports")


def make_app(
    database: Database,
    board: Board,
    site: Site,
    *,
    account: ForumAccount | None = None,
    door: Door | Closed = CLOSED,
    stop: trio.Event | None = None,
    pool_figures: Callable[[], PoolFigures] | None = None,
    trends: Trends | None = None,
    cache: PageCache | None = None,
    live: Live | None = None,
    looks: Looks | None = None,
) -> ASGIFramework:
    """Everything that answers requests, ready to be served; what streams without end ends with `stop`.

    Without the forum's account the forum can only be read, and nobody can sign in while the door is closed. Whoever
    gives a cache, open pages or looks tells them of changes.
    """
    stop, account = trio.Event() if stop is None else stop, account or account_of(None)
    trends, looks = trends or Trends(), looks or Looks(database, site.forum_did, remembers=False)

    def own() -> Vitals:
        return take(board, trends, None if pool_figures is None else pool_figures())

    parts = Parts(database=database, site=site, account=account, door=door, own=own, looks=looks, stop=stop)
    finishing = finish_responses(make_inner_app(parts, live or Live()))
    return log_requests(refuse_oddities(cache_pages(finishing, cache, looks.now) if cache else finishing))


def make_inner_app(parts: Parts, live: Live) -> QuartTrio:
    """The app without its covers."""
    database, site, account, door, stop = parts.database, parts.site, parts.account, parts.door, parts.stop
    desk = desk_of(database, site, door)
    shop = Workshop(database=database, site=site, account=account, looks=parts.looks)
    app = QuartTrio("web", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=LONGEST_BODY, BODY_TIMEOUT=BODY_SECONDS, RESPONSE_TIMEOUT=RESPONSE_SECONDS)
    app.after_request(add_headers)
    add_dressing(app, database, site, parts.looks)
    add_errors(app)
    add_origin_check(app, site)
    add_limits(app, site)
    add_health(app, database, parts.own, account)
    add_openapi(app)
    add_api(app, database, site)
    add_auth(app, database, site, door)
    add_client_documents(app, database, site, door)
    add_sessions(app, database, site, door)
    add_admin(app, database, site, stop)
    add_actors_api(app, database, site, parts.own)
    add_forum_itself(app, database, site, account)
    add_structure(app, database, site, account)
    add_members(app, database, site, account)
    add_roles(app, database, site, account)
    add_themes(app, shop)
    add_moderation(app, database, site, account)
    add_mod_log(app, database, site)
    add_reports(app, database, site, account)
    add_posts(app, desk)
    add_pages(app, parts, desk, shop)
    add_live(app, database, site, live, stop)
    return app


async def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith(PRIVATE):
        response.headers["Cache-Control"] = "no-store"
    return response
