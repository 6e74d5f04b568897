"""The public reads of the JSON API. Each handler parses, calls one function of `forum.reads`, renders."""

from functools import partial

from quart import Quart, Response
from werkzeug.exceptions import NotFound

from forum.database import Database
from forum.reads.boards import all_boards, board_by_id, boards_of
from forum.reads.categories import all_categories, category_by_id
from forum.reads.forum import forum_at
from forum.reads.pages import topic_page
from forum.reads.topics import topics_of
from web.answers import answer
from web.params import asked_slice, asked_sort, id_from
from web.shapes import board_shape, category_shape, forum_shape, topic_list_shape, topic_page_shape
from web.site import Site


def add_api(app: Quart, database: Database, site: Site) -> None:
    """Hang the handlers into the app, each with what it needs."""
    handlers = {
        "/api/forum": partial(show_forum, database, site),
        "/api/categories": partial(list_categories, database),
        "/api/categories/<category_id>": partial(show_category, database),
        "/api/categories/<category_id>/boards": partial(list_category_boards, database),
        "/api/boards": partial(list_boards, database),
        "/api/boards/<board_id>": partial(show_board, database),
        "/api/boards/<board_id>/topics": partial(list_topics, database, site),
        "/api/topics/<topic_id>": partial(show_topic, database, site),
    }
    for rule, handler in handlers.items():
        app.add_url_rule(rule, endpoint=rule, view_func=handler)


async def show_forum(database: Database, site: Site) -> Response:
    async with database.connection() as connection:
        forum = await forum_at(connection, site.forum_uri)
    if forum is None:
        raise NotFound("The forum has no record yet.")
    return answer(forum_shape(forum, site))


async def list_categories(database: Database) -> Response:
    async with database.connection() as connection:
        categories = await all_categories(connection)
    return answer({"categories": [category_shape(category) for category in categories]})


async def show_category(database: Database, category_id: str) -> Response:
    number = id_from(category_id)
    async with database.connection() as connection:
        category = await category_by_id(connection, number)
    if category is None:
        raise NotFound("There is no such category.")
    return answer(category_shape(category))


async def list_category_boards(database: Database, category_id: str) -> Response:
    number = id_from(category_id)
    async with database.connection() as connection:
        category = await category_by_id(connection, number)
        boards = () if category is None else await boards_of(connection, category.uri)
    if category is None:
        raise NotFound("There is no such category.")
    return answer({"boards": [board_shape(board) for board in boards]})


async def list_boards(database: Database) -> Response:
    async with database.connection() as connection:
        boards = await all_boards(connection)
    return answer({"boards": [board_shape(board) for board in boards]})


async def show_board(database: Database, board_id: str) -> Response:
    number = id_from(board_id)
    async with database.connection() as connection:
        board = await board_by_id(connection, number)
    if board is None:
        raise NotFound("There is no such board.")
    return answer(board_shape(board))


async def list_topics(database: Database, site: Site, board_id: str) -> Response:
    number, part, sort = id_from(board_id), asked_slice(default=25, most=100), asked_sort()
    async with database.connection() as connection:
        page = await topics_of(connection, number, sort=sort, limit=part.limit, offset=part.offset, after=part.after)
    if page is None:
        raise NotFound("There is no such board.")
    return answer(topic_list_shape(page, part, site))


async def show_topic(database: Database, site: Site, topic_id: str) -> Response:
    number, part = id_from(topic_id), asked_slice(default=25, most=250)
    async with database.connection() as connection:
        page = await topic_page(connection, number, limit=part.limit, offset=part.offset, after=part.after)
    if page is None:
        raise NotFound("There is no such topic.")
    return answer(topic_page_shape(page, part, site))
