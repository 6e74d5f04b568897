"""The pages that are read: the front page, boards, topics, profiles, and what the forum says of itself."""

from functools import partial

from quart import Quart, Response, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Redirection

from forum.database import Database
from forum.permissions import CREATE_POSTS
from forum.reads.accounts import Author
from forum.reads.board_page import board_page
from forum.reads.forum import forum_at
from forum.reads.home import home_page
from forum.reads.profiles import profile
from forum.reads.threads import Place, newest_place, place_of, thread
from forum.records.names import POST
from forum.records.syntax import is_did, is_record_key
from web.pages import links
from web.pages.addresses import NO_BOARD, NO_MEMBER, NO_REPLY, NO_TOPIC, board_uri, identifier, topic_names
from web.pages.bodies import html_of
from web.pages.composing import hindrance_for, reply_form
from web.pages.moderating import insight_of, tools_for_member, tools_for_topic
from web.pages.paging import asked_page, pager
from web.pages.showing import go, show
from web.pages.shown import EVERYTHING, note_board, note_shown, note_topic
from web.pages.who import asked_viewer
from web.params import asked_sort, cursor_for, place_from
from web.site import Site

Page = Response | Redirection


def add_reading(app: Quart, database: Database, site: Site) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for rule, handler in (
        ("/", show_home),
        ("/about", show_about),
        ("/@<name>", show_profile),
        ("/b/<rkey>", show_board),
        ("/b/<rkey>/<slug>", show_board),
        ("/t/<name>/<rkey>", show_topic),
        ("/t/<name>/<rkey>/newest", show_newest),
        ("/t/<name>/<rkey>/p/<did>/<reply>", show_reply),
    ):
        app.add_url_rule(rule, endpoint=rule, view_func=partial(handler, database, site))


async def show_home(database: Database, site: Site) -> Page:
    async with database.connection() as connection:
        viewer, home = await asked_viewer(connection, site), await home_page(connection, site.forum_uri)
    note_shown(EVERYTHING)
    return show(site, "home.html", viewer=viewer, forum=home.forum.name if home.forum else None, path="/", home=home)


async def show_about(database: Database, site: Site) -> Page:
    async with database.connection() as connection:
        viewer, about = await asked_viewer(connection, site), await forum_at(connection, site.forum_uri)
    note_shown(EVERYTHING)
    return show(
        site, "about.html", viewer=viewer, forum=about.name if about else None, path="/about",
        about=about, itself=Author(did=site.forum_did, handle=None),
    )  # fmt: skip


async def show_board(database: Database, site: Site, rkey: str, slug: str | None = None) -> Page:
    number, sort, uri = asked_page(), asked_sort(), board_uri(site, rkey)
    async with database.connection() as connection:
        viewer = await asked_viewer(connection, site)
        board = await board_page(connection, uri, forum_uri=site.forum_uri, sort=sort, number=number, size=links.TOPICS)
    if board is None:
        raise NotFound(NO_BOARD)
    pages = pager(number, total=board.total, size=links.TOPICS)
    path = links.board_path(uri, board.slug)
    path_of = partial(links.paged, path, sort=None if sort == "activity" else sort)
    if not links.same(path, request.path):
        return go(path_of(number))
    # The other order is the same topics again, so there is one address for both.
    canonical = links.paged(path, number) if sort == "activity" else path
    note_board(board)
    return show(
        site, "board.html", viewer=viewer, forum=board.forum, path=canonical,
        board=board, at=path, feed=links.feed_path(uri), pager=pages, path_of=path_of, sort=sort,
        new_topic=links.new_topic_path(uri),
    )  # fmt: skip


async def show_topic(database: Database, site: Site, name: str, rkey: str) -> Page:
    number, (name, rkey) = asked_page(), topic_names(name, rkey)
    async with database.connection() as connection:
        viewer = await asked_viewer(connection, site)
        insight = insight_of(viewer)
        found = await thread(
            connection, name, rkey, forum_uri=site.forum_uri, number=number, size=links.POSTS, insight=insight
        )
        if found is None:
            raise NotFound(NO_TOPIC)
        posts = (found.opening, *found.replies) if number == 1 else found.replies
        tools = await tools_for_topic(connection, site, viewer, found.opening.uri, posts)
        hindrance = await hindrance_for(connection, viewer, CREATE_POSTS, locked=found.locked, deleted=found.deleted)
    pages = pager(number, total=found.total, size=links.POSTS)
    path = links.topic_path(found.opening.author, found.opening.uri)
    if not (is_did(name) or links.same(path, request.path)):
        return go(links.paged(path, number))
    note_topic(found.opening, posts)
    return show(
        site, "topic.html", viewer=viewer, forum=found.forum, path=links.paged(path, number),
        topic=found, posts=posts, tools=tools, at=path, reply=reply_form(path, hindrance),
        pager=pages, path_of=partial(links.paged, path),
        html=await html_of(database, site, [post.body for post in posts if not post.deleted]),
    )  # fmt: skip


async def show_newest(database: Database, site: Site, name: str, rkey: str) -> Page:
    name, rkey = topic_names(name, rkey)
    async with database.connection() as connection:
        place = await newest_place(connection, name, rkey, forum_uri=site.forum_uri)
    if place is None:
        raise NotFound(NO_TOPIC)
    return to_place(place)


async def show_reply(database: Database, site: Site, name: str, rkey: str, did: str, reply: str) -> Page:
    """Not a page of its own: leads to where the reply stands now."""
    name, rkey = topic_names(name, rkey)
    if not (is_did(did) and is_record_key(reply)):
        raise NotFound(NO_REPLY)
    uri = f"at://{did}/{POST}/{reply}"
    async with database.connection() as connection:
        insight = insight_of(await asked_viewer(connection, site))
        place = await place_of(connection, name, rkey, forum_uri=site.forum_uri, reply_uri=uri, insight=insight)
    if place is None:
        raise NotFound(NO_REPLY)
    return to_place(place)


async def show_profile(database: Database, site: Site, name: str) -> Page:
    name = identifier(name, NO_MEMBER)
    after = place_from(request.args["before"]) if "before" in request.args else None
    async with database.connection() as connection:
        viewer = await asked_viewer(connection, site)
        member = await profile(connection, name, forum_uri=site.forum_uri, limit=links.TOPICS, after=after)
        if member is None:
            raise NotFound(NO_MEMBER)
        tools = await tools_for_member(connection, site, viewer, member.author.did)
    path = links.profile_path(member.author)
    if not (is_did(name) or links.same(path, request.path)):
        return go(path)
    older = None if member.next is None else f"{path}?before={cursor_for(member.next)}"
    note_shown(EVERYTHING)
    return show(
        site, "profile.html", viewer=viewer, forum=member.forum, path=path,
        member=member, tools=tools, at=path, is_first=after is None, older=older,
        is_the_forum=member.author.did == site.forum_did,
    )  # fmt: skip


def to_place(place: Place) -> Page:
    path = links.topic_path(place.author, place.uri)
    there = "" if place.reply_uri is None else links.fragment(links.anchor(place.reply_uri))
    return go(links.paged(path, links.page_of(place.number)) + there)
