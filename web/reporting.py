"""Reports, whoever sends or resolves them: the API or a page.

A member reports what anybody can see and somebody else wrote. A moderator who hides the post or bans its author does so
by way of `acting.py`, under its rules; the act and the end of the report are one transaction. Refusals are
HTTPExceptions with a sentence, which tells who was faster.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

from werkzeug.exceptions import BadRequest, Conflict, Forbidden, NotFound, TooManyRequests

from actors.agent import ForumAccount
from forum import moderation, reports
from forum.database import Connection, Database
from forum.own_writes import OwnWrite
from forum.reads.accounts import handle_of
from forum.reads.reports import Post, report_by_id
from forum.reads.viewers import Viewer
from forum.reads.writing import Post as Seen
from forum.reports import Faster, NoReport, Reported, Sent, Verdict
from web.acting import KINDS, Asked, Kind, Prepared, carry_out, member_named, prepare
from web.bodies import refusing
from web.site import Site

ACTS: Final[Mapping[str, Kind]] = {kind.word: kind for kind in KINDS if kind.word in ("hide", "ban")}

UNCONFIRMED: Final = (None, "handle.invalid")

OWN: Final = "This post is your own; you can change or delete it yourself."
BANNED: Final = "You are banned from this forum."
NO_REPORT: Final = "There is no such report."


class ReportedBefore(Conflict):
    """The member has a voice in the open report."""


class ReportsTooOften(TooManyRequests):
    """The member has reported much within an hour."""


class TakenAlready(Conflict):
    """Another moderator was faster, or it is done already."""

    def __init__(self, faster: Faster, name: str) -> None:
        resolved = f"{name} has resolved this report already: {faster.outcome}."
        super().__init__(resolved if faster.outcome else f"{name} has claimed this report.")
        self.faster, self.who = faster, name

    def is_the_same(self, verdict: Verdict) -> bool:
        """What was asked for, by the same moderator: a second click."""
        return (self.faster.by, self.faster.outcome) == (verdict.by, verdict.outcome)


def check_reportable(viewer: Viewer, post: Seen | None) -> Seen:
    """The post, if this account may report it."""
    if viewer.rights.banned:
        raise Forbidden(BANNED)
    if post is None or not post.seen:
        raise NotFound("There is no such post.")
    if post.did == viewer.did:
        raise Forbidden(OWN)
    return post


async def send_report(database: Database, viewer: Viewer, post: Seen | None, typed: str) -> Sent:
    """Tell the moderators."""
    post = check_reportable(viewer, post)
    with refusing():
        reason = reports.checked_words("reason", typed)
    if not reason:
        raise BadRequest("Please say why.")
    reported = Reported(uri=post.ref.uri, cid=post.ref.cid, author=post.did)
    try:
        async with database.transaction() as tx:
            return await reports.send(tx, viewer.did, reported, reason)
    except reports.AlreadyReported as already:
        raise ReportedBefore("You have reported this post already; the moderators will look at it.") from already
    except reports.TooManyReports as many:
        raise ReportsTooOften(
            "You have reported many posts within an hour; please wait before the next.", retry_after=many.seconds
        ) from many


async def claim_report(database: Database, by: str, report_id: int) -> None:
    async with deciding(database) as tx:
        await reports.claim(tx, report_id, by)


async def give_report_back(database: Database, by: str, report_id: int) -> None:
    async with deciding(database) as tx:
        await reports.give_back(tx, report_id, by)


async def resolve_report(
    database: Database,
    site: Site,
    account: ForumAccount,
    viewer: Viewer,
    verdict: Verdict,
    *,
    until: datetime | None = None,
) -> OwnWrite | None:
    """Do what the verdict says, and end the report; the record that was written, if one was.

    What may not be is refused before the report is claimed, so that it stays free for who may.
    """
    ready = await prepared(database, site, viewer, verdict, until)
    try:
        if ready is not None:
            await claim_report(database, verdict.by, verdict.report_id)
            return await acted(database, site, account, ready, verdict)
        async with deciding(database) as tx:
            await reports.free_for(tx, verdict.report_id, verdict.by)
            await reports.settle(tx, verdict)
    except TakenAlready as taken:
        if not taken.is_the_same(verdict):
            raise
    return None


async def prepared(
    database: Database, site: Site, viewer: Viewer, verdict: Verdict, until: datetime | None
) -> Prepared | None:
    """The act that the verdict takes, if it takes one and this moderator may do it."""
    async with database.connection() as connection:
        report = await report_by_id(connection, viewer.did, verdict.report_id)
    if report is None:
        raise NotFound(NO_REPORT)
    kind = ACTS.get(verdict.outcome)
    check_words(verdict, is_act=kind is not None)
    if kind is None:
        return None
    if not viewer.may(kind.permission):
        raise Forbidden("Insufficient permissions")
    subject = await member_named(database, site, report.post.author.did) if kind.word == "ban" else hidable(report.post)
    asked = Asked(kind=kind, is_on=True, by=viewer.did, subject=subject, reason=verdict.reason or "", until=until)
    return await prepare(database, site, asked)


def check_words(verdict: Verdict, *, is_act: bool) -> None:
    """What is said beside it; an act's reason stands in its record, which has sizes of its own."""
    if is_act and not verdict.reason:
        raise BadRequest("Please say why.")
    with refusing():
        reports.checked_words("note", verdict.note or "")
        if not is_act:
            reports.checked_words("reason", verdict.reason or "")


def hidable(post: Post) -> moderation.Post:
    """The post as one acts on it, if there is anything left of it."""
    if not post.is_there or post.cid is None:
        raise Conflict("The post is gone; there is nothing left to hide.")
    return moderation.Post(uri=post.uri, cid=post.cid, did=post.author.did, is_topic=post.is_topic)


async def acted(
    database: Database, site: Site, account: ForumAccount, ready: Prepared, verdict: Verdict
) -> OwnWrite | None:
    """Act, and end the report in the same transaction."""

    async def settle(tx: Connection) -> None:
        with suppress(Faster, NoReport):  # told below: what is written in the repository is to be seen here, too
            await reports.settle(tx, verdict)

    write = await carry_out(database, site, account, ready, beside=settle)
    # Again, should that have come to nothing: it was so already, or the database was away just then.
    async with deciding(database) as tx:
        await reports.settle(tx, verdict)
    return write


@asynccontextmanager
async def deciding(database: Database) -> AsyncIterator[Connection]:
    """A transaction in which a report is claimed, given back or resolved; what is against it, in words."""
    try:
        async with database.transaction() as tx:
            yield tx
    except NoReport as none:
        raise NotFound(NO_REPORT) from none
    except Faster as faster:
        async with database.connection() as connection:
            handle = await handle_of(connection, faster.by)
        raise TakenAlready(faster, faster.by if handle in UNCONFIRMED else str(handle)) from faster
