"""What the panel's pages have in common: who is let in, which cards there are for them, and how a page is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from quart import Response
from werkzeug.exceptions import Forbidden, Unauthorized

from actors.agent import ForumAccount
from forum.database import Connection, Database
from forum.permissions import (
    BAN_USERS,
    LOCK_TOPICS,
    MANAGE_CATEGORIES,
    MANAGE_FORUM,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    MANAGE_THEMES,
    MODERATE_POSTS,
)
from forum.reads.latest import names
from forum.reads.viewers import Viewer
from web.forum_writing import Hindered, Pen
from web.pages.refusals import Refusal, refusal_of
from web.pages.showing import asked_words, show
from web.pages.who import asked_viewer
from web.reporting import TakenAlready
from web.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A page of the panel, and the permissions of which any opens it."""

    word: str
    path: str
    permissions: tuple[str, ...]


CARDS: Final = (
    Card(word="reports", path="/admin/reports", permissions=(MODERATE_POSTS,)),
    Card(word="forum", path="/admin/forum", permissions=(MANAGE_FORUM,)),
    Card(word="structure", path="/admin/structure", permissions=(MANAGE_CATEGORIES,)),
    Card(word="members", path="/admin/members", permissions=(MANAGE_MEMBERS,)),
    Card(word="roles", path="/admin/roles", permissions=(MANAGE_ROLES,)),
    Card(word="themes", path="/admin/themes", permissions=(MANAGE_THEMES,)),
    Card(word="log", path="/admin/log", permissions=(MODERATE_POSTS, BAN_USERS, LOCK_TOPICS)),
    Card(word="audit", path="/admin/audit", permissions=(MANAGE_FORUM,)),
    Card(word="backfill", path="/admin/backfill", permissions=(MANAGE_FORUM,)),
    Card(word="actors", path="/admin/actors", permissions=(MANAGE_FORUM,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Who was let in, and what the forum is called."""

    viewer: Viewer
    forum: str | None


async def admitted(connection: Connection, site: Site, *permissions: str) -> Desk:
    """Who asks, if any of the permissions is theirs: 401 or 403 otherwise."""
    viewer = await asked_viewer(connection, site)
    if viewer is None:
        raise Unauthorized("Authentication required")
    if not viewer.may(*permissions):
        raise Forbidden("Insufficient permissions")
    return Desk(viewer=viewer, forum=(await names(connection, site.forum_uri)).forum)


def pen_of(database: Database, site: Site, account: ForumAccount, desk: Desk) -> Pen:
    """For what who was let in may write."""
    return Pen(database=database, site=site, account=account, actor=desk.viewer.did)


def cards_for(viewer: Viewer | None) -> Sequence[Card]:
    return [card for card in CARDS if viewer is not None and viewer.may(*card.permissions)]


async def told_of(error: Exception) -> Refusal:
    """Of one of `FORESEEN`, in the reader's language where we have the words."""
    refusal, words = await refusal_of(error), asked_words()
    match error:
        case Hindered():
            return replace(refusal, said=words(f"admin.why.{error.why}", count=error.count))
        case TakenAlready():
            said = words("admin.reports.taken." + (error.faster.outcome or "claimed"), name=error.who)
            return replace(refusal, said=said)
    return refusal


def panel(
    site: Site,
    template: str,
    desk: Desk | None,
    *,
    status: int = 200,
    refusal: Refusal | None = None,
    account: ForumAccount | None = None,
    **values: object,
) -> Response:
    """A page of the panel; with a refusal it has its status, and tells it.

    Without a desk nobody is known to be let in: all it shows is what they sent. Given the account by which its form
    writes, it says so if that cannot be.
    """
    viewer, forum = (None, None) if desk is None else (desk.viewer, desk.forum)
    page = show(
        site, f"admin/{template}", viewer=viewer, forum=forum, path=None,
        status=status if refusal is None else refusal.status,
        refusal=refusal, is_read_only=account is not None and not account.is_signed_in, cards=cards_for(viewer),
        **values,
    )  # fmt: skip
    page.headers["Cache-Control"] = "no-store"
    return page
