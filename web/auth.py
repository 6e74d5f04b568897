"""Signing in by AT Protocol OAuth: off to the account's own server, and back with what it gave.

What must be known when the browser comes back is kept encrypted in the database, so any process can finish what another
began, and belongs to that browser by a cookie of its own. The session is made anew each time; the one before it ends.
"""

from functools import partial
from urllib.parse import urlsplit

import structlog
import trio
from quart import Quart, Response, g, request
from werkzeug.exceptions import BadRequest, Forbidden, ServiceUnavailable

from actors.identity import meet
from actors.joining import join_forum
from actors.oauth import Grant, SignIn, SignInRefused
from actors.pds_client import PdsClient
from actors.repository import Repository
from forum import sessions, sign_ins
from forum.accounts import Status
from forum.database import Database, DatabaseAway
from forum.errors import BadInput, Unavailable
from forum.sealing import Unsealable, opened, sealed
from web.cookies import CALLBACK, SIGN_IN_COOKIE, give_session, give_sign_in, take_sign_in
from web.door import Closed, Door, give_back, revoke, way_in
from web.limits import SIGN_INS_A_MINUTE, limited
from web.next_path import local_path
from web.origin import is_foreign
from web.signed_in import COOKIE
from web.site import Site

LOGIN = "/api/auth/login"
SIGN_IN = "/sign-in"
MOVED = "moved"  # said by ourselves in the query: it is asked for where it should be, as far as we can tell
LONGEST_ACCOUNT = 2000
PROFILES = "https://bsky.app/profile/"  # before the handle, as it stands in the address of a page there
AGAIN = "This sign-in was begun too long ago, or is finished already; please sign in again."

log = structlog.get_logger(__name__)


def add_auth(app: Quart, database: Database, site: Site, door: Door | Closed) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for rule, handler in (
        (LOGIN, limited(partial(log_in, database, site, door), a_minute=SIGN_INS_A_MINUTE)),
        (CALLBACK, partial(come_back, database, site, door)),
    ):
        app.add_url_rule(rule, endpoint=rule, view_func=handler, methods=["GET"])


async def log_in(database: Database, site: Site, door: Door | Closed) -> Response:
    """Send the browser to the server of the account it names.

    Where another site leads it here, which may mean to have it signed in as somebody else, a person is asked first.
    """
    if (elsewhere := own_address(site)) is not None:
        return gone_to(elsewhere)
    if is_foreign():
        return gone_to(f"{SIGN_IN}?{asked_query()}")
    open_door = way_in(door)
    account, next_path = asked_account(), local_path(request.args.get("next"))
    sign_in = await begun(open_door, account)
    browser = sessions.new_token()
    async with database.transaction() as tx:
        await sign_ins.keep(
            tx,
            state=sign_in.state,
            browser=browser,
            sealed=sealed(open_door.seal, sign_in),
            next_path=next_path,
        )
    response = gone_to(sign_in.url)
    give_sign_in(response, browser, site)
    return response


async def come_back(database: Database, site: Site, door: Door | Closed) -> Response:
    """Take the server's answer to what this browser began, and sign it in."""
    open_door = way_in(door)
    kept = await taken(database)
    g.next_path = kept.next_path  # for the page on which a browser may try again
    grant = await finished(open_door, kept)
    await welcome(database, open_door, grant)
    token, former = await signed_in_anew(database, site, open_door, grant)
    pds = PdsClient(open_door.resolver.client, grant.pds)
    repository = Repository(pds, grant.did, partial(open_door.oauth.post, grant))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_back, door, former)
        nursery.start_soon(partial(join_forum, database, repository, forum_did=site.forum_did))
    response = gone_to(kept.next_path)
    give_session(response, token, site)
    take_sign_in(response, site)
    return response


def own_address(site: Site) -> str | None:
    """The same request at our public origin, where the answer will come, if the browser asks by another name of ours.

    Only once: a proxy may name us as it likes.
    """
    public = site.public_origin
    if public is None or request.host.lower() == urlsplit(public).netloc.lower() or MOVED in request.args:
        return None
    return f"{public}{LOGIN}?{asked_query()}&{MOVED}=1"


def asked_query() -> str:
    return request.query_string.decode("ascii", "ignore")


def asked_account() -> str:
    """A handle, a DID or a server, as people paste them."""
    pasted = "".join(filter(str.isprintable, request.args.get("handle", ""))).strip()
    account = pasted.removeprefix(PROFILES).removeprefix("@")
    if not account:
        raise BadRequest("To sign in, give the handle of your account.")
    if len(account) > LONGEST_ACCOUNT:
        raise BadRequest("This is too long for a handle.")
    return account


async def begun(door: Door, account: str) -> SignIn:
    try:
        return await door.oauth.begin(account)
    except SignInRefused as refused:
        raise BadRequest(str(refused)) from refused
    except Unavailable as away:
        log.info("sign_in_unavailable", reason=str(away))
        raise ServiceUnavailable("The server of this account does not answer right now; please try later.") from away


async def taken(database: Database) -> sign_ins.Kept:
    """What was begun under the answer's state; it counts once, and for the browser that began it."""
    async with database.transaction() as tx:
        kept = await sign_ins.take(tx, request.args.get("state", ""))
    if kept is None:
        raise BadRequest(AGAIN)
    if not kept.is_of(request.cookies.get(SIGN_IN_COOKIE, "")):
        raise Forbidden("This sign-in was begun in another browser; please sign in again.")
    return kept


async def finished(door: Door, kept: sign_ins.Kept) -> Grant:
    try:
        sign_in = opened(door.seal, kept.sealed, SignIn)
        g.account = sign_in.account
        return await door.oauth.finish(sign_in, request.args.to_dict())
    except Unsealable as lost:
        raise BadRequest(AGAIN) from lost
    except SignInRefused as refused:
        raise Forbidden(str(refused)) from refused
    except Unavailable as away:
        log.info("sign_in_unavailable", reason=str(away))
        raise ServiceUnavailable("Your server does not answer right now; please sign in again later.") from away


async def welcome(database: Database, door: Door, grant: Grant) -> None:
    """Know the account, its handle and its state; whom its own server does not show is not let in."""
    try:
        status: Status = (await meet(door.resolver, database, grant.did)).status
    except DatabaseAway:
        raise
    except (Unavailable, BadInput) as unknown:
        log.info("identity_unavailable", did=grant.did, reason=str(unknown))
        return  # identity asks again in its own time
    if status != "active":
        await revoke(door, grant)
        said = status.replace("takendown", "taken down")
        raise Forbidden(f"Your account is {said} at its own server, so it cannot be used here.")


async def signed_in_anew(database: Database, site: Site, door: Door, grant: Grant) -> tuple[str, bytes | None]:
    """A session with a cookie of its own, whatever the browser sent; and what the former one has left."""
    async with database.transaction() as tx:
        former = await sessions.end(tx, request.cookies.get(COOKIE, ""))
        token = await sessions.create(
            tx,
            grant.did,
            site.session_ttl,
            grant_sealed=sealed(door.seal, grant),
            user_agent=request.headers.get("User-Agent"),
        )
    log.info("signed_in", did=grant.did)
    return token, former.grant_sealed if former else None


def gone_to(url: str) -> Response:
    """See there; not to be asked for again from here."""
    response = Response(b"", status=303)
    response.headers["Location"] = url
    return response
