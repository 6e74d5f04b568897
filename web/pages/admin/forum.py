"""What the forum is called and what it is about, to be changed; and what the daemon's settings say, to be read."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from quart import Quart, Response, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Redirection

from actors.agent import ForumAccount
from forum.database import Connection, Database
from forum.own_writes import Record
from forum.permissions import MANAGE_FORUM
from forum.reads.latest import Names, names
from forum.reads.roles import DefaultRole, default_role
from forum.reads.writing import forum_ref
from web.forum_itself import FIELDS, change_forum
from web.pages.admin.forms import (
    LONGEST_DESCRIPTION,
    LONGEST_FORUM_NAME,
    Form,
    Shown,
    again,
    asked_form,
    faults_in_texts,
    texts_of,
)
from web.pages.admin.panel import Desk, admitted, panel, pen_of
from web.pages.refusals import FORESEEN
from web.pages.who import keep_form
from web.site import Site

PATH: Final = "/admin/forum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What there is. `seen` is the version of the record, None where it is not here."""

    names: Names
    seen: str | None
    default: DefaultRole


def add_forum_page(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, handler in (("GET", open_form), ("POST", save)):
        view = partial(handler, database, site, account)
        app.add_url_rule(PATH, endpoint=f"{method} {PATH}", view_func=view, methods=[method])
    keep_form(app, f"POST {PATH}", partial(save, database, site, account))


async def open_form(database: Database, site: Site, account: ForumAccount) -> Response:
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_FORUM)
        matter = await matter_of(connection, site)
    typed = {"name": matter.names.forum or "", "description": matter.names.description or ""}
    return form_page(site, account, desk, matter, Form(typed=typed, seen=matter.seen or ""))


async def save(
    database: Database, site: Site, account: ForumAccount, refusal: HTTPException | None = None
) -> Response | Redirection:
    form, desk, matter = await asked_form(*FIELDS), None, None
    try:
        async with database.connection() as connection:
            desk = await admitted(connection, site, MANAGE_FORUM)
            matter = await matter_of(connection, site)
        if refusal is not None:
            raise refusal
        form = replace(form, faults=faults_in_texts(form.typed, longest_name=LONGEST_FORUM_NAME))
        if not form.faults:
            fields = {name: form.typed[name] or None for name in FIELDS}
            await change_forum(pen_of(database, site, account, desk), fields, seen=form.seen or None)
            return redirect(f"{PATH}?saved", code=303)
    except FORESEEN as error:
        form = await again(form, error, account, site.forum_uri, shown_in)
    return form_page(site, account, desk, matter, form)


async def matter_of(connection: Connection, site: Site) -> Matter:
    ref = await forum_ref(connection, site.forum_did)
    return Matter(
        names=await names(connection, site.forum_uri),
        seen=None if ref is None else ref.cid,
        default=await default_role(connection),
    )


def shown_in(record: Record) -> Shown:
    return texts_of(record, *FIELDS)


def form_page(site: Site, account: ForumAccount, desk: Desk | None, matter: Matter | None, form: Form) -> Response:
    return panel(
        site, "forum.html", desk, account=account, status=form.status, refusal=form.refusal,
        matter=matter, form=form, is_saved="saved" in request.args and form.status == 200,
        address=site.public_origin, did=site.forum_did,
        longest_name=LONGEST_FORUM_NAME, longest_description=LONGEST_DESCRIPTION,
    )  # fmt: skip
