"""What those do who arrange the forum: make, change, move and remove categories and boards, by the API or a page.

What still holds something stays: a category with boards, a board with posts. Refusals are HTTPExceptions with a
sentence.
"""

from werkzeug.exceptions import NotFound

from forum.forum_records import Fields, board_record, category_record
from forum.ordering import Placed, renumbered
from forum.own_writes import OwnWrite
from forum.protocol.events import RecordOp
from forum.reads.boards import boards_in, has_posts, topics_on
from forum.reads.structure import structure_of
from forum.records.names import BOARD, CATEGORY
from forum.records.syntax import parse_at_uri
from web.bodies import refusing
from web.forum_writing import Changed, Hindered, Pen, record_at

NO_CATEGORY = "There is no such category."


async def add_category(pen: Pen, fields: Fields) -> OwnWrite:
    with refusing():
        record = category_record(fields)
    return await pen.create("addCategory", CATEGORY, record)


async def change_category(pen: Pen, uri: str, fields: Fields, *, seen: str | None = None) -> OwnWrite:
    """What the fields do not name stays."""
    found = await pen.found(uri, seen=seen)
    with refusing():
        record = category_record({**(found.record or {}), **fields})
    return await pen.put("changeCategory", found, record)


async def remove_category(pen: Pen, uri: str) -> OwnWrite:
    async with pen.database.connection() as connection:
        boards = await boards_in(connection, uri)
    if boards:
        raise Hindered("boards", f"The category still has boards: {boards}.", count=boards)
    return await pen.delete("removeCategory", uri)


async def add_board(pen: Pen, fields: Fields, *, category_uri: str) -> OwnWrite:
    category = await category_at(pen, category_uri)
    with refusing():
        record = board_record(fields, category=category)
    return await pen.create("addBoard", BOARD, record)


async def change_board(
    pen: Pen, uri: str, fields: Fields, *, category_uri: str | None = None, seen: str | None = None
) -> OwnWrite:
    """What the fields do not name stays; with a category it moves there."""
    category = None if category_uri is None else await category_at(pen, category_uri)
    found = await pen.found(uri, seen=seen)
    with refusing():
        record = board_record({**(found.record or {}), **fields}, category=category)
    return await pen.put("changeBoard", found, record)


async def remove_board(pen: Pen, uri: str) -> OwnWrite:
    async with pen.database.connection() as connection:
        topics, posts = await topics_on(connection, uri), await has_posts(connection, uri)
    if topics:
        raise Hindered("topics", f"The board still has topics: {topics}.", count=topics)
    if posts:
        raise Hindered("hidden", "The board still has posts that are hidden, or that answer deleted ones.")
    return await pen.delete("removeBoard", uri)


async def move(pen: Pen, uri: str, *, beside: str, is_before: bool) -> None:
    """Have a category or a board stand just before another one of its like, or behind; however often it is asked."""
    async with pen.database.connection() as connection:
        siblings = (await structure_of(connection)).siblings(uri)
    placed = {one.uri: Placed(one.uri, one.sort_order) for one in siblings}
    if not {uri, beside} <= placed.keys() or uri == beside:
        raise Changed
    wanted = [one for one in placed.values() if one.uri != uri]
    wanted.insert(wanted.index(placed[beside]) + (not is_before), placed[uri])
    for changed, number in renumbered(wanted).items():
        await change(pen, changed, {"sortOrder": number})


async def change(pen: Pen, uri: str, fields: Fields) -> OwnWrite:
    """Of either kind."""
    return await (change_board if parse_at_uri(uri).collection == BOARD else change_category)(pen, uri, fields)


async def category_at(pen: Pen, text: str) -> RecordOp:
    """The category a board is to stand in, if it is one of this forum."""
    with refusing():
        uri = parse_at_uri(text)
    if (uri.did_or_handle, uri.collection) != (pen.site.forum_did, CATEGORY) or not uri.rkey:
        raise NotFound(NO_CATEGORY)
    return await record_at(pen.account, f"at://{pen.site.forum_did}/{CATEGORY}/{uri.rkey}")
