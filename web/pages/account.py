"""Signing in and out by pages, and what somebody may settle for themselves: language, looks, sessions.

Signing in itself is `web/auth.py`; what it refuses a browser comes back here, as the form with the sentence above it.
"""

from functools import partial
from typing import Final

import msgspec
from quart import Quart, Response, g, request
from werkzeug.exceptions import Unauthorized

from actors.discovery import NO_NAME
from forum.database import Database
from forum.reads.latest import names
from forum.reads.viewers import Viewer
from forum.sessions import sessions_of
from web.auth import LOGIN, SIGN_IN, gone_to
from web.cookies import CALLBACK, take_session
from web.door import Closed, Door
from web.looks import asked_offer
from web.next_path import HOME, local_path
from web.pages.choices import SCHEMES, chosen_language, give_language, give_look, look_from
from web.pages.errors import known_yet, prefers_page
from web.pages.showing import HEADERS, show
from web.pages.who import asked_viewer
from web.pages.words import languages
from web.params import id_from
from web.sessions import end_one, end_others, leave
from web.signed_in import sent_token, signed_in
from web.site import Site

SETTINGS: Final = "/settings"
SESSIONS: Final = f"{SETTINGS}#sessions"
OUR_FORMS: Final = "form-action 'self'"

# What browsers say they are, and what they run on. Most claim to be others, too: the first that fits is meant.
BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"), ("Chrome/", "Chrome"), ("CriOS/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def add_account(app: Quart, database: Database, site: Site, door: Door | Closed) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", SIGN_IN, partial(show_sign_in, database, site, door)),
        ("POST", "/sign-out", partial(sign_out, database, site, door)),
        ("GET", SETTINGS, partial(show_settings, database, site)),
        ("POST", SETTINGS, partial(keep_settings, site)),
        ("POST", "/settings/sessions/<session_id>/end", partial(end_session, database, site, door)),
        ("POST", "/settings/sessions/end-others", partial(end_other_sessions, database, door)),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=handler, methods=[method])
    app.after_request(partial(offered_again, database, site, door))


async def show_sign_in(database: Database, site: Site, door: Door | Closed) -> Response:
    forum, viewer = await known_yet(database, site)
    return sign_in_page(
        site,
        door,
        forum,
        viewer,
        account=request.args.get("handle", ""),
        next_path=local_path(request.args.get("next")),
    )


async def offered_again(database: Database, site: Site, door: Door | Closed, response: Response) -> Response:
    """A sign-in that failed, for a browser: the form again, with what was typed."""
    if response.status_code < 400 or request.path not in (LOGIN, CALLBACK) or not prefers_page():
        return response
    sentence = msgspec.json.decode(await response.get_data(), type=dict[str, str])["error"]
    forum, viewer = await known_yet(database, site)
    page = sign_in_page(
        site, door, forum, viewer,
        account=g.get("account") or request.args.get("handle", ""),
        next_path=g.get("next_path") or local_path(request.args.get("next")),
        status=response.status_code, sentence=sentence,
    )  # fmt: skip
    page.headers["Cache-Control"] = "no-store"
    if "Retry-After" in response.headers:
        page.headers["Retry-After"] = response.headers["Retry-After"]
    return page


def sign_in_page(
    site: Site,
    door: Door | Closed,
    forum: str | None,
    viewer: Viewer | None,
    *,
    account: str,
    next_path: str,
    status: int = 200,
    sentence: str | None = None,
) -> Response:
    """The form leads to whichever server the account is at, and browsers ask the page whether it may."""
    page = show(
        site, "sign_in.html", viewer=viewer, forum=forum, path=None, status=status,
        login=LOGIN, account=account, next_path=next_path, sentence=sentence, is_no_name=sentence == NO_NAME,
        closed=door.why if isinstance(door, Closed) else None,
    )  # fmt: skip
    anywhere = f"{OUR_FORMS} https:" if site.is_https else f"{OUR_FORMS} https: http:"
    page.headers["Content-Security-Policy"] = HEADERS["Content-Security-Policy"].replace(OUR_FORMS, anywhere)
    return page


async def sign_out(database: Database, site: Site, door: Door | Closed) -> Response:
    """The end of this browser's session, if it had one."""
    await leave(database, door)
    response = gone_to(HOME)
    take_session(response, site)
    return response


async def show_settings(database: Database, site: Site) -> Response:
    """Language and looks for everybody, sessions for who is signed in."""
    async with database.connection() as connection:
        viewer = await asked_viewer(connection, site)
        found = () if viewer is None else await sessions_of(connection, viewer.did)
        forum = (await names(connection, site.forum_uri)).forum
    choices = asked_offer().choices
    differs = len({theme.rkey for themes in choices.values() for theme in themes}) > 1  # or there is nothing to choose
    return show(
        site, "settings.html", viewer=viewer, forum=forum, path=None,
        languages=languages(), chosen_language=chosen_language(), choices=choices, schemes=SCHEMES if differs else (),
        is_saved="saved" in request.args,
        sessions=[(session, browser_of(session.user_agent or ""), session.is_of(sent_token())) for session in found],
    )  # fmt: skip


def browser_of(user_agent: str) -> str:
    """As people know it, from what it says of itself; empty if it says nothing that is known."""
    found = (next((name for sign, name in signs if sign in user_agent), "") for signs in (BROWSERS, SYSTEMS))
    return ", ".join(filter(None, found))


async def keep_settings(site: Site) -> Response:
    form, offer = await request.form, asked_offer()
    look = look_from(".".join(form.get(name, "") for name in ("scheme", "light", "dark")), offer)
    response = gone_to(f"{SETTINGS}?saved")
    give_look(response, look, offer, site)
    give_language(response, form.get("language", ""), site)
    return response


async def end_session(database: Database, site: Site, door: Door | Closed, session_id: str) -> Response:
    """Sign another browser out, or this one."""
    did, number = await required(database), id_from(session_id)
    if not await end_one(database, door, did, number):
        return gone_to(SESSIONS)
    response = gone_to(HOME)
    take_session(response, site)
    return response


async def end_other_sessions(database: Database, door: Door | Closed) -> Response:
    await end_others(database, door, await required(database))
    return gone_to(SESSIONS)


async def required(database: Database) -> str:
    """Who asks, or 401 in words for people."""
    try:
        return await signed_in(database)
    except Unauthorized as refused:
        raise Unauthorized("Your sign-in has ended; please sign in again.") from refused
