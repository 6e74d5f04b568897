"""Where something is written: the board of a new topic, the topic of a reply, the post that is edited or deleted."""

from dataclasses import dataclass
from typing import Final, Literal

from quart import request
from werkzeug.exceptions import NotFound

from forum.database import Connection
from forum.permissions import CREATE_POSTS, CREATE_TOPICS
from forum.reads.board_page import board_page
from forum.reads.sources import Source, source_of
from forum.reads.threads import Insight, Thread, thread
from forum.reads.writing import Post, post_at
from forum.records.names import POST
from forum.records.syntax import is_did, is_record_key
from web.next_path import HOME
from web.pages import links
from web.pages.addresses import NO_BOARD, NO_TOPIC, board_uri, topic_names
from web.pages.showing import asked_words
from web.site import Site

NO_POST: Final = "There is no such post; perhaps it was deleted."

Crumbs = tuple[tuple[str, str | None], ...]
Kind = Literal["topic", "reply", "edit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`crumbs` lead there, `back` away from it; `action` is the form's own address.

    Of a reply `post` is what it answers, of an edit what is edited; both gone if it is. `deleted` is the topic
    of a reply.
    """

    kind: Kind
    action: str
    back: str
    crumbs: Crumbs = ()
    forum: str | None = None
    has_title: bool = False
    locked: bool = False
    deleted: bool = False
    topic: Post | None = None
    post: Post | None = None
    source: Source | None = None

    @property
    def permission(self) -> str:
        return CREATE_TOPICS if self.has_title else CREATE_POSTS


def nowhere(kind: Kind, *, has_title: bool) -> Place:
    """Where we cannot tell more than the address: the forum cannot ask, or what was there is gone."""
    return Place(kind=kind, action=request.path, back=HOME, has_title=has_title)


async def new_topic_at(connection: Connection, site: Site, rkey: str) -> Place:
    uri = board_uri(site, rkey)
    board = await board_page(connection, uri, forum_uri=site.forum_uri, sort="activity", number=1, size=0)
    if board is None:
        raise NotFound(NO_BOARD)
    path = links.board_path(uri, board.slug)
    return Place(
        kind="topic",
        action=links.new_topic_path(uri),
        back=path,
        crumbs=(*category_step(board.category), (board.name, path)),
        forum=board.forum,
        has_title=True,
    )


async def reply_at(connection: Connection, site: Site, name: str, rkey: str, to: str) -> Place:
    """`to` names the post that is answered, as its anchor does; without it, the topic is meant."""
    found = await thread_at(connection, site, name, rkey)
    topic = await post_at(connection, found.opening.uri)
    post = await post_at(connection, uri_from(to)) if to else topic
    is_there = post is not None and topic is not None and post.seen and post.topic_uri == topic.ref.uri
    path = links.topic_path(found.opening.author, found.opening.uri)
    return Place(
        kind="reply",
        action=f"{path}/reply",
        back=path,
        crumbs=steps_to(found, path),
        forum=found.forum,
        locked=found.locked,
        deleted=found.deleted,
        topic=topic,
        post=post if is_there else None,
        source=await source_of(connection, post.ref.uri) if is_there and post is not None else None,
    )


async def post_in(connection: Connection, site: Site, name: str, rkey: str, anchor: str, did: str | None) -> Place:
    """A post of this account, which may be one that others do not see; without an anchor the topic itself."""
    insight = None if did is None else Insight(did=did, everything=False)
    found = await thread_at(connection, site, name, rkey, insight)
    path = links.topic_path(found.opening.author, found.opening.uri)
    uri = uri_from(anchor) if anchor else found.opening.uri
    post = await post_at(connection, uri)
    if post is None or post.deleted or post.topic_uri != found.opening.uri:
        raise NotFound(NO_POST)
    at = path if post.is_topic else links.reply_path(path, uri)
    return Place(
        kind="edit",
        action=f"{at}/edit",
        back=at,
        crumbs=steps_to(found, path),
        forum=found.forum,
        has_title=post.is_topic,
        locked=post.locked,
        post=post,
        source=await source_of(connection, uri),
    )


async def thread_at(connection: Connection, site: Site, name: str, rkey: str, insight: Insight | None = None) -> Thread:
    """What there is to say of a topic without its replies."""
    name, rkey = topic_names(name, rkey)
    found = await thread(connection, name, rkey, forum_uri=site.forum_uri, number=None, size=0, insight=insight)
    if found is None:
        raise NotFound(NO_TOPIC)
    return found


def steps_to(found: Thread, path: str) -> Crumbs:
    title = links.title_of(found.title, found.opening.body.text) or asked_words()("topic.untitled")
    board = (found.board, links.board_path(found.board_uri, found.board_slug))
    return (*category_step(found.category), board, (str(title), path))


def category_step(name: str | None) -> Crumbs:
    return ((name, None),) if name else ()


def uri_from(anchor: str) -> str:
    """Of the post that a page calls so."""
    did, _, rkey = anchor.partition("/")
    if not (is_did(did) and is_record_key(rkey)):
        raise NotFound(NO_POST)
    return f"at://{did}/{POST}/{rkey}"
