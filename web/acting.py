"""What moderators do: ban, mute, lock, pin, hide, and the ends of these, whoever asks: the API or a page.

An act is a record in the forum's repository, and in the index before it is answered; one that would change nothing is
not written. Bans, mutes and hides act on a member, hence only on a weaker one; locks and pins order topics, whose
ever they are. Refusals are HTTPExceptions with a sentence.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from actors.agent import ForumAccount
from forum.audit import Act, Entry
from forum.database import Database
from forum.forum_records import mod_action_record
from forum.moderation import Post, Standing, is_member_or_author, key_after, outranks, standing_of
from forum.own_writes import Beside, OwnWrite, Record, show_own_write
from forum.permissions import BAN_USERS, LOCK_TOPICS, MODERATE_POSTS, PIN_TOPICS
from forum.records.names import MOD_ACTION
from forum.records.syntax import is_did
from web.bodies import refusing
from web.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What can be done: the word for it here and in the records, who may do it, and what it is done to."""

    word: str
    pair: str
    permission: str
    acts_on: Literal["member", "topic", "post"]


KINDS = (
    Kind(word="ban", pair="ban", permission=BAN_USERS, acts_on="member"),
    Kind(word="mute", pair="mute", permission=BAN_USERS, acts_on="member"),
    Kind(word="lock", pair="lock", permission=LOCK_TOPICS, acts_on="topic"),
    Kind(word="pin", pair="pin", permission=PIN_TOPICS, acts_on="topic"),
    Kind(word="hide", pair="delete", permission=MODERATE_POSTS, acts_on="post"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a moderator asks for. `subject` is a DID or a post, `until` when it is to end by itself."""

    kind: Kind
    is_on: bool
    by: str
    subject: str | Post
    reason: str
    until: datetime | None = None

    @property
    def action(self) -> str:
        return self.kind.pair if self.is_on else f"un{self.kind.pair}"

    @property
    def key(self) -> str:
        return self.subject.uri if isinstance(self.subject, Post) else self.subject

    @property
    def owner(self) -> str:
        return self.subject.did if isinstance(self.subject, Post) else self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is asked for, by who may ask it: the record it takes, and what held before."""

    asked: Asked
    standing: Standing
    record: Record


async def act(database: Database, site: Site, account: ForumAccount, asked: Asked) -> OwnWrite | None:
    """Do it; None if it is so already."""
    return await carry_out(database, site, account, await prepare(database, site, asked))


async def prepare(database: Database, site: Site, asked: Asked) -> Prepared:
    """Refuse what may not be, before anything is done."""
    async with database.connection() as connection:
        if asked.kind.acts_on != "topic" and not await outranks(
            connection, asked.by, asked.owner, forum_did=site.forum_did
        ):
            raise Forbidden("Insufficient permissions")
        standing = await standing_of(connection, asked.kind.pair, asked.key)
    with refusing():
        record = mod_action_record(asked.action, asked.subject, reason=asked.reason, by=asked.by, until=asked.until)
    return Prepared(asked=asked, standing=standing, record=record)


async def carry_out(
    database: Database, site: Site, account: ForumAccount, ready: Prepared, *, beside: Beside | None = None
) -> OwnWrite | None:
    """Do it; None if it is so already, and then nothing is done `beside` it either."""
    if ready.standing.is_already(ready.asked.is_on, ready.asked.until):
        return None
    write = await account.create(MOD_ACTION, ready.record, rkey=key_after(ready.standing.newest))
    await show_own_write(database, write, forum_did=site.forum_did, entry=entry_of(ready), beside=beside)
    return write


async def member_named(database: Database, site: Site, did: str) -> str:
    """The account, if there is such a one to act on."""
    if not is_did(did):
        raise BadRequest("The member is named by a DID.")
    async with database.connection() as connection:
        if not await is_member_or_author(connection, did, forum_did=site.forum_did):
            raise NotFound("There is no such member or author.")
    return did


def fitting(post: Post | None, kind: Kind) -> Post:
    """The post, if there is one and it is what is acted on."""
    if post is None:
        raise NotFound(f"There is no such {kind.acts_on}.")
    if kind.acts_on == "topic" and not post.is_topic:
        raise BadRequest("This is a reply, not a topic.")
    return post


def entry_of(ready: Prepared) -> Entry:
    """For the audit: what was in force, and what was written."""
    asked, key = ready.asked, ready.standing.key
    before = None if key is None else {"action": f"{MOD_ACTION}.{asked.kind.pair}", "rkey": key}
    word = cast(Act, asked.kind.word if asked.is_on else f"un{asked.kind.word}")
    return Entry(actor=asked.by, act=word, subject=asked.key, before=before, after=ready.record)
