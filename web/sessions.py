"""Sessions as their owner has them: who is signed in, from where else, and their end.

With a session its grant ends at the account's server, as far as that can be reached.
"""

from functools import partial

import trio
from quart import Quart, Response, request
from werkzeug.exceptions import NotFound, Unauthorized

from forum import sessions
from forum.database import Database
from forum.reads.accounts import handle_of
from web.answers import answer
from web.cookies import take_session
from web.door import REVOKE_SECONDS, Closed, Door, give_back
from web.params import id_from
from web.shapes import session_shape
from web.signed_in import COOKIE, sent_token, signed_in
from web.site import Site

MOST_REVOKED = 50  # at once; nobody has as many browsers


def add_sessions(app: Quart, database: Database, site: Site, door: Door | Closed) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", "/api/auth/session", partial(show_session, database)),
        ("POST", "/api/auth/logout", partial(log_out, database, site, door)),
        ("GET", "/api/auth/sessions", partial(list_sessions, database)),
        ("DELETE", "/api/auth/sessions/<session_id>", partial(end_session, database, site, door)),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=handler, methods=[method])


async def show_session(database: Database) -> Response:
    try:
        did = await signed_in(database)
    except Unauthorized as refused:
        return answer({"authenticated": False, "error": refused.description}, status=401)
    async with database.connection() as connection:
        handle = await handle_of(connection, did)
    return answer({"authenticated": True, "did": did, "handle": handle})


async def log_out(database: Database, site: Site, door: Door | Closed) -> Response:
    """Forget the session, and have the browser forget its cookie."""
    await signed_in(database)
    await leave(database, door)
    return signed_out(site, forget=True)


async def list_sessions(database: Database) -> Response:
    did, token = await signed_in(database), sent_token()
    async with database.connection() as connection:
        found = await sessions.sessions_of(connection, did)
    return answer({"sessions": [session_shape(session, is_current=session.is_of(token)) for session in found]})


async def end_session(database: Database, site: Site, door: Door | Closed, session_id: str) -> Response:
    """Sign another browser out, or this one."""
    did, number = await signed_in(database), id_from(session_id)
    return signed_out(site, forget=await end_one(database, door, did, number))


async def leave(database: Database, door: Door | Closed) -> None:
    """End the session of this browser, if it has one."""
    async with database.transaction() as tx:
        ended = await sessions.end(tx, request.cookies.get(COOKIE, ""))
    if ended is not None:
        await give_back(door, ended.grant_sealed)


async def end_one(database: Database, door: Door | Closed, did: str, number: int) -> bool:
    """End one of an account's sessions; whether it was that of this browser."""
    async with database.transaction() as tx:
        ended = await sessions.end_by_id(tx, did, number)
    if ended is None:
        raise NotFound("There is no such session.")
    await give_back(door, ended.grant_sealed)
    return ended.was_of(sent_token())


async def end_others(database: Database, door: Door | Closed, did: str) -> None:
    """Leave an account no session but that of this browser. Their servers are told of so many as listen in time."""
    async with database.transaction() as tx:
        ended = await sessions.end_others(tx, did, sent_token())
    with trio.move_on_after(REVOKE_SECONDS):
        async with trio.open_nursery() as nursery:
            for session in ended[:MOST_REVOKED]:
                nursery.start_soon(give_back, door, session.grant_sealed)


def signed_out(site: Site, *, forget: bool) -> Response:
    response = answer({"success": True})
    if forget:
        take_session(response, site)
    return response
