"""Who asks, and whether they may: called at the top of handlers that are not for everybody."""

from quart import request
from werkzeug.exceptions import Forbidden, Unauthorized

from forum.database import Database
from forum.reads.viewers import Viewer, viewer_of
from forum.sessions import did_of
from web.site import Site

COOKIE = "atbb_session"


async def signed_in(database: Database) -> str:
    """The DID of who asks, or 401."""
    token = sent_token()
    async with database.connection() as connection:
        did = await did_of(connection, token)
    if did is None:
        raise Unauthorized("Authentication required")
    return did


async def require(database: Database, site: Site, *permissions: str) -> str:
    """The DID of who asks; 401 when nobody is signed in, 403 without any of the permissions."""
    return (await required_viewer(database, site, *permissions)).did


async def required_viewer(database: Database, site: Site, *permissions: str) -> Viewer:
    """The same, with all they may."""
    viewer = await signed_in_viewer(database, site)
    if not viewer.may(*permissions):
        raise Forbidden("Insufficient permissions")
    return viewer


async def signed_in_viewer(database: Database, site: Site) -> Viewer:
    """Who asks, or 401."""
    token = sent_token()
    async with database.connection() as connection:
        viewer = await viewer_of(connection, token, forum_did=site.forum_did)
    if viewer is None:
        raise Unauthorized("Authentication required")
    return viewer


def sent_token() -> str:
    """The session's cookie, or 401; the database is not asked for what was not sent."""
    token = request.cookies.get(COOKIE)
    if not token:
        raise Unauthorized("Authentication required")
    return token
