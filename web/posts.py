"""Topics and replies as their authors make, change and delete them."""

import re
from functools import partial

from quart import Quart, Response, request
from werkzeug.exceptions import BadRequest, NotFound

from forum.errors import BadInput
from forum.own_writes import OwnWrite
from forum.records.names import BOARD
from forum.records.syntax import is_cid, parse_at_uri
from web.answers import answer
from web.bodies import Body, asked_object, asked_text
from web.drafts import Edit, NewReply, NewTopic
from web.params import id_from
from web.signed_in import sent_token, signed_in
from web.writing import Desk, Writer, add_post, change_post, remove_post

is_key = re.compile(r"[\x21-\x7e]{1,200}").fullmatch


def add_posts(app: Quart, desk: Desk) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("POST", "/api/topics", make_topic),
        ("POST", "/api/posts", make_reply),
        ("PUT", "/api/posts/<post_id>", edit),
        ("DELETE", "/api/posts/<post_id>", delete),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=partial(handler, desk), methods=[method])


async def make_topic(desk: Desk) -> Response:
    writer, body, key = await writing(desk), await asked_object(), asked_key()
    title, text = asked_text(body, "title"), asked_typed(body)
    board = board_of(asked_text(body, "boardUri"), desk.site.forum_did)
    return made(await add_post(desk, writer, NewTopic(title=title, text=text, board_rkey=board), key=key))


async def make_reply(desk: Desk) -> Response:
    writer, body, key = await writing(desk), await asked_object(), asked_key()
    text, root, parent = asked_typed(body), asked_id(body, "rootPostId"), asked_id(body, "parentPostId")
    return made(await add_post(desk, writer, NewReply(text=text, root_id=root, parent_id=parent), key=key))


async def edit(desk: Desk, post_id: str) -> Response:
    writer, number, body = await writing(desk), id_from(post_id), await asked_object()
    title = asked_text(body, "title") if body.get("title") is not None else None
    asked = Edit(text=asked_typed(body), title=title, seen=asked_cid(body))
    return made(await change_post(desk, writer, number, asked), status=200)


async def delete(desk: Desk, post_id: str) -> Response:
    writer, number = await writing(desk), id_from(post_id)
    await remove_post(desk, writer, number)
    return answer({"success": True})


def made(write: OwnWrite, *, status: int = 201) -> Response:
    return answer({"uri": write.uri, "cid": write.cid, "rkey": write.rkey}, status=status)


async def writing(desk: Desk) -> Writer:
    """Who asks, or 401."""
    return Writer(did=await signed_in(desk.database), token=sent_token())


def asked_key() -> str | None:
    """What the client calls this write, so that it can ask for it again."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not is_key(key):
        raise BadRequest("The Idempotency-Key is at most 200 plain characters.")
    return key


def asked_typed(body: Body) -> str:
    """The text, blanks and all: what a line begins with can matter."""
    asked_text(body, "text")
    return str(body["text"])


def asked_id(body: Body, name: str) -> int:
    try:
        return id_from(asked_text(body, name))
    except BadRequest as bad:
        raise BadRequest(f"{name}: {bad.description}") from bad


def asked_cid(body: Body) -> str | None:
    """Which version of the post the author saw."""
    cid = body.get("cid")
    if cid is not None and not (isinstance(cid, str) and is_cid(cid)):
        raise BadRequest("cid is no CID.")
    return cid


def board_of(uri: str, forum_did: str) -> str:
    """The record key of a board of ours."""
    try:
        place = parse_at_uri(uri)
    except BadInput as bad:
        raise BadRequest("boardUri is no AT-URI.") from bad
    if (place.did_or_handle, place.collection) != (forum_did, BOARD) or not place.rkey:
        raise NotFound("There is no such board.")
    return place.rkey
