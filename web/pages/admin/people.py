"""Members: found by handle or page by page, each with their role, which who may changes; newcomers to be approved."""

from functools import partial
from typing import Final

from quart import Quart, Response, redirect, request
from werkzeug.wrappers import Response as Redirection

from actors.agent import ForumAccount
from forum.database import Connection, Database
from forum.permissions import MANAGE_MEMBERS, MANAGE_ROLES
from forum.reads.decisions import weaker
from forum.reads.members import Member, members, members_named, members_waiting
from forum.reads.roles import all_roles
from web.members import assign_role
from web.next_path import local_path
from web.pages.admin.panel import Desk, admitted, panel
from web.pages.refusals import FORESEEN, Refusal, refusal_of
from web.params import cursor_for, place_from
from web.site import Site

AT_ONCE: Final = 50
PATH: Final = "/admin/members"


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
    return redirect(back if back.startswith(PATH) else PATH, code=303)


async def member_page(
    connection: Connection, site: Site, desk: Desk, *, name: str | None = None, refusal: Refusal | None = None
) -> Response:
    """What was asked for of the list; or the one member of that DID."""
    name = (name or request.args.get("name", "")).strip().lstrip("@").lower()[:300].replace("\0", "")
    waits, older, total = "waiting" in request.args, None, None
    if name:
        found: tuple[Member, ...] = await members_named(connection, name, limit=AT_ONCE)
    elif waits:
        found = await members_waiting(connection, limit=AT_ONCE)
    else:
        after = place_from(request.args["before"]) if "before" in request.args else None
        page = await members(connection, limit=AT_ONCE, offset=0, after=after)
        found, total = page.members, page.total
        older = None if page.next is None else f"{PATH}?before={cursor_for(page.next)}"
    rank, may_give = desk.viewer.rights.priority, desk.viewer.may(MANAGE_ROLES)
    roles = [role for role in await all_roles(connection) if role.priority > rank] if may_give else []
    beneath = await weaker(connection, rank, [one.did for one in found], forum_did=site.forum_did)
    return panel(
        site, "members.html", desk, refusal=refusal,
        found=found, total=total, older=older, name=name, waits=waits, roles=roles, beneath=beneath,
        back=request.full_path.rstrip("?") if request.method == "GET" else PATH,
    )  # fmt: skip
