"""Roles: all there are, with how many hold each; forms to make and change those weaker than one's own, and their end.

What is done, `web/ranking.py` does, as by the API. Addresses are made of record keys, as those of all pages.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from quart import Quart, Response, redirect
from werkzeug.exceptions import Forbidden, HTTPException, NotFound
from werkzeug.wrappers import Response as Redirection

from actors.agent import ForumAccount
from forum.database import Database
from forum.permissions import BUILT_IN, MANAGE_MEMBERS, MANAGE_ROLES
from forum.reads.roles import all_roles, default_role, holders
from forum.records.names import ROLE
from web import ranking
from web.pages import links
from web.pages.admin.forms import LONGEST_DESCRIPTION, LONGEST_NAME, Form, again, asked_form
from web.pages.admin.panel import Desk, admitted, panel, pen_of, told_of
from web.pages.admin.role_form import (
    FIELDS,
    PATH,
    WRITING,
    Matter,
    beginning,
    boxes,
    called,
    faults_in,
    shown_in,
    written,
)
from web.pages.refusals import FORESEEN, Refusal
from web.pages.who import keep_form
from web.site import Site

BUILT_IN_PATH: Final = f"{PATH}/built-in"


def add_role_pages(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", PATH, show_roles),
        ("POST", BUILT_IN_PATH, write_built_in),
        ("GET", f"{PATH}/{links.NEW}", open_form),
        ("POST", f"{PATH}/{links.NEW}", save),
        ("GET", f"{PATH}/<rkey>", open_form),
        ("POST", f"{PATH}/<rkey>", save),
        ("GET", f"{PATH}/<rkey>/delete", ask_to_remove),
        ("POST", f"{PATH}/<rkey>/delete", remove),
    ):
        endpoint, view = f"{method} {rule}", partial(handler, database, site, account)
        app.add_url_rule(rule, endpoint=endpoint, view_func=view, methods=[method])
        if handler is save:
            keep_form(app, endpoint, view)


async def show_roles(database: Database, site: Site, account: ForumAccount) -> Response:
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_ROLES)
    return await roles_page(database, site, account, desk)


async def write_built_in(database: Database, site: Site, account: ForumAccount) -> Response | Redirection:
    """Only where there are no others: with the first of those they are over."""
    desk, matter = await matter_of(database, site, None)
    try:
        if not matter.roles:
            await ranking.write_built_in(pen_of(database, site, account, desk))
    except FORESEEN as error:
        return await roles_page(database, site, account, desk, await told_of(error))
    return redirect(PATH, code=303)


async def open_form(database: Database, site: Site, account: ForumAccount, rkey: str | None = None) -> Response:
    desk, matter = await matter_of(database, site, rkey)
    return form_page(site, account, desk, matter, beginning(matter))


async def save(
    database: Database,
    site: Site,
    account: ForumAccount,
    rkey: str | None = None,
    refusal: HTTPException | None = None,
) -> Response | Redirection:
    form, desk, matter = await asked_form(*FIELDS), None, Matter(rkey=rkey)
    try:
        desk, matter = await matter_of(database, site, rkey)
        if refusal is not None:
            raise refusal
        form = replace(form, faults=faults_in(matter, form.typed))
        if not form.faults:
            write = await written(pen_of(database, site, account, desk), matter, form)
            return redirect(f"{PATH}#{write.rkey}", code=303)
    except FORESEEN as error:
        form = await again(form, error, account, uri_of(site, rkey), shown_in)
    return form_page(site, account, desk, matter, form)


async def ask_to_remove(database: Database, site: Site, account: ForumAccount, rkey: str) -> Response:
    desk, matter = await matter_of(database, site, rkey)
    return await remove_page(database, site, account, desk, matter)


async def remove(database: Database, site: Site, account: ForumAccount, rkey: str) -> Response | Redirection:
    desk, matter = await matter_of(database, site, rkey)
    try:
        await ranking.remove_role(pen_of(database, site, account, desk), uri_of(site, rkey))
    except FORESEEN as error:
        return await remove_page(database, site, account, desk, matter, await told_of(error))
    return redirect(PATH, code=303)


async def matter_of(database: Database, site: Site, rkey: str | None) -> tuple[Desk, Matter]:
    """What a page is about, for who may: 401, 403 and 404 otherwise."""
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_ROLES)
        roles = await all_roles(connection)
    own, there = desk.viewer.rights, next((role for role in roles if role.uri == uri_of(site, rkey)), None)
    if rkey is not None and there is None:
        raise NotFound("There is no such role.")
    if there is not None and there.priority <= own.priority:
        raise Forbidden("Insufficient permissions")
    return desk, Matter(rkey=rkey, roles=roles, there=there, own=own)


def uri_of(site: Site, rkey: str | None) -> str:
    return f"at://{site.forum_did}/{ROLE}/{rkey}"


async def roles_page(
    database: Database, site: Site, account: ForumAccount, desk: Desk, refusal: Refusal | None = None
) -> Response:
    async with database.connection() as connection:
        roles, default, held = await all_roles(connection), await default_role(connection), await holders(connection)
    return panel(
        site, "roles.html", desk, account=account, refusal=refusal,
        roles=roles, default=default, held=held, own=desk.viewer.rights, called=called,
        built_in=[] if roles else list(BUILT_IN.values()), built_in_path=BUILT_IN_PATH,
        sees_members=desk.viewer.may(MANAGE_MEMBERS),
    )  # fmt: skip


def form_page(site: Site, account: ForumAccount, desk: Desk | None, matter: Matter, form: Form) -> Response:
    return panel(
        site, "role.html", desk, account=account, status=form.status, refusal=form.refusal,
        matter=matter, form=form, boxes=boxes(matter), writing=WRITING,
        longest_name=LONGEST_NAME, longest_description=LONGEST_DESCRIPTION,
    )  # fmt: skip


async def remove_page(
    database: Database, site: Site, account: ForumAccount, desk: Desk, matter: Matter, refusal: Refusal | None = None
) -> Response:
    """Asks once more; or says what stands in the way."""
    there = matter.there
    assert there is not None
    async with database.connection() as connection:
        default, count = await default_role(connection), (await holders(connection)).get(there.uri, 0)
    why = "default" if default.uri == there.uri else "held" if count else None
    return panel(
        site, "remove.html", desk, account=account, refusal=refusal,
        name=there.name, word="role", back=PATH, at=f"{matter.path}/delete",
        held=(why, count) if why and refusal is None else None,
    )  # fmt: skip
