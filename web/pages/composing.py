"""The form in which posts are written: what is typed in it, who may not write and why, and how it is shown again.

It is sent whole and without scripts. Whatever hinders a post, the form comes back with all that was typed, and with the
same key, so that however often it is sent, one post comes of it.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from markupsafe import Markup
from quart import Response, request

from forum.database import Connection
from forum.posts import MARKDOWN_GRAPHEMES, TITLE_GRAPHEMES
from forum.reads.decisions import decisions
from forum.reads.viewers import Viewer
from forum.records.graphemes import count_graphemes
from web.pages.places import Place
from web.pages.refusals import Refusal
from web.pages.showing import asked_words, show
from web.posts import is_key
from web.site import Site

# In UTF-16 units, as browsers count. No text within our limits has as many, and with as many no request is too long.
MOST_TYPED: Final = 80_000
COUNTED: Final = 1_000_000  # as far as what is too much is told to the letter

Why = Literal["sign_in", "read_only", "locked", "deleted", "banned", "muted", "approval", "no_right"]
PAIRS: Final[tuple[tuple[str, Why], ...]] = (("ban", "banned"), ("mute", "muted"))


def new_key() -> str:
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What stands in the form. `to` is the post that is answered; `seen` the version that is edited, by its CID."""

    title: str = ""
    text: str = ""
    to: str = ""
    seen: str = ""
    key: str = field(default_factory=new_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """Why somebody cannot write here; for bans and the like with what the moderator said."""

    why: Why
    reason: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What its author can mend before anything is sent, by field."""

    title: Markup | None = None
    text: Markup | None = None

    def __bool__(self) -> bool:
        return bool(self.title or self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a post says at its server by now."""

    title: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """All that the template shows of it."""

    place: Place
    typed: Typed
    hindrance: Hindrance | None = None
    refusal: Refusal | None = None
    sentence: Markup | None = None  # in the reader's language, in place of the refusal's own
    faults: Faults = Faults()
    preview: Markup | None = None
    current: Version | None = None

    most_text: int = MARKDOWN_GRAPHEMES
    most_title: int = TITLE_GRAPHEMES
    most_typed: int = MOST_TYPED


async def asked_typed() -> Typed:
    """What was sent."""
    form = await request.form
    said = {name: form.get(name, "").replace("\r\n", "\n") for name in ("title", "text", "to", "seen", "key")}
    if not is_key(said["key"]):
        del said["key"]  # then it has a new one
    return Typed(**said)


async def wants_preview() -> bool:
    return "preview" in await request.form


def faults_in(typed: Typed, place: Place) -> Faults:
    words = asked_words()
    return Faults(
        title=fault_of(typed.title, words("compose.no_title"), TITLE_GRAPHEMES) if place.has_title else None,
        text=fault_of(typed.text, words("compose.no_text"), MARKDOWN_GRAPHEMES),
    )


def fault_of(text: str, if_empty: Markup | None, most: int) -> Markup | None:
    excess = count_graphemes(text.strip(), COUNTED) - most
    if excess > 0:
        return asked_words()("compose.too_long", count=excess)
    return None if text.strip() else if_empty


async def hindrance_for(
    connection: Connection, viewer: Viewer | None, permission: str, *, locked: bool, deleted: bool
) -> Hindrance | None:
    """What would keep them from writing, if anything does.

    That the topic is `deleted` is told to who could answer it otherwise: they may still edit what they wrote there.
    """
    if viewer is None:
        return Hindrance(why="sign_in")
    if locked:
        return Hindrance(why="locked")
    if viewer.may(permission):
        return Hindrance(why="deleted") if deleted else None
    held = await decisions(connection, [viewer.did])
    for pair, why in PAIRS:
        if (decision := held.get((viewer.did, pair))) is not None:
            return Hindrance(why=why, reason=decision.reason, until=decision.until)
    return Hindrance(why="approval" if viewer.rights.role is None else "no_right")


def reply_form(topic: str, hindrance: Hindrance | None) -> Form:
    """The form at the foot of the topic of that path."""
    return Form(place=Place(kind="reply", action=f"{topic}/reply", back=topic), typed=Typed(), hindrance=hindrance)


def form_page(site: Site, viewer: Viewer | None, form: Form) -> Response:
    status = 400 if form.faults else 200 if form.refusal is None else form.refusal.status
    page = show(
        site, "compose.html", viewer=viewer, forum=form.place.forum, path=None, status=status, form=form,
    )  # fmt: skip
    page.headers["Cache-Control"] = "no-store"
    return page
