"""Members and their roles: who they are, and the grants by which the forum gives roles.

Nobody acts on who is as strong as themself or stronger, nor gives a role as strong as their own. What a ban took away
does not count in this: a banned owner is not weaker than an admin.
"""

from functools import partial

from quart import Quart, Response
from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from actors.agent import ForumAccount
from forum.audit import Entry
from forum.database import Database
from forum.forum_records import grant_record
from forum.own_writes import OwnWrite, show_own_write
from forum.permissions import MANAGE_MEMBERS, MANAGE_ROLES, rank_of
from forum.reads.members import is_known_here, members
from forum.reads.roles import Role, role_at, role_name_of
from forum.records.names import GRANT
from forum.records.syntax import is_did
from web.answers import answer
from web.bodies import asked_object, asked_text, refusing
from web.forum_writing import record_at
from web.params import asked_slice
from web.shapes import Shape, member_list_shape
from web.signed_in import require, signed_in_viewer
from web.site import Site


def add_members(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", "/api/admin/members/me", partial(show_me, database, site)),
        ("GET", "/api/admin/members", partial(list_members, database, site)),
        ("POST", "/api/admin/members/<did>/role", partial(give_role, database, site, account)),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=handler, methods=[method])


async def show_me(database: Database, site: Site) -> Response:
    viewer = await signed_in_viewer(database, site)
    rights = viewer.rights
    shape: Shape = {"did": viewer.did, "handle": viewer.author.handle, "role": rights.role, "roleUri": rights.role_uri}
    return answer({**shape, "permissions": sorted(rights.permissions)})


async def list_members(database: Database, site: Site) -> Response:
    await require(database, site, MANAGE_MEMBERS)
    part = asked_slice(default=100, most=250)
    async with database.connection() as connection:
        page = await members(connection, limit=part.limit, offset=part.offset, after=part.after)
    return answer(member_list_shape(page, part))


async def give_role(database: Database, site: Site, account: ForumAccount, did: str) -> Response:
    actor = await require(database, site, MANAGE_ROLES)
    uri = asked_text(await asked_object(), "roleUri")
    role, write = await assign_role(database, site, account, actor=actor, did=did, uri=uri)
    done: Shape = {"success": True, "roleAssigned": role.name, "targetDid": did}
    return answer({**done, "uri": write.uri, "cid": write.cid})


async def assign_role(
    database: Database, site: Site, account: ForumAccount, *, actor: str, did: str, uri: str
) -> tuple[Role, OwnWrite]:
    """Write the grant that decides from now on."""
    if not is_did(did):
        raise BadRequest("The member is named by a DID.")
    role, before = await permitted_role(database, site, uri, actor=actor, target=did)
    found = await record_at(account, role.uri)
    with refusing():
        grant = grant_record(did, found, by=actor)
    write = await account.create(GRANT, grant)
    entry = Entry(actor=actor, act="giveRole", subject=did, before={"role": before}, after=grant)
    await show_own_write(database, write, forum_did=site.forum_did, entry=entry)
    return role, write


async def permitted_role(
    database: Database, site: Site, uri: str, *, actor: str, target: str
) -> tuple[Role, str | None]:
    """The role, if there is one and both it and the target are weaker than who gives it; and that which they had."""
    async with database.connection() as connection:
        role = await role_at(connection, uri)
        if role is None:
            raise NotFound("There is no such role.")
        if not await is_known_here(connection, target, forum_did=site.forum_did):
            raise NotFound("There is no such member.")
        own = await rank_of(connection, actor, forum_did=site.forum_did)
        theirs = await rank_of(connection, target, forum_did=site.forum_did)
        before = await role_name_of(connection, target)
    if min(theirs, role.priority) <= own:
        raise Forbidden("Insufficient permissions")
    return role, before
