"""Reporting a post: the form on which a member says what is wrong with it, and what they are told afterwards.

Both have one address, below the post's own: while a report of theirs is open, its page thanks for it. What is sent goes
through `web/reporting.py`, as by the API; whatever hinders it, the form comes back with what was typed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Literal

from markupsafe import Markup
from quart import Quart, Response, redirect, request
from werkzeug.exceptions import HTTPException, NotFound, Unauthorized
from werkzeug.wrappers import Response as Redirection

from forum.database import Connection, Database
from forum.reads.viewers import Viewer
from forum.reports import WORDS_BYTES, WORDS_GRAPHEMES, OwnVoice, own_voice
from web.next_path import HOME
from web.pages.composing import fault_of
from web.pages.places import NO_POST, Place, post_in
from web.pages.refusals import FORESEEN, Refusal, refusal_of
from web.pages.showing import asked_words, show
from web.pages.who import asked_viewer, keep_form
from web.pages.writing import REPLY, TOPIC
from web.reporting import ReportedBefore, ReportsTooOften, send_report
from web.site import Site

Page = Response | Redirection
Find = Callable[[Connection], Awaitable[Place]]
Why = Literal["sign_in", "banned", "own"]

STATUS: Final = {"sign_in": 401, "banned": 403, "own": 403}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """All that the template shows; without a place nothing is known but the address."""

    viewer: Viewer | None = None
    place: Place | None = None
    typed: str = ""
    voice: OwnVoice | None = None
    hindrance: Why | None = None
    fault: Markup | None = None
    refusal: Refusal | None = None
    action: str = field(default_factory=lambda: request.path)

    most: int = WORDS_GRAPHEMES
    most_typed: int = WORDS_BYTES

    @property
    def status(self) -> int:
        if self.refusal is not None:
            return self.refusal.status
        return 400 if self.fault else STATUS.get(self.hindrance or "", 200)


def add_reporting(app: Quart, database: Database, site: Site) -> None:
    """Hang the handler into the app, with what it needs."""
    for rule in (f"{TOPIC}/report", f"{REPLY}/report"):
        view = partial(report, database, site)
        app.add_url_rule(rule, endpoint=rule, view_func=view, methods=["GET", "POST"])
        keep_form(app, rule, view)


async def report(
    database: Database,
    site: Site,
    name: str,
    rkey: str,
    did: str = "",
    reply: str = "",
    refusal: HTTPException | None = None,
) -> Page:
    find = partial(post_seen, site=site, name=name, rkey=rkey, anchor=f"{did}/{reply}" if reply else "")
    if request.method == "POST":
        return await sent(database, site, find, refusal)
    async with database.connection() as connection:
        viewer, place = await asked_viewer(connection, site), await find(connection)
        voice = await voice_of(connection, viewer, place)
    return report_page(site, Form(viewer=viewer, place=place, voice=voice, hindrance=hindrance_for(viewer, place)))


async def post_seen(connection: Connection, *, site: Site, name: str, rkey: str, anchor: str) -> Place:
    """The post of that path, if anybody can see it."""
    place = await post_in(connection, site, name, rkey, anchor, None)
    if place.post is None or not place.post.seen:
        raise NotFound(NO_POST)
    return place


async def voice_of(connection: Connection, viewer: Viewer | None, place: Place) -> OwnVoice | None:
    """What they have said of it, while that waits for the moderators."""
    if viewer is None or place.post is None:
        return None
    return await own_voice(connection, viewer.did, place.post.ref.uri)


def hindrance_for(viewer: Viewer | None, place: Place) -> Why | None:
    """Why there is no form for them."""
    if viewer is None:
        return "sign_in"
    if viewer.rights.banned:
        return "banned"
    return "own" if place.post is not None and place.post.did == viewer.did else None


async def sent(database: Database, site: Site, find: Find, refusal: HTTPException | None) -> Page:
    """To the thanks, or the form again."""
    form = Form(typed=(await request.form).get("reason", "").strip())
    try:
        async with database.connection() as connection:
            form = replace(form, viewer=await asked_viewer(connection, site))
            form = replace(form, place=await find(connection))
        if refusal is not None:
            raise refusal
        if fault := fault_of(form.typed, asked_words()("report.no_reason"), WORDS_GRAPHEMES):
            return report_page(site, replace(form, fault=fault))
        await deliver(database, form)
    except FORESEEN as error:
        return report_page(site, replace(form, refusal=await told_of(error)))
    return redirect(request.path, code=303)


async def deliver(database: Database, form: Form) -> None:
    """Tell the moderators; the same once more, as by a second click, is told already."""
    if form.viewer is None or form.place is None:
        raise Unauthorized("Your sign-in has ended; please sign in again.")
    try:
        await send_report(database, form.viewer, form.place.post, form.typed)
    except ReportedBefore:
        async with database.connection() as connection:
            voice = await voice_of(connection, form.viewer, form.place)
        if voice is None or voice.reason != form.typed:
            raise


async def told_of(error: Exception) -> Refusal:
    """Of one of `FORESEEN`, in the reader's language where it is their affair."""
    refusal, words = await refusal_of(error), asked_words()
    match error:
        case ReportedBefore():
            return replace(refusal, said=words("report.before"))
        case ReportsTooOften():
            return replace(refusal, said=words("report.too_often"))
    return refusal


def report_page(site: Site, form: Form) -> Response:
    page = show(
        site, "report.html", viewer=form.viewer, forum=form.place.forum if form.place else None, path=None,
        status=form.status, form=form, back=form.place.back if form.place else HOME,
    )  # fmt: skip
    page.headers["Cache-Control"] = "no-store"
    return page
