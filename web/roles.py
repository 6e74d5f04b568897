"""Roles by the API, for those who manage them; see `ranking.py`. Making and changing them is ours."""

from functools import partial

from quart import Quart, Response
from werkzeug.exceptions import NotFound

from actors.agent import ForumAccount
from forum.database import Database
from forum.permissions import MANAGE_ROLES
from forum.reads.roles import all_roles, role_by_id
from web import ranking
from web.answers import answer
from web.bodies import asked_fields, asked_object
from web.forum_writing import answer_of, pen_for
from web.params import id_from
from web.shapes import role_shape
from web.signed_in import signed_in
from web.site import Site

FIELDS = ("name", "description", "permissions", "priority")


def add_roles(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", "/api/admin/roles", partial(list_roles, database)),
        ("POST", "/api/admin/roles", partial(add_role, database, site, account)),
        ("PUT", "/api/admin/roles/<role_id>", partial(change_role, database, site, account)),
        ("DELETE", "/api/admin/roles/<role_id>", partial(remove_role, database, site, account)),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=handler, methods=[method])


async def list_roles(database: Database) -> Response:
    await signed_in(database)
    async with database.connection() as connection:
        return answer([role_shape(role) for role in await all_roles(connection)])


async def add_role(database: Database, site: Site, account: ForumAccount) -> Response:
    pen = await pen_for(database, site, account, MANAGE_ROLES)
    return answer_of(await ranking.add_role(pen, asked_fields(await asked_object(), *FIELDS)), status=201)


async def change_role(database: Database, site: Site, account: ForumAccount, role_id: str) -> Response:
    pen = await pen_for(database, site, account, MANAGE_ROLES)
    uri, fields = await role_uri(database, role_id), asked_fields(await asked_object(), *FIELDS)
    return answer_of(await ranking.change_role(pen, uri, fields))


async def remove_role(database: Database, site: Site, account: ForumAccount, role_id: str) -> Response:
    pen = await pen_for(database, site, account, MANAGE_ROLES)
    await ranking.remove_role(pen, await role_uri(database, role_id))
    return answer({"success": True})


async def role_uri(database: Database, role_id: str) -> str:
    number = id_from(role_id)
    async with database.connection() as connection:
        role = await role_by_id(connection, number)
    if role is None:
        raise NotFound("There is no such role.")
    return role.uri
