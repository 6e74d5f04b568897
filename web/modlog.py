"""The moderation log for moderators, and the audit for who manages the forum."""

from functools import partial

from quart import Quart, Response

from forum.database import Database
from forum.permissions import BAN_USERS, LOCK_TOPICS, MANAGE_FORUM, MODERATE_POSTS
from forum.reads.audit import ABOVE_IDS, audit_page
from forum.reads.modlog import ABOVE_KEYS, mod_log
from web.answers import answer
from web.params import asked_slice, id_from
from web.shapes import audit_shape, mod_log_shape
from web.signed_in import require
from web.site import Site


def add_mod_log(app: Quart, database: Database, site: Site) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for rule, handler in (("/api/admin/modlog", list_actions), ("/api/admin/audit", list_audit)):
        app.add_url_rule(rule, endpoint=rule, view_func=partial(handler, database, site))


async def list_actions(database: Database, site: Site) -> Response:
    await require(database, site, MODERATE_POSTS, BAN_USERS, LOCK_TOPICS)
    part = asked_slice(default=50, most=100)
    below = ABOVE_KEYS if part.after is None else part.after.uri
    async with database.connection() as connection:
        page = await mod_log(connection, limit=part.limit, offset=part.offset, below=below)
    return answer(mod_log_shape(page, part))


async def list_audit(database: Database, site: Site) -> Response:
    await require(database, site, MANAGE_FORUM)
    part = asked_slice(default=50, most=100)
    below = ABOVE_IDS if part.after is None else id_from(part.after.uri)
    async with database.connection() as connection:
        page = await audit_page(connection, limit=part.limit, offset=part.offset, below=below)
    return answer(audit_shape(page, part))
