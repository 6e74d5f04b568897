"""Moderation by the API: ban, mute, lock, pin, hide, and their ends (contract.md §2).

An act is a record in the forum's repository, and in the index before it is answered; one that would change nothing is
not written. Bans, mutes and hides act on a member, hence only on a weaker one; locks and pins order topics, whose
ever they are.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from quart import Quart, Response
from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from actors.agent import ForumAccount
from forum.audit import Entry
from forum.database import Connection, Database
from forum.errors import BadInput
from forum.forum_records import mod_action_record
from forum.moderation import Post, Standing, is_member_or_author, key_after, outranks, post_by_id, standing_of
from forum.own_writes import Record, show_own_write
from forum.permissions import BAN_USERS, LOCK_TOPICS, MODERATE_POSTS, PIN_TOPICS
from forum.records.names import MOD_ACTION
from forum.records.syntax import is_did, parse_datetime
from web.answers import answer
from web.bodies import Body, asked_object, asked_text, refusing
from web.params import id_from
from web.shapes import Shape
from web.signed_in import require
from web.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What can be done: the word for it here and in the records, who may do it, and what names its target."""

    word: str
    pair: str
    permission: str
    named_by: Literal["targetDid", "topicId", "postId"]


KINDS = (
    Kind(word="ban", pair="ban", permission=BAN_USERS, named_by="targetDid"),
    Kind(word="mute", pair="mute", permission=BAN_USERS, named_by="targetDid"),
    Kind(word="lock", pair="lock", permission=LOCK_TOPICS, named_by="topicId"),
    Kind(word="pin", pair="pin", permission=PIN_TOPICS, named_by="topicId"),
    Kind(word="hide", pair="delete", permission=MODERATE_POSTS, named_by="postId"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a moderator asks for. `until` is when it is to end by itself."""

    kind: Kind
    is_on: bool
    by: str
    target: str
    reason: str
    until: datetime | None = None

    @property
    def action(self) -> str:
        return self.kind.pair if self.is_on else f"un{self.kind.pair}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is acted on (a DID or a post), whose it is, and what answers call it."""

    subject: str | Post
    owner: str
    told: Shape

    @property
    def key(self) -> str:
        return self.subject.uri if isinstance(self.subject, Post) else self.subject


def add_moderation(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for kind in KINDS:
        for method, rule, handler in (
            ("POST", f"/api/mod/{kind.word}", begin),
            ("DELETE", f"/api/mod/{kind.word}/<target>", end),
        ):
            view = partial(handler, database, site, account, kind)
            app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=view, methods=[method])


async def begin(database: Database, site: Site, account: ForumAccount, kind: Kind) -> Response:
    moderator = await require(database, site, kind.permission)
    body = await asked_object()
    target, reason = asked_text(body, kind.named_by), asked_text(body, "reason")
    asked = Asked(kind=kind, is_on=True, by=moderator, target=target, reason=reason, until=asked_end(body))
    return await act(database, site, account, asked)


async def end(database: Database, site: Site, account: ForumAccount, kind: Kind, target: str) -> Response:
    moderator = await require(database, site, kind.permission)
    reason = asked_text(await asked_object(), "reason")
    return await act(database, site, account, Asked(kind=kind, is_on=False, by=moderator, target=target, reason=reason))


def asked_end(body: Body) -> datetime | None:
    """`expiresAt`, if it is there."""
    text = body.get("expiresAt")
    if text is None:
        return None
    try:
        until = parse_datetime(text if isinstance(text, str) else "")
    except BadInput as bad:
        raise BadRequest("expiresAt is a date with a time and a zone.") from bad
    if until <= datetime.now(UTC):
        raise BadRequest("expiresAt must be in the future.")
    return until


async def act(database: Database, site: Site, account: ForumAccount, asked: Asked) -> Response:
    """Do it, unless it is so already."""
    async with database.connection() as connection:
        target = await found(connection, site, asked)
        await check_rank(connection, site, asked, target)
        standing = await standing_of(connection, asked.kind.pair, target.key)
    with refusing():
        record = mod_action_record(asked.action, target.subject, reason=asked.reason, by=asked.by, until=asked.until)
    done: Shape = {"success": True, "action": record["action"], **target.told}
    if standing.is_already(asked.is_on, asked.until):
        return answer({**done, "uri": None, "cid": None, "alreadyActive": True})
    write = await account.create(MOD_ACTION, record, rkey=key_after(standing.newest))
    await show_own_write(database, write, forum_did=site.forum_did, entry=entry_of(asked, target, standing, record))
    return answer({**done, "uri": write.uri, "cid": write.cid, "alreadyActive": False})


async def found(connection: Connection, site: Site, asked: Asked) -> Target:
    """The account or the post that is named, or 404."""
    if asked.kind.named_by != "targetDid":
        return await found_post(connection, asked)
    if not is_did(asked.target):
        raise BadRequest("The member is named by a DID.")
    if not await is_member_or_author(connection, asked.target, forum_did=site.forum_did):
        raise NotFound("There is no such member or author.")
    return Target(subject=asked.target, owner=asked.target, told={"targetDid": asked.target})


async def found_post(connection: Connection, asked: Asked) -> Target:
    number, wants_topic = id_from(asked.target), asked.kind.named_by == "topicId"
    post = await post_by_id(connection, number)
    if post is None:
        raise NotFound(f"There is no such {'topic' if wants_topic else 'post'}.")
    if wants_topic and not post.is_topic:
        raise BadRequest("This is a reply, not a topic.")
    return Target(subject=post, owner=post.did, told={asked.kind.named_by: str(number), "postUri": post.uri})


async def check_rank(connection: Connection, site: Site, asked: Asked, target: Target) -> None:
    """403 for who acts on a member that is as strong or stronger."""
    if asked.kind.named_by == "topicId":
        return
    if not await outranks(connection, asked.by, target.owner, forum_did=site.forum_did):
        raise Forbidden("Insufficient permissions")


def entry_of(asked: Asked, target: Target, standing: Standing, record: Record) -> Entry:
    """For the audit: what was in force, and what was written."""
    before = None if standing.key is None else {"action": f"{MOD_ACTION}.{asked.kind.pair}", "rkey": standing.key}
    word = asked.kind.word if asked.is_on else f"un{asked.kind.word}"
    return Entry(actor=asked.by, act=word, subject=target.key, before=before, after=record)
