"""What the panel's pages have in common: who is let in, which cards there are for them, and how a page is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quart import Response
from werkzeug.exceptions import Forbidden, Unauthorized

from forum.database import Connection
from forum.permissions import (
    BAN_USERS,
    LOCK_TOPICS,
    MANAGE_FORUM,
    MANAGE_MEMBERS,
    MANAGE_THEMES,
    MODERATE_POSTS,
)
from forum.reads.latest import names
from forum.reads.viewers import Viewer
from web.pages.refusals import Refusal
from web.pages.showing import show
from web.pages.who import asked_viewer
from web.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A page of the panel, and the permissions of which any opens it."""

    word: str
    path: str
    permissions: tuple[str, ...]


CARDS: Final = (
    Card(word="members", path="/admin/members", permissions=(MANAGE_MEMBERS,)),
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


def cards_for(viewer: Viewer) -> Sequence[Card]:
    return [card for card in CARDS if viewer.may(*card.permissions)]


def panel(site: Site, template: str, desk: Desk, *, refusal: Refusal | None = None, **values: object) -> Response:
    """A page of the panel; with a refusal it has its status, and tells it."""
    page = show(
        site, f"admin/{template}", viewer=desk.viewer, forum=desk.forum, path=None,
        status=200 if refusal is None else refusal.status,
        refusal=refusal, cards=cards_for(desk.viewer), **values,
    )  # fmt: skip
    page.headers["Cache-Control"] = "no-store"
    return page
