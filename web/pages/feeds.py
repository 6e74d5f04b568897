"""Atom feeds: the newest topics of the forum or of a board, the newest replies of a topic."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final

from feedgenerator import Atom1Feed
from quart import Quart, Response
from werkzeug.exceptions import NotFound

from forum.database import Database
from forum.reads.accounts import Author
from forum.reads.latest import Newest, names, newest_topics
from forum.reads.threads import Post, thread
from web.pages import links
from web.pages.addresses import NO_BOARD, NO_TOPIC, board_uri, topic_names
from web.pages.bodies import html_of
from web.pages.showing import asked_words, origin_of
from web.pages.shown import EVERYTHING, note_shown, note_topic
from web.site import Site

REPLIES = 25
FIVE_MINUTES = "public, max-age=300"  # readers come by themselves, and often
NOT_IN_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # not even escaped


def add_feeds(app: Quart, database: Database, site: Site) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for rule, handler in (
        ("/feed.atom", feed_forum),
        ("/b/<rkey>/feed.atom", feed_board),
        ("/t/<name>/<rkey>/feed.atom", feed_topic),
    ):
        app.add_url_rule(rule, endpoint=rule, view_func=partial(handler, database, site))


async def feed_forum(database: Database, site: Site) -> Response:
    async with database.connection() as connection:
        called = await names(connection, site.forum_uri)
        topics = await newest_topics(connection)
    note_shown(EVERYTHING)
    words = asked_words()
    feed = new_feed(site, called.forum or words("forum.unnamed"), path="/", at="/feed.atom", about=called.description)
    return await topic_feed(database, site, feed, topics)


async def feed_board(database: Database, site: Site, rkey: str) -> Response:
    uri = board_uri(site, rkey)
    async with database.connection() as connection:
        called = await names(connection, site.forum_uri, uri)
        topics = await newest_topics(connection, uri)
    if called.board is None:
        raise NotFound(NO_BOARD)
    note_shown(uri, *(topic.author.did for topic in topics))
    title = asked_words()("feed.topics_in", board=called.board)
    path = links.board_path(uri, called.board_slug)
    feed = new_feed(site, title, path=path, at=links.feed_path(uri), about=called.board_description)
    return await topic_feed(database, site, feed, topics)


async def feed_topic(database: Database, site: Site, name: str, rkey: str) -> Response:
    name, rkey = topic_names(name, rkey)
    async with database.connection() as connection:
        found = await thread(connection, name, rkey, forum_uri=site.forum_uri, number=None, size=REPLIES)
    if found is None:
        raise NotFound(NO_TOPIC)
    words, path = asked_words(), links.topic_path(found.opening.author, found.opening.uri)
    title = links.title_of(found.title, found.opening.body.text) or words("topic.untitled")
    feed = new_feed(site, words("feed.replies_to", title=title), path=path, at=f"{path}/feed.atom", about=None)
    replies = [post for post in reversed(found.replies) if post.number]
    note_topic(found.opening, replies)
    html = await html_of(database, site, [post.body for post in replies])
    for post in replies:
        add_entry(site, feed, post, title=title, path=links.reply_path(path, post.uri), html=html[post.uri])
    return written(feed)


async def topic_feed(database: Database, site: Site, feed: Atom1Feed, topics: Sequence[Newest]) -> Response:
    html = await html_of(database, site, [topic.body for topic in topics])
    for topic in topics:
        title = links.title_of(topic.title, topic.body.text) or asked_words()("topic.untitled")
        path = links.topic_path(topic.author, topic.uri)
        add_entry(site, feed, topic, title=title, path=path, html=html[topic.uri])
    return written(feed)


def new_feed(site: Site, title: str, *, path: str, at: str, about: str | None) -> Atom1Feed:
    origin = origin_of(site)
    return Atom1Feed(
        title=in_xml(title),
        link=origin + path,
        feed_url=origin + at,
        description=None,
        subtitle=in_xml(links.excerpt(about, 300)) if about else None,
        language=asked_words().language,
    )


def add_entry(site: Site, feed: Atom1Feed, post: Newest | Post, *, title: str, path: str, html: str) -> None:
    """One post. Its id is its address by DID: a handle may change."""
    feed.add_item(
        title=in_xml(title),
        link=origin_of(site) + path,
        unique_id=lasting_id(site, post),
        description=None,
        content=in_xml(html),
        author_name=in_xml(links.name_of(post.author)),
        author_link=origin_of(site) + links.profile_path(post.author),
        pubdate=post.created_at,
        updateddate=post.edited_at or post.created_at,
    )


def in_xml(text: str) -> str:
    """Without the characters that no XML can hold."""
    return NOT_IN_XML.sub("", text)


def lasting_id(site: Site, post: Newest | Post) -> str:
    return f"{origin_of(site)}{links.topic_path(Author(did=post.author.did, handle=None), post.uri)}"


def written(feed: Atom1Feed) -> Response:
    response = Response(feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")
    response.headers["Cache-Control"] = FIVE_MINUTES
    response.headers["Vary"] = "Accept-Language"
    return response
