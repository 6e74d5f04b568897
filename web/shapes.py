"""What the API calls things: the frozen rows of `forum.reads` as JSON, names and order as in the contract.

Ids are strings, for JavaScript's numbers end at 2**53.
"""

from collections.abc import Sequence

from forum.jobs import Job, JobError
from forum.reads.accounts import Author
from forum.reads.audit import AuditPage, Noted
from forum.reads.boards import Board, LastPost
from forum.reads.categories import Category
from forum.reads.forum import Forum
from forum.reads.members import Member, MemberList
from forum.reads.modlog import Action, ModLog
from forum.reads.pages import Reply, TopicPage
from forum.reads.place import Place
from forum.reads.roles import Role
from forum.reads.topics import Topic, TopicList
from forum.records.names import POST
from forum.sessions import Session
from web.answers import JSON, written
from web.params import Slice, cursor_for
from web.site import Site

Shape = dict[str, JSON]


def forum_shape(forum: Forum, site: Site) -> Shape:
    return {
        "did": site.forum_did,
        "uri": forum.uri,
        "name": forum.name,
        "description": forum.description,
        "boardCount": forum.board_count,
        "topicCount": forum.topic_count,
        "replyCount": forum.reply_count,
        "memberCount": forum.member_count,
    }


def category_shape(category: Category) -> Shape:
    return {
        "id": str(category.id),
        "uri": category.uri,
        "name": category.name,
        "description": category.description,
        "slug": category.slug,
        "sortOrder": category.sort_order,
    }


def board_shape(board: Board) -> Shape:
    return {
        "id": str(board.id),
        "uri": board.uri,
        "name": board.name,
        "description": board.description,
        "slug": board.slug,
        "sortOrder": board.sort_order,
        "categoryId": None if board.category_id is None else str(board.category_id),
        "categoryUri": board.category_uri,
        "topicCount": board.topic_count,
        "replyCount": board.reply_count,
        "lastPost": None if board.last_post is None else _last_post_shape(board.last_post),
    }


def topic_list_shape(page: TopicList, part: Slice, site: Site) -> Shape:
    return {
        "topics": [topic_shape(topic, site) for topic in page.topics],
        "total": page.total,
        "offset": part.offset,
        "limit": part.limit,
        **_cursor(page.next),
    }


def topic_page_shape(page: TopicPage, part: Slice, site: Site) -> Shape:
    return {
        "topicId": str(page.topic.id),
        "locked": page.topic.locked,
        "pinned": page.topic.pinned,
        "total": page.topic.reply_count,
        "offset": part.offset,
        "limit": part.limit,
        "post": topic_shape(page.topic, site),
        "replies": [reply_shape(reply) for reply in page.replies],
        **_cursor(page.next),
    }


def topic_shape(topic: Topic, site: Site) -> Shape:
    return {
        "id": str(topic.id),
        "did": topic.did,
        "rkey": topic.rkey,
        "uri": topic.uri,
        "title": topic.title,
        "text": topic.text,
        "forumUri": site.forum_uri,
        "boardUri": topic.board_uri,
        "boardId": str(topic.board_id),
        "parentPostId": None,
        "createdAt": written(topic.created_at),
        "author": _author_shape(topic.author),
        "replyCount": topic.reply_count,
        "lastReplyAt": None if topic.last_reply_at is None else written(topic.last_reply_at),
        "locked": topic.locked,
        "pinned": topic.pinned,
        **_extras(topic),
    }


def reply_shape(reply: Reply) -> Shape:
    return {
        "id": str(reply.id),
        "did": reply.did,
        "rkey": reply.rkey,
        "uri": reply.uri,
        "title": None,
        "text": reply.text,
        "parentPostId": None if reply.parent_id is None else str(reply.parent_id),
        "createdAt": written(reply.created_at),
        "author": _author_shape(reply.author),
        **_extras(reply),
    }


def jobs_shape(found: Sequence[Job], part: Slice) -> Shape:
    """`found` holds one more than the part, where others follow."""
    shown = found[: part.limit]
    last = shown[-1] if len(found) > part.limit else None
    return {
        "backfills": [job_shape(job) for job in shown],
        "offset": part.offset,
        "limit": part.limit,
        **_cursor(None if last is None else Place(False, last.started_at, str(last.id))),
    }


def job_shape(job: Job) -> Shape:
    return {
        "id": str(job.id),
        "status": job.status,
        "type": job.type,
        "didsTotal": job.dids_total,
        "didsProcessed": job.dids_processed,
        "recordsIndexed": job.records_indexed,
        "errorCount": job.error_count,
        "startedAt": written(job.started_at),
        "completedAt": None if job.completed_at is None else written(job.completed_at),
        "errorMessage": job.error_message,
    }


def job_error_shape(error: JobError) -> Shape:
    return {
        "id": str(error.id),
        "did": error.did,
        "collection": error.collection,
        "errorMessage": error.error_message,
        "createdAt": written(error.created_at),
    }


def session_shape(session: Session, *, is_current: bool) -> Shape:
    return {
        "id": str(session.id),
        "createdAt": written(session.created_at),
        "seenAt": written(session.seen_at),
        "userAgent": session.user_agent,
        "current": is_current,
    }


def role_shape(role: Role) -> Shape:
    return {
        "id": str(role.id),
        "uri": role.uri,
        "name": role.name,
        "description": role.description,
        "permissions": list(role.permissions),
        "priority": role.priority,
    }


def member_list_shape(page: MemberList, part: Slice) -> Shape:
    return {
        "members": [member_shape(member) for member in page.members],
        "total": page.total,
        "limit": part.limit,
        "offset": part.offset,
        **_cursor(page.next),
    }


def member_shape(member: Member) -> Shape:
    return {
        "did": member.did,
        "handle": member.handle,
        "role": member.role,
        "roleUri": member.role_uri,
        "joinedAt": written(member.joined_at),
    }


def mod_log_shape(page: ModLog, part: Slice) -> Shape:
    last = page.actions[-1] if page.more else None
    return {
        "actions": [action_shape(action) for action in page.actions],
        "total": page.total,
        "offset": part.offset,
        "limit": part.limit,
        **_cursor(None if last is None else Place(False, last.created_at, last.rkey)),
    }


def action_shape(action: Action) -> Shape:
    is_post = action.subject.startswith("at:")
    return {
        "id": str(action.id),
        "action": action.action,
        "moderatorDid": action.moderator,
        "moderatorHandle": action.moderator_handle,
        "subjectDid": None if is_post else action.subject,
        "subjectHandle": action.subject_handle,
        "subjectPostUri": action.subject if is_post else None,
        "reason": action.reason,
        "createdAt": written(action.created_at),
        **({} if action.expires_at is None else {"expiresAt": written(action.expires_at)}),
    }


def audit_shape(page: AuditPage, part: Slice) -> Shape:
    last = page.entries[-1] if page.more else None
    return {
        "entries": [noted_shape(noted) for noted in page.entries],
        "offset": part.offset,
        "limit": part.limit,
        **_cursor(None if last is None else Place(False, last.at, str(last.id))),
    }


def noted_shape(noted: Noted) -> Shape:
    entry = noted.entry
    return {
        "id": str(noted.id),
        "at": written(noted.at),
        "actorDid": entry.actor,
        "actorHandle": noted.handle,
        "act": entry.act,
        "subject": entry.subject,
        "before": entry.before,
        "after": entry.after,
    }


def _extras(post: Topic | Reply) -> Shape:
    """What only some posts have, and the others do not mention."""
    extras: Shape = {}
    if post.markdown is not None:
        extras["content"] = {"$type": f"{POST}#markdown", "markdown": post.markdown}
    if post.edited_at is not None:
        extras["editedAt"] = written(post.edited_at)
    if post.deleted:
        extras["deleted"] = True
    return extras


def _last_post_shape(post: LastPost) -> Shape:
    return {
        "uri": post.uri,
        "topicId": str(post.topic_id),
        "title": post.title,
        "author": _author_shape(post.author),
        "createdAt": written(post.created_at),
    }


def _author_shape(author: Author | None) -> Shape | None:
    return None if author is None else {"did": author.did, "handle": author.handle}


def _cursor(following: Place | None) -> Shape:
    return {} if following is None else {"cursor": cursor_for(following)}
