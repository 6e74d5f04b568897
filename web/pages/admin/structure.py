"""Categories and boards: all there are, in their order; forms to make and change them, ways to move and remove them.

What is done, `web/arranging.py` does, as by the API. Addresses are made of record keys, as those of all pages.
"""

from dataclasses import replace
from functools import partial

from quart import Quart, Response, redirect, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as Redirection

from actors.agent import ForumAccount
from forum.database import Database
from forum.permissions import MANAGE_CATEGORIES
from forum.reads.structure import Category, Structure, structure_of
from web import arranging
from web.pages import links
from web.pages.admin.forms import LONGEST_DESCRIPTION, LONGEST_NAME, Form, again, asked_form
from web.pages.admin.panel import Desk, admitted, panel, pen_of, told_of
from web.pages.admin.structure_form import (
    BOARDS,
    CATEGORIES,
    FIELDS,
    PATH,
    Kind,
    Matter,
    faults_in,
    shown,
    shown_in,
    written,
)
from web.pages.refusals import FORESEEN, Refusal
from web.pages.who import keep_form
from web.site import Site


def add_structure_pages(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    app.add_url_rule(PATH, endpoint=PATH, view_func=partial(show_structure, database, site, account))
    for kind in (CATEGORIES, BOARDS):
        for method, rule, handler in (
            ("GET", f"{kind.path}/{links.NEW}", open_form),
            ("POST", f"{kind.path}/{links.NEW}", save),
            ("GET", f"{kind.path}/<rkey>", open_form),
            ("POST", f"{kind.path}/<rkey>", save),
            ("POST", f"{kind.path}/<rkey>/move", move),
            ("GET", f"{kind.path}/<rkey>/delete", ask_to_remove),
            ("POST", f"{kind.path}/<rkey>/delete", remove),
        ):
            endpoint, view = f"{method} {rule}", partial(handler, database, site, account, kind)
            app.add_url_rule(rule, endpoint=endpoint, view_func=view, methods=[method])
            if handler is save:
                keep_form(app, endpoint, view)


async def show_structure(database: Database, site: Site, account: ForumAccount) -> Response:
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_CATEGORIES)
        structure = await structure_of(connection)
    return structure_page(site, account, desk, structure)


async def open_form(
    database: Database, site: Site, account: ForumAccount, kind: Kind, rkey: str | None = None
) -> Response:
    desk, matter = await matter_of(database, site, kind, rkey)
    there, asked = matter.there, request.args.get("category", "")
    typed = shown(there) if there else dict.fromkeys(FIELDS, "") | {"category": asked}
    return form_page(site, account, desk, matter, Form(typed=typed, seen=(there and there.cid) or ""))


async def save(
    database: Database,
    site: Site,
    account: ForumAccount,
    kind: Kind,
    rkey: str | None = None,
    refusal: HTTPException | None = None,
) -> Response | Redirection:
    form, desk, matter = await asked_form(*FIELDS), None, Matter(kind=kind, rkey=rkey)
    try:
        desk, matter = await matter_of(database, site, kind, rkey)
        if refusal is not None:
            raise refusal
        form = replace(form, faults=faults_in(matter, form.typed))
        if not form.faults:
            write = await written(pen_of(database, site, account, desk), matter, form)
            return redirect(f"{PATH}#{write.rkey}", code=303)
    except FORESEEN as error:
        form = await again(form, error, account, uri_of(site, kind, rkey), shown_in)
    return form_page(site, account, desk, matter, form)


async def move(database: Database, site: Site, account: ForumAccount, kind: Kind, rkey: str) -> Response | Redirection:
    """Past the one that stood beside it when the page was made: so twice is no further than once."""
    asked = await request.form
    desk, matter = await matter_of(database, site, kind, rkey)
    beside, is_before = asked.get("before") or asked.get("after"), "before" in asked
    pen, uri = pen_of(database, site, account, desk), uri_of(site, kind, rkey)
    try:
        await arranging.move(pen, uri, beside=uri_of(site, kind, beside), is_before=is_before)
    except FORESEEN as error:
        return structure_page(site, account, desk, matter.structure, await told_of(error))
    return redirect(f"{PATH}#{rkey}", code=303)


async def ask_to_remove(database: Database, site: Site, account: ForumAccount, kind: Kind, rkey: str) -> Response:
    return remove_page(site, account, *await matter_of(database, site, kind, rkey))


async def remove(
    database: Database, site: Site, account: ForumAccount, kind: Kind, rkey: str
) -> Response | Redirection:
    desk, matter = await matter_of(database, site, kind, rkey)
    act = arranging.remove_category if kind is CATEGORIES else arranging.remove_board
    try:
        await act(pen_of(database, site, account, desk), uri_of(site, kind, rkey))
    except FORESEEN as error:
        return remove_page(site, account, desk, matter, await told_of(error))
    return redirect(PATH, code=303)


async def matter_of(database: Database, site: Site, kind: Kind, rkey: str | None) -> tuple[Desk, Matter]:
    """What a page is about, for who may: 401, 403, 404 otherwise."""
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_CATEGORIES)
        structure = await structure_of(connection)
    uri = uri_of(site, kind, rkey)
    there = structure.category(uri) if kind is CATEGORIES else structure.board(uri)
    if rkey is not None and there is None:
        raise NotFound(f"There is no such {kind.word}.")
    return desk, Matter(kind=kind, rkey=rkey, structure=structure, there=there)


def uri_of(site: Site, kind: Kind, rkey: str | None) -> str:
    return f"at://{site.forum_did}/{kind.collection}/{rkey}"


def structure_page(
    site: Site, account: ForumAccount, desk: Desk, structure: Structure, refusal: Refusal | None = None
) -> Response:
    return panel(site, "structure.html", desk, account=account, refusal=refusal, structure=structure)


def form_page(site: Site, account: ForumAccount, desk: Desk | None, matter: Matter, form: Form) -> Response:
    return panel(
        site, "place.html", desk, account=account, status=form.status, refusal=form.refusal,
        matter=matter, form=form, is_board=matter.kind is BOARDS,
        longest_name=LONGEST_NAME, longest_description=LONGEST_DESCRIPTION,
    )  # fmt: skip


def remove_page(
    site: Site, account: ForumAccount, desk: Desk, matter: Matter, refusal: Refusal | None = None
) -> Response:
    """Asks once more; or says what stands in the way, as far as that is seen without searching."""
    there = matter.there
    assert there is not None
    held = ("boards", len(there.boards)) if isinstance(there, Category) else ("topics", there.topic_count)
    return panel(
        site, "remove.html", desk, account=account, refusal=refusal,
        name=there.name, word=matter.kind.word, back=PATH, at=f"{matter.path}/delete",
        held=held if held[1] and refusal is None else None,
    )  # fmt: skip
