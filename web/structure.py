"""Categories and boards, as those who may arrange the forum make, change and remove them (contract.md §2).

A change goes to the forum's repository first, over the record that is there now, and is then in the index before it is
answered. Whoever changed the same record in between is not overwritten.
"""

from functools import partial

from quart import Quart, Response
from werkzeug.exceptions import Conflict, NotFound

from actors.agent import ForumAccount
from forum.audit import Entry, State
from forum.database import Database
from forum.forum_records import board_record, category_record
from forum.own_writes import OwnWrite, show_own_write
from forum.permissions import MANAGE_CATEGORIES
from forum.protocol.events import RecordOp
from forum.reads.boards import board_by_id, has_boards, has_posts
from forum.reads.categories import category_by_id
from forum.records.names import BOARD, CATEGORY
from forum.records.syntax import parse_at_uri
from web.answers import answer
from web.bodies import Body, asked_fields, asked_object, asked_text, refusing
from web.params import id_from
from web.signed_in import require
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
    actor = await require(database, site, MANAGE_CATEGORIES)
    body = await asked_object()
    with refusing():
        record = category_record(asked_fields(body, *FIELDS))
    write = await account.create(CATEGORY, record)
    return await told(database, site, write, actor=actor, act="addCategory", status=201)


async def change_category(database: Database, site: Site, account: ForumAccount, category_id: str) -> Response:
    actor = await require(database, site, MANAGE_CATEGORIES)
    uri, body = await category_uri(database, category_id), await asked_object()
    found = await record_at(account, uri)
    with refusing():
        record = category_record({**(found.record or {}), **asked_fields(body, *FIELDS)})
    write = await account.put(CATEGORY, found.rkey, record, swap=found.cid)
    return await told(database, site, write, actor=actor, act="changeCategory", before=found.record)


async def remove_category(database: Database, site: Site, account: ForumAccount, category_id: str) -> Response:
    actor = await require(database, site, MANAGE_CATEGORIES)
    uri = await category_uri(database, category_id)
    async with database.connection() as connection:
        if await has_boards(connection, uri):
            raise Conflict("The category still has boards.")
    return await removed(database, site, account, uri, actor=actor, act="removeCategory")


async def add_board(database: Database, site: Site, account: ForumAccount) -> Response:
    actor = await require(database, site, MANAGE_CATEGORIES)
    body = await asked_object()
    category = await asked_category(body, site, account)
    with refusing():
        record = board_record(asked_fields(body, *FIELDS), category=category)
    write = await account.create(BOARD, record)
    return await told(database, site, write, actor=actor, act="addBoard", status=201)


async def change_board(database: Database, site: Site, account: ForumAccount, board_id: str) -> Response:
    """With a categoryUri it moves there."""
    actor = await require(database, site, MANAGE_CATEGORIES)
    uri, body = await board_uri(database, board_id), await asked_object()
    category = await asked_category(body, site, account) if "categoryUri" in body else None
    found = await record_at(account, uri)
    with refusing():
        record = board_record({**(found.record or {}), **asked_fields(body, *FIELDS)}, category=category)
    write = await account.put(BOARD, found.rkey, record, swap=found.cid)
    return await told(database, site, write, actor=actor, act="changeBoard", before=found.record)


async def remove_board(database: Database, site: Site, account: ForumAccount, board_id: str) -> Response:
    actor = await require(database, site, MANAGE_CATEGORIES)
    uri = await board_uri(database, board_id)
    async with database.connection() as connection:
        if await has_posts(connection, uri):
            raise Conflict("The board still has posts.")
    return await removed(database, site, account, uri, actor=actor, act="removeBoard")


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


async def asked_category(body: Body, site: Site, account: ForumAccount) -> RecordOp:
    """The category a board is to stand in."""
    with refusing():
        uri = parse_at_uri(asked_text(body, "categoryUri"))
    if (uri.did_or_handle, uri.collection) != (site.forum_did, CATEGORY) or not uri.rkey:
        raise NotFound("There is no such category.")
    return await record_at(account, f"at://{site.forum_did}/{CATEGORY}/{uri.rkey}")


async def record_at(account: ForumAccount, uri: str) -> RecordOp:
    """The record as the repository has it, with what the index does not keep."""
    place = parse_at_uri(uri)
    found = await account.record(place.collection, place.rkey)
    if found is None or found.record is None:
        raise NotFound("The forum's repository holds no such record.")
    return found


async def told(
    database: Database,
    site: Site,
    write: OwnWrite,
    *,
    actor: str,
    act: str,
    before: State | None = None,
    status: int = 200,
) -> Response:
    """The answer to a write that is done, and in the index, and in the audit."""
    entry = Entry(actor=actor, act=act, subject=write.uri, before=before, after=write.record)
    await show_own_write(database, write, forum_did=site.forum_did, entry=entry)
    return answer({"uri": write.uri, "cid": write.cid}, status=status)


async def removed(database: Database, site: Site, account: ForumAccount, uri: str, *, actor: str, act: str) -> Response:
    """The same of a record that goes."""
    place = parse_at_uri(uri)
    found = await account.record(place.collection, place.rkey)
    write = await account.delete(place.collection, place.rkey)
    entry = Entry(actor=actor, act=act, subject=uri, before=found.record if found else None)
    await show_own_write(database, write, forum_did=site.forum_did, entry=entry)
    return answer({"success": True})
