"""Members writing: what becomes of what they want to write, for whoever parsed that.

A post goes to its author's own repository first, and is then in the index before it is answered. Its record key is
chosen before its server is asked, so that however often that has to be done there is one post. Refusals are
HTTPExceptions with a sentence; what was typed is still with who typed it.
"""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, assert_never

import structlog
from werkzeug.exceptions import (
    BadGateway,
    Conflict,
    Forbidden,
    HTTPException,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)

from actors.members import MemberAccounts, NoGrant
from actors.oauth import GrantOver
from actors.pds_client import Busy, Refused
from actors.repository import Repository
from forum.database import Database, DatabaseAway
from forum.errors import Unavailable
from forum.own_writes import OwnWrite, Record, show_own_write
from forum.posts import edited_record, new_rkey
from forum.protocol.events import RecordOp
from forum.reads.writing import Post, written_at
from forum.records.names import POST
from forum.writes import KeyTaken, claim, known_rkey
from web.bodies import refusing
from web.door import Closed, Door
from web.drafts import Edit, NewReply, NewTopic, own_post, own_post_to_change, permitted_record
from web.site import Site

T = TypeVar("T")

log = structlog.get_logger(__name__)


class KeyUsed(Conflict):
    """The same Idempotency-Key came with something else before; that may have been written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What writing needs."""

    database: Database
    site: Site
    members: MemberAccounts | Closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who writes, by which session."""

    did: str
    token: str


def desk_of(database: Database, site: Site, door: Door | Closed) -> Desk:
    """Where nobody can sign in, nobody can write."""
    if isinstance(door, Closed):
        return Desk(database=database, site=site, members=door)
    members = MemberAccounts(database, door.resolver.client, door.oauth, door.seal)
    return Desk(database=database, site=site, members=members)


async def add_post(desk: Desk, writer: Writer, draft: NewTopic | NewReply, *, key: str | None) -> OwnWrite:
    """Write a topic or a reply; with the same `key` once, however often it is asked for."""
    known = None if key is None else await known_before(desk, writer, draft, key)
    if known is not None and (there := await written_before(desk, writer, known)) is not None:
        return there
    rkey = known or new_rkey()
    async with desk.database.connection() as connection:
        record = await permitted_record(connection, desk.site, writer.did, draft, rkey)
    if key is not None and not await is_claimed(desk, writer, draft, key, rkey):
        return await add_post(desk, writer, draft, key=key)  # another click was first
    return await shown(desk, await ask(desk, writer, lambda own: write_once(own, rkey, record)))


async def change_post(desk: Desk, writer: Writer, post_id: int, draft: Edit) -> OwnWrite:
    """Write a post anew, over what its author saw."""
    async with desk.database.connection() as connection:
        post = await own_post_to_change(connection, desk.site, writer.did, post_id, draft)
    return await shown(desk, await ask(desk, writer, lambda own: rewrite(own, post, draft)))


async def remove_post(desk: Desk, writer: Writer, post_id: int) -> OwnWrite:
    """Delete a post; its author always may."""
    async with desk.database.connection() as connection:
        post = await own_post(connection, writer.did, post_id)
    return await shown(desk, await ask(desk, writer, lambda own: own.delete(POST, post.rkey)))


async def version_now(desk: Desk, writer: Writer, post_id: int) -> RecordOp | None:
    """What its author's server has of a post, whatever the index knows; None: nothing."""
    async with desk.database.connection() as connection:
        post = await own_post(connection, writer.did, post_id)
    return await ask(desk, writer, lambda own: own.record(POST, post.rkey))


async def shown(desk: Desk, write: OwnWrite) -> OwnWrite:
    """In the index, for the writer's next read."""
    await show_own_write(desk.database, write, forum_did=desk.site.forum_did)
    return write


async def known_before(desk: Desk, writer: Writer, draft: NewTopic | NewReply, key: str) -> str | None:
    """The record key of an earlier try."""
    with refusing_taken():
        async with desk.database.connection() as connection:
            return await known_rkey(connection, writer.did, key, draft)


async def is_claimed(desk: Desk, writer: Writer, draft: NewTopic | NewReply, key: str, rkey: str) -> bool:
    """Have the record key be that of the client's, committed before its server is asked; unless it has another."""
    with refusing_taken():
        async with desk.database.connection() as connection:
            return await claim(connection, writer.did, key, draft, rkey=rkey) == rkey


@contextmanager
def refusing_taken() -> Iterator[None]:
    try:
        yield
    except KeyTaken as error:
        raise KeyUsed("The Idempotency-Key was already used for something else.") from error


async def written_before(desk: Desk, writer: Writer, rkey: str) -> OwnWrite | None:
    """What an earlier try has written, as the index has it or else the repository; None: nothing."""
    async with desk.database.connection() as connection:
        written = await written_at(connection, writer.did, rkey)
    if written is None:
        found = await ask(desk, writer, lambda own: own.found(POST, rkey))
        return None if found.cid is None else await shown(desk, found)
    if written.cid is None:
        raise Conflict("This post was made before, and deleted since.")
    return OwnWrite(did=writer.did, collection=POST, rkey=rkey, cid=written.cid)


async def write_once(own: Repository, rkey: str, record: Record) -> OwnWrite:
    """Write it, unless it is there already: then what there is."""
    try:
        return await own.put_new(POST, rkey, record)
    except Refused as refused:
        if refused.name != "InvalidSwap":
            raise
        return await own.found(POST, rkey)


async def rewrite(own: Repository, post: Post, draft: Edit) -> OwnWrite:
    """Put the edited record over the one it was made of; what the index does not keep of that stays."""
    found = await own.record(POST, post.rkey)
    if found is None:
        raise NotFound("There is no such post.")
    if found.record is None or found.cid != (draft.seen or post.ref.cid):
        raise Conflict("The post was changed meanwhile; please look again.")
    with refusing():
        record = edited_record(found.record, draft.text, rkey=post.rkey, title=draft.title)
    return await own.put(POST, post.rkey, record, swap=found.cid)


async def ask(desk: Desk, writer: Writer, act: Callable[[Repository], Awaitable[T]]) -> T:
    """Do it in the writer's repository; what hinders it, in words."""
    if isinstance(desk.members, Closed):
        raise ServiceUnavailable(desk.members.why)
    try:
        return await desk.members.use(writer.token, act)
    except (NoGrant, GrantOver, Refused, Unavailable) as hindrance:
        if isinstance(hindrance, DatabaseAway):
            raise
        log.info("write_hindered", did=writer.did, reason=str(hindrance) or type(hindrance).__name__)
        raise told(hindrance) from hindrance


def told(hindrance: NoGrant | GrantOver | Refused | Unavailable) -> HTTPException:
    """Why the writer's server did not do it, without its own words."""
    match hindrance:
        case NoGrant():
            return Forbidden("This session was made by the forum's operator; to write, sign in with your account.")
        case GrantOver():
            return Unauthorized("Your sign-in has ended; please sign in again.")
        case Refused(name="InvalidSwap"):
            return Conflict("The post was changed meanwhile; please look again.")
        case Refused():
            return BadGateway("Your account's server refuses to write this.")
        case Busy():
            return TooManyRequests(
                "Your account's server takes no more for now; please try again later.",
                retry_after=math.ceil(hindrance.seconds),
            )
        case Unavailable():
            return ServiceUnavailable("Your account's server does not answer right now; please try again.")
        case _:
            assert_never(hindrance)
