"""Errors become status codes and one sentence, here and nowhere else; `web/pages/errors.py` makes pages of them.

What a handler refuses it raises as an HTTPException with its own sentence. What nobody foresaw is logged with its trace
and told without internals.
"""

import structlog
from quart import Quart, Response, g, request
from werkzeug.exceptions import HTTPException

from actors.agent import ReadOnly
from actors.pds_client import Refused
from forum.database import DatabaseAway
from forum.errors import BadInput
from web.answers import refusal

CHANGED = "Somebody else has changed it meanwhile; please look again."

log = structlog.get_logger(__name__)


def add_errors(app: Quart) -> None:
    """Have the app answer errors as JSON."""
    app.register_error_handler(HTTPException, refused)
    app.register_error_handler(BadInput, bad_input)
    app.register_error_handler(DatabaseAway, unavailable)
    app.register_error_handler(ReadOnly, read_only)
    app.register_error_handler(Refused, refused_elsewhere)
    app.register_error_handler(Exception, failed)


async def refused(error: HTTPException) -> Response:
    """The exception's own sentence, or its name where it brings only the library's paragraph."""
    own = error.description if error.description != type(error).description else None
    response = refusal(own or f"{error.name}.", status=error.code or 500)
    for name, value in error.get_headers():
        if name.lower() != "content-type":  # Allow and the like stay
            response.headers[name] = value
    return response


async def bad_input(error: BadInput) -> Response:
    log.info("input_refused", path=request.path, reason=error.reason)
    return refusal("The request holds something that cannot be taken.", status=400)


async def unavailable(error: DatabaseAway) -> Response:
    log.warning("request_unavailable", path=request.path, error=str(error))
    return refusal("The forum cannot reach its database right now; please try again.", status=503)


async def read_only(error: ReadOnly) -> Response:
    g.is_read_only = True  # for the page that browsers get
    return refusal(str(error), status=503)


async def refused_elsewhere(error: Refused) -> Response:
    """What the forum's server would not do. InvalidSwap: the record is no longer the one we looked at."""
    if error.name == "InvalidSwap":
        return refusal(CHANGED, status=409)
    log.error("write_refused", path=request.path, reason=error.name)
    return refusal("The forum's server refused the change.", status=500)


async def failed(error: Exception) -> Response:
    log.error("request_failed", method=request.method, path=request.path, exc_info=error)
    return refusal("Something went wrong here.", status=500)
