"""The session itself: who is signed in by it, and its end."""

from functools import partial

from quart import Quart, Response
from werkzeug.exceptions import Unauthorized

from forum.database import Database
from forum.reads.accounts import handle_of
from forum.sessions import end
from web.answers import answer
from web.signed_in import COOKIE, sent_token, signed_in


def add_auth(app: Quart, database: Database) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", "/api/auth/session", partial(show_session, database)),
        ("POST", "/api/auth/logout", partial(log_out, database)),
    ):
        app.add_url_rule(rule, endpoint=rule, view_func=handler, methods=[method])


async def show_session(database: Database) -> Response:
    try:
        did = await signed_in(database)
    except Unauthorized as refused:
        return answer({"authenticated": False, "error": refused.description}, status=401)
    async with database.connection() as connection:
        handle = await handle_of(connection, did)
    return answer({"authenticated": True, "did": did, "handle": handle})


async def log_out(database: Database) -> Response:
    """Forget the session, and have the browser forget its cookie."""
    await signed_in(database)
    async with database.transaction() as tx:
        await end(tx, sent_token())
    response = answer({"success": True})
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax")
    return response
