"""Members: found by handle or page by page, each with their role, which who may changes; newcomers to be approved."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from quart import Quart, Response, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Redirection

from actors.agent import ForumAccount
from forum.database import Connection, Database
from forum.permissions import CREATE_POSTS, EVERYTHING, MANAGE_MEMBERS, MANAGE_ROLES
from forum.reads.decisions import weaker
from forum.reads.members import (
    Holder,
    Member,
    holders_of,
    members,
    members_named,
    members_waiting,
    waiting_count,
)
from forum.reads.roles import Role, all_roles, default_role, role_at
from forum.records.names import ROLE
from forum.records.syntax import is_at_uri
from web.members import assign_role
from web.next_path import local_path
from web.pages.admin.panel import Desk, admitted, panel
from web.pages.links import fragment
from web.pages.refusals import FORESEEN, Refusal, refusal_of
from web.params import cursor_for, place_from
from web.site import Site

AT_ONCE: Final = 50
PATH: Final = "/admin/members"
MEMBER_ROLE: Final = "Member"  # as a forum is founded with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Those who are shown, and what was asked for: a name, who waits, who has a role; or a page of them all."""

    found: Sequence[Member | Holder]
    name: str = ""
    waits: bool = False
    role: Role | None = None
    total: int | None = None
    older: str | None = None


def add_people(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    app.add_url_rule(PATH, endpoint=PATH, view_func=partial(show_members, database, site))
    rule = f"{PATH}/<did>/role"
    app.add_url_rule(rule, endpoint=rule, view_func=partial(change_role, database, site, account), methods=["POST"])


async def show_members(database: Database, site: Site) -> Response:
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_MEMBERS)
        return await member_page(connection, site, desk)


async def change_role(database: Database, site: Site, account: ForumAccount, did: str) -> Response | Redirection:
    form = await request.form
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_ROLES)
    try:
        await assign_role(database, site, account, actor=desk.viewer.did, did=did, uri=form.get("role", ""))
    except FORESEEN as error:
        refusal = await refusal_of(error)
        async with database.connection() as connection:
            return await member_page(connection, site, desk, name=did, refusal=refusal)
    back = local_path(form.get("next"))
    return redirect((back if back.startswith(PATH) else PATH) + fragment(did), code=303)


async def member_page(
    connection: Connection, site: Site, desk: Desk, *, name: str | None = None, refusal: Refusal | None = None
) -> Response:
    """What was asked for of the list; or the one member of that DID."""
    listed = await asked_list(connection, site, name)
    rank, may_give = desk.viewer.rights.priority, desk.viewer.may(MANAGE_ROLES)
    there = await all_roles(connection) if may_give else ()
    roles = [role for role in there if role.priority > rank]
    return panel(
        site, "members.html", desk, refusal=refusal,
        listed=listed, roles=roles, letting_in=role_for_newcomers(roles),
        beneath=await weaker(connection, rank, [one.did for one in listed.found], forum_did=site.forum_did),
        by_approval=(await default_role(connection)).asked is None,
        waiting=await waiting_count(connection, forum_did=site.forum_did),
        needs_roles=may_give and not there,
        back=request.full_path.rstrip("?") if request.method == "GET" else PATH,
    )  # fmt: skip


async def asked_list(connection: Connection, site: Site, name: str | None) -> Listed:
    name = (name or request.args.get("name", "")).strip().lstrip("@").lower()[:300].replace("\0", "")
    if name:
        return Listed(found=await members_named(connection, name, limit=AT_ONCE), name=name)
    if "waiting" in request.args:
        found = await members_waiting(connection, forum_did=site.forum_did, limit=AT_ONCE)
        return Listed(found=found, waits=True)
    if "role" in request.args:
        uri = f"at://{site.forum_did}/{ROLE}/{request.args['role']}"
        role = await role_at(connection, uri) if is_at_uri(uri) else None
        if role is None:
            raise NotFound("There is no such role.")
        return Listed(found=await holders_of(connection, uri, limit=AT_ONCE), role=role)
    after = place_from(request.args["before"]) if "before" in request.args else None
    page = await members(connection, limit=AT_ONCE, offset=0, after=after)
    older = None if page.next is None else f"{PATH}?before={cursor_for(page.next)}"
    return Listed(found=page.members, total=page.total, older=older)


def role_for_newcomers(roles: Sequence[Role]) -> Role | None:
    """With which one is let in: as a member, or with the weakest role by which one can write."""
    writing = [role for role in roles if {EVERYTHING, CREATE_POSTS} & set(role.permissions)]
    return next((role for role in roles if role.name == MEMBER_ROLE), writing[-1] if writing else None)
