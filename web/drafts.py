"""What somebody wants to write: whether they may, and the record it becomes. Refusals are HTTPExceptions."""

from dataclasses import dataclass

from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from forum.database import Connection
from forum.own_writes import Record
from forum.permissions import CREATE_POSTS, CREATE_TOPICS, may, rights_of
from forum.posts import reply_record, topic_record
from forum.reads.writing import Post, board_ref, forum_ref, posts_by_id
from web.bodies import refusing
from web.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTopic:
    title: str
    text: str
    board_rkey: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReply:
    text: str
    root_id: int
    parent_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """`seen` is the CID of what its author had before them; None: what the index has. Without a title that stays."""

    text: str
    title: str | None
    seen: str | None


async def permitted_record(
    connection: Connection, site: Site, did: str, draft: NewTopic | NewReply, rkey: str
) -> Record:
    """The record of a new post, if it may be written."""
    await check_rights(connection, site, did, is_topic=isinstance(draft, NewTopic))
    forum = await forum_ref(connection, site.forum_did)
    if forum is None:
        raise NotFound("The forum has no record yet.")
    if isinstance(draft, NewTopic):
        board = await board_ref(connection, site.forum_did, draft.board_rkey)
        if board is None:
            raise NotFound("There is no such board.")
        with refusing():
            return topic_record(draft.title, draft.text, forum=forum, board=board, rkey=rkey)
    root, parent = await thread(connection, draft)
    with refusing():
        return reply_record(draft.text, forum=forum, root=root.ref, parent=parent.ref, rkey=rkey)


async def own_post_to_change(connection: Connection, site: Site, did: str, post_id: int, draft: Edit) -> Post:
    """A post of this account, if it may still be written anew."""
    post = await own_post(connection, did, post_id)
    if draft.title is not None and not post.is_topic:
        raise BadRequest("title: a reply has none.")
    await check_rights(connection, site, did, is_topic=post.is_topic)
    check_unlocked(post)
    return post


async def check_rights(connection: Connection, site: Site, did: str, *, is_topic: bool) -> None:
    """403 for who may not write this kind of post."""
    rights = await rights_of(connection, did, forum_did=site.forum_did)
    if rights.banned:
        raise Forbidden("You are banned from this forum.")
    if rights.muted:
        raise Forbidden("You are muted in this forum for now.")
    if not may(rights, CREATE_TOPICS if is_topic else CREATE_POSTS):
        raise Forbidden("Insufficient permissions")


async def thread(connection: Connection, draft: NewReply) -> tuple[Post, Post]:
    """The topic, and the post in it that is answered."""
    posts = await posts_by_id(connection, sorted({draft.root_id, draft.parent_id}))
    root, parent = posts.get(draft.root_id), posts.get(draft.parent_id)
    if root is None or not root.seen:
        raise NotFound("There is no such topic.")
    if parent is None or not parent.seen:
        raise NotFound("There is no such post to answer.")
    if not root.is_topic:
        raise BadRequest("rootPostId: this is a reply, not a topic.")
    if parent.topic_uri != root.ref.uri:
        raise BadRequest("parentPostId: this post is not in the topic.")
    check_unlocked(root)
    return root, parent


def check_unlocked(post: Post) -> None:
    if post.locked:
        raise Forbidden("The topic is locked.")


async def own_post(connection: Connection, did: str, post_id: int) -> Post:
    """A post of this account."""
    post = (await posts_by_id(connection, [post_id])).get(post_id)
    if post is None or post.deleted or not (post.seen or post.did == did):
        raise NotFound("There is no such post.")
    if post.did != did:
        raise Forbidden("This post is somebody else's.")
    return post
