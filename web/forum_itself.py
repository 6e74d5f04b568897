"""The forum's own record, which says what it is called and what it is about: changed by those who run it."""

from functools import partial

from quart import Quart, Response

from actors.agent import ForumAccount
from forum.database import Database
from forum.forum_records import Fields, forum_record
from forum.own_writes import OwnWrite
from forum.permissions import MANAGE_FORUM
from web.bodies import asked_fields, asked_object, refusing
from web.forum_writing import Pen, answer_of, pen_for
from web.site import Site

FIELDS = ("name", "description")


def add_forum_itself(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    rule, view = "/api/admin/forum", partial(set_forum, database, site, account)
    app.add_url_rule(rule, endpoint=f"PUT {rule}", view_func=view, methods=["PUT"])


async def set_forum(database: Database, site: Site, account: ForumAccount) -> Response:
    pen = await pen_for(database, site, account, MANAGE_FORUM)
    return answer_of(await change_forum(pen, asked_fields(await asked_object(), *FIELDS)))


async def change_forum(pen: Pen, fields: Fields, *, seen: str | None = None) -> OwnWrite:
    """What the fields do not name stays."""
    found = await pen.found(pen.site.forum_uri, seen=seen)
    with refusing():
        record = forum_record({**(found.record or {}), **fields})
    return await pen.put("changeForum", found, record)
