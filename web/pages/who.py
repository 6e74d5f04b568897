"""Who looks at a page; and whether a form that is sent here was made by us for the same session.

A page for nobody in particular is alike for everybody, so that it can be kept: the database is asked only where a
session's cookie came. A form carries a word made of that cookie, which another site, even one beside us that could
plant its own form, does not know. With `web/origin.py` that is the second lock on the same door.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from markupsafe import Markup
from quart import Quart, Response, request
from werkzeug.exceptions import Forbidden

from forum.database import Connection
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
from forum.reads.viewers import Viewer, viewer_of
from web.answers import FOR_MACHINES
from web.errors import refused
from web.origin import SAFE_METHODS
from web.signed_in import COOKIE
from web.site import Site

FIELD = "csrf"
# Whoever has a page in the panel.
STAFF = (
    MANAGE_FORUM,
    MANAGE_CATEGORIES,
    MANAGE_ROLES,
    MANAGE_MEMBERS,
    MANAGE_THEMES,
    MODERATE_POSTS,
    BAN_USERS,
    LOCK_TOPICS,
)
STALE = "This form was opened before you signed in; please send it again."

Keeper = Callable[..., Awaitable[Any]]  # Any: a response; takes what its path says, and `refusal`


class StaleForm(Forbidden):
    """A form of another session, or not of our making."""


async def asked_viewer(connection: Connection, site: Site) -> Viewer | None:
    """Who asks for this page; None: somebody."""
    token = request.cookies.get(COOKIE)
    return await viewer_of(connection, token, forum_did=site.forum_did) if token else None


def runs_forum(viewer: Viewer) -> bool:
    """Whether any page of the panel is for them."""
    return viewer.may(*STAFF)


def moderates(viewer: Viewer) -> bool:
    """Whether reports are for them."""
    return viewer.may(MODERATE_POSTS)


def csrf_field() -> Markup:
    """What each form that changes something holds; nothing for who has no session, for there is nothing to guard."""
    token = request.cookies.get(COOKIE)
    if not token:
        return Markup()
    return Markup(f'<input type="hidden" name="{FIELD}" value="{word_for(token)}">')  # noqa: S704 - hexadecimal


def add_form_check(app: Quart) -> None:
    """Have the app refuse forms without it, before its handlers; what machines send is JSON, and has no such field."""
    keepers: dict[str, Keeper] = {}
    app.extensions["keepers"] = keepers
    app.before_request(refuse_stale_forms)
    app.register_error_handler(StaleForm, partial(take_back, keepers))


def keep_form(app: Quart, endpoint: str, keeper: Keeper) -> None:
    """A form in which people type: of another session, it is shown again by its handler, and nothing is lost."""
    app.extensions["keepers"][endpoint] = keeper


async def take_back(keepers: Mapping[str, Keeper], error: StaleForm) -> Response:
    keeper = keepers.get(request.endpoint or "")
    if keeper is None:
        return await refused(error)
    response: Response = await keeper(**(request.view_args or {}), refusal=Forbidden(error.description))
    return response


async def refuse_stale_forms() -> None:
    token = request.cookies.get(COOKIE)
    if request.method in SAFE_METHODS or request.path.startswith(FOR_MACHINES) or not token:
        return
    sent = (await request.form).get(FIELD, "")
    if not hmac.compare_digest(sent.encode(errors="replace"), word_for(token).encode()):
        raise StaleForm(STALE)


def word_for(token: str) -> str:
    """Of this session's cookie, from which nobody learns it."""
    return hmac.digest(token.encode(errors="replace"), b"form", "sha256").hex()
