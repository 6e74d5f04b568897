"""Categories and boards by the API, for those who may arrange the forum; see `arranging.py`."""

from functools import partial

from quart import Quart, Response
from werkzeug.exceptions import NotFound

from actors.agent import ForumAccount
from forum.database import Database
from forum.permissions import MANAGE_CATEGORIES
from forum.reads.boards import board_by_id
from forum.reads.categories import category_by_id
from web import arranging
from web.answers import answer
from web.bodies import asked_fields, asked_object, asked_text
from web.forum_writing import answer_of, pen_for
from web.params import id_from
from web.site import Site

FIELDS = ("name", "description", "slug", "sortOrder")


def add_structure(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("POST", "/api/admin/categories", add_category),
        ("PUT", "/api/admin/categories/<category_id>", change_category),
        ("DELETE", "/api/admin/categories/<category_id>", remove_category),
        ("POST", "/api/admin/boards", add_board),
        ("PUT", "/api/admin/boards/<board_id>", change_board),
        ("DELETE", "/api/admin/boards/<board_id>", remove_board),
    ):
        view = partial(handler, database, site, account)
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=view, methods=[method])


async def add_category(database: Database, site: Site, account: ForumAccount) -> Response:
    pen = await pen_for(database, site, account, MANAGE_CATEGORIES)
    return answer_of(await arranging.add_category(pen, asked_fields(await asked_object(), *FIELDS)), status=201)


async def change_category(database: Database, site: Site, account: ForumAccount, category_id: str) -> Response:
    pen = await pen_for(database, site, account, MANAGE_CATEGORIES)
    uri, fields = await category_uri(database, category_id), asked_fields(await asked_object(), *FIELDS)
    return answer_of(await arranging.change_category(pen, uri, fields))


async def remove_category(database: Database, site: Site, account: ForumAccount, category_id: str) -> Response:
    pen = await pen_for(database, site, account, MANAGE_CATEGORIES)
    await arranging.remove_category(pen, await category_uri(database, category_id))
    return answer({"success": True})


async def add_board(database: Database, site: Site, account: ForumAccount) -> Response:
    pen = await pen_for(database, site, account, MANAGE_CATEGORIES)
    body = await asked_object()
    category = asked_text(body, "categoryUri")
    return answer_of(await arranging.add_board(pen, asked_fields(body, *FIELDS), category_uri=category), status=201)


async def change_board(database: Database, site: Site, account: ForumAccount, board_id: str) -> Response:
    """With a categoryUri it moves there."""
    pen = await pen_for(database, site, account, MANAGE_CATEGORIES)
    uri, body = await board_uri(database, board_id), await asked_object()
    category = asked_text(body, "categoryUri") if "categoryUri" in body else None
    return answer_of(await arranging.change_board(pen, uri, asked_fields(body, *FIELDS), category_uri=category))


async def remove_board(database: Database, site: Site, account: ForumAccount, board_id: str) -> Response:
    pen = await pen_for(database, site, account, MANAGE_CATEGORIES)
    await arranging.remove_board(pen, await board_uri(database, board_id))
    return answer({"success": True})


async def category_uri(database: Database, category_id: str) -> str:
    number = id_from(category_id)
    async with database.connection() as connection:
        category = await category_by_id(connection, number)
    if category is None:
        raise NotFound("There is no such category.")
    return category.uri


async def board_uri(database: Database, board_id: str) -> str:
    number = id_from(board_id)
    async with database.connection() as connection:
        board = await board_by_id(connection, number)
    if board is None:
        raise NotFound("There is no such board.")
    return board.uri
