"""New topics, replies, edits and deletions by pages; what is done, `web/writing.py` does, as by the API.

Each handler names a place and an act. What comes between, from the form that is sent to the post it leads to, or back
to the form with what hindered it, is the same for all: `sent`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final

from quart import Quart, Response, request
from werkzeug.exceptions import Conflict, Forbidden, HTTPException, NotFound

from forum.database import Connection
from forum.own_writes import OwnWrite
from forum.quoting import quoted
from forum.quoting import typed as as_typed
from forum.reads.accounts import Author
from forum.reads.viewers import Viewer
from web.auth import gone_to
from web.door import Closed
from web.drafts import Edit, NewReply, NewTopic
from web.pages import links
from web.pages.composing import (
    Form,
    Hindrance,
    Typed,
    Version,
    asked_typed,
    faults_in,
    form_page,
    hindrance_for,
    new_key,
    wants_preview,
)
from web.pages.places import NO_POST, Place, new_topic_at, nowhere, post_in, reply_at
from web.pages.previewing import preview_of
from web.pages.refusals import FORESEEN, refusal_of
from web.pages.showing import asked_words, show
from web.pages.who import asked_viewer, keep_form
from web.posts import writing
from web.site import Site
from web.writing import Desk, KeyUsed, Writer, add_post, change_post, remove_post, version_now

WRITTEN_COOKIE: Final = "atbb_written"  # tells compose.js whose draft has become a post
WRITTEN_SECONDS: Final = 60

TOPIC: Final = "/t/<name>/<rkey>"
REPLY: Final = f"{TOPIC}/p/<did>/<reply>"

Find = Callable[[Connection, Viewer | None, str], Awaitable[Place]]
Act = Callable[[Desk, Writer, Place, Typed], Awaitable[OwnWrite]]


def add_writing(app: Quart, desk: Desk) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for rule, handler in (
        ("/b/<rkey>/new", new_topic),
        (f"{TOPIC}/reply", new_reply),
        (f"{TOPIC}/edit", edit),
        (f"{REPLY}/edit", edit),
    ):
        view = partial(handler, desk)
        app.add_url_rule(rule, endpoint=rule, view_func=view, methods=["GET", "POST"])
        keep_form(app, rule, view)
    for rule in (f"{TOPIC}/delete", f"{REPLY}/delete"):
        app.add_url_rule(rule, endpoint=rule, view_func=partial(delete, desk), methods=["GET", "POST"])


async def new_topic(desk: Desk, rkey: str, refusal: HTTPException | None = None) -> Response:
    async def find(connection: Connection, viewer: Viewer | None, to: str) -> Place:
        return await new_topic_at(connection, desk.site, rkey)

    async def act(desk: Desk, writer: Writer, place: Place, typed: Typed) -> OwnWrite:
        draft = NewTopic(title=typed.title.strip(), text=typed.text, board_rkey=rkey)
        return await add_post(desk, writer, draft, key=typed.key)

    if request.method == "GET":
        return await opened(desk, find)
    return await sent(desk, find, act, nowhere("topic", has_title=True), refusal)


async def new_reply(desk: Desk, name: str, rkey: str, refusal: HTTPException | None = None) -> Response:
    async def find(connection: Connection, viewer: Viewer | None, to: str) -> Place:
        return await reply_at(connection, desk.site, name, rkey, to)

    async def act(desk: Desk, writer: Writer, place: Place, typed: Typed) -> OwnWrite:
        if place.topic is None or place.post is None:
            raise NotFound("There is no such post to answer any more; send this again to answer the topic.")
        draft = NewReply(text=typed.text, root_id=place.topic.id, parent_id=place.post.id)
        return await add_post(desk, writer, draft, key=typed.key)

    if request.method == "GET":
        return await opened(desk, find)
    return await sent(desk, find, act, nowhere("reply", has_title=False), refusal)


async def edit(
    desk: Desk, name: str, rkey: str, did: str = "", reply: str = "", refusal: HTTPException | None = None
) -> Response:
    find = finder(desk, name, rkey, did, reply)

    async def act(desk: Desk, writer: Writer, place: Place, typed: Typed) -> OwnWrite:
        if place.post is None:
            raise NotFound(NO_POST)
        title = typed.title.strip() if place.has_title else None
        return await change_post(
            desk, writer, place.post.id, Edit(text=typed.text, title=title, seen=typed.seen or None)
        )

    if request.method == "GET":
        return await opened(desk, find)
    return await sent(desk, find, act, nowhere("edit", has_title=not reply), refusal)


async def delete(desk: Desk, name: str, rkey: str, did: str = "", reply: str = "") -> Response:
    """Asked for once more, then done."""
    async with desk.database.connection() as connection:
        viewer = await asked_viewer(connection, desk.site)
        place = await finder(desk, name, rkey, did, reply)(connection, viewer, "")
    check_own(viewer, place)
    refusal = None
    if request.method == "POST" and place.post is not None:
        try:
            await remove_post(desk, await writing(desk), place.post.id)
        except FORESEEN as error:
            refusal = await refusal_of(error)
        else:
            board = next(path for _, path in reversed(place.crumbs[:-1]) if path)
            return gone_to(board if place.has_title else place.back)
    return show(
        desk.site, "delete.html", viewer=viewer, forum=place.forum, path=None,
        status=200 if refusal is None else refusal.status, place=place, refusal=refusal,
    )  # fmt: skip


def finder(desk: Desk, name: str, rkey: str, did: str, reply: str) -> Find:
    """Of a post of whoever looks."""

    async def find(connection: Connection, viewer: Viewer | None, to: str) -> Place:
        anchor = f"{did}/{reply}" if reply else ""
        return await post_in(connection, desk.site, name, rkey, anchor, None if viewer is None else viewer.did)

    return find


async def opened(desk: Desk, find: Find) -> Response:
    """The form, with what it begins with; or why there is none."""
    async with desk.database.connection() as connection:
        viewer = await asked_viewer(connection, desk.site)
        place = await find(connection, viewer, request.args.get("to", ""))
        hindrance = await hindrance_for(
            connection, viewer, place.permission, locked=place.locked, deleted=place.deleted
        )
    if place.kind == "reply" and place.post is None and not place.deleted:
        raise NotFound(NO_POST)
    if place.kind == "edit" and viewer is not None:
        check_own(viewer, place)
    if hindrance is None and isinstance(desk.members, Closed):
        hindrance = Hindrance(why="read_only")
    return form_page(desk.site, viewer, Form(place=place, typed=beginning(place), hindrance=hindrance))


def check_own(viewer: Viewer | None, place: Place) -> None:
    if viewer is not None and place.post is not None and place.post.did != viewer.did:
        raise Forbidden("This post is somebody else's.")


def beginning(place: Place) -> Typed:
    """What was written, to be edited; or what is answered, to be quoted."""
    source = place.source
    if source is None or place.kind == "topic":
        return Typed()
    text = as_typed(source.text, source.markdown)
    if place.kind == "edit":
        return Typed(title=source.title or "", text=text, seen=place.post.ref.cid if place.post else "")
    is_quote = "quote" in request.args
    return Typed(text=quoted(mention(source.author), text) if is_quote else "", to=request.args.get("to", ""))


def mention(author: Author) -> str:
    name = links.name_of(author)
    return f"@{name}" if name == author.handle else name


async def sent(desk: Desk, find: Find, act: Act, place: Place, refusal: HTTPException | None) -> Response:
    """Off to the post that was made of it, or the form again; `place` is where we are until it is found."""
    typed, viewer = await asked_typed(), None
    try:
        async with desk.database.connection() as connection:
            viewer = await asked_viewer(connection, desk.site)
            place = await find(connection, viewer, typed.to)
        if refusal is not None:
            raise refusal
        faults = faults_in(typed, place)
        if await wants_preview() or faults:
            preview = None if faults.text else await preview_of(typed.text, desk.site)
            return form_page(desk.site, viewer, Form(place=place, typed=typed, faults=faults, preview=preview))
        writer = await writing(desk)
        write = await act(desk, writer, place, typed)
    except FORESEEN as error:
        return form_page(desk.site, viewer, await again(desk, place, typed, error))
    return done(desk.site, place, viewer, write)


def done(site: Site, place: Place, viewer: Viewer | None, write: OwnWrite) -> Response:
    """There, and the draft is no longer needed."""
    author = Author(did=write.did, handle=None) if viewer is None else viewer.author
    path = {"topic": links.topic_path(author, write.uri), "reply": links.reply_path(place.back, write.uri)}
    response = gone_to(path.get(place.kind, place.back))
    response.set_cookie(WRITTEN_COOKIE, place.action, max_age=WRITTEN_SECONDS, secure=site.is_https, samesite="Lax")
    return response


async def again(desk: Desk, place: Place, typed: Typed, error: Exception) -> Form:
    """The form with all that was typed; what cannot come true any more taken out, so that it can be sent again."""
    words, form = asked_words(), Form(place=place, typed=typed, refusal=await refusal_of(error))
    if isinstance(error, Conflict) and place.kind == "edit":
        return await beside_what_is_there(desk, form)
    if isinstance(error, Conflict):
        sentence = words("compose.sent_before") if isinstance(error, KeyUsed) else None
        return replace(form, typed=replace(typed, key=new_key()), sentence=sentence)
    if place.deleted:
        return replace(form, sentence=words("hindrance.deleted"))
    if place.kind == "reply" and place.post is None:
        return replace(form, typed=replace(typed, to=""))
    return form


async def beside_what_is_there(desk: Desk, form: Form) -> Form:
    """Somebody, perhaps its author elsewhere, has changed the post: both are shown, and this one may go over that."""
    assert form.place.post is not None
    try:
        found = await version_now(desk, await writing(desk), form.place.post.id)
    except FORESEEN:
        return form
    if found is None or found.record is None or found.cid is None:
        return form
    content = found.record.get("content")
    markdown = content.get("markdown") if isinstance(content, dict) else None
    version = Version(title=found.record.get("title"), text=as_typed(found.record["text"], markdown))
    sentence = asked_words()("compose.changed")
    return replace(form, typed=replace(form.typed, seen=found.cid), current=version, sentence=sentence)
