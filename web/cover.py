"""What stands between the server and the app: one log line per request, and responses that are truly finished.

Quart-Trio cancels a request's tasks as soon as the server tells it that the client is gone. Hypercorn tells it so
inside the very call that sends the last part, before it closes the connection or readies it for the next request;
cancelled there, the connection stays open for ever. So the last part is sent by a task outside of Quart's.
"""

import structlog
import trio
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope

log = structlog.get_logger(__name__)

LAST_PART_SECONDS = 10  # for a few bytes; past this the client does not read

# Asked every few seconds by machines.
QUIET_PATHS = frozenset({"/api/health", "/healthz", "/readyz", "/metrics"})


def finish_responses(app: ASGIFramework) -> ASGIFramework:
    """The app, its responses' last parts out of reach of its own cancellation, but not of the server's."""

    async def covered(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async with trio.open_nursery() as finishing:

            async def send_whole(event: ASGISendEvent) -> None:
                if event["type"] == "http.response.body" and not event.get("more_body", False):
                    finishing.start_soon(send_last, send, event)
                else:
                    await send(event)

            await app(scope, receive, send_whole)

    return covered


async def send_last(send: ASGISendCallable, event: ASGISendEvent) -> None:
    """Send the last part, with which the server also settles the connection."""
    with trio.move_on_after(LAST_PART_SECONDS):
        await send(event)


def refuse_oddities(app: ASGIFramework) -> ASGIFramework:
    """The app, spared what it has no use for and the library below it stumbles over.

    That is WebSockets, and requests for anything but a path: only proxies are sent those.
    """

    async def guarded(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": None})
        elif scope["type"] == "http" and not scope["path"].startswith("/"):
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await app(scope, receive, send)

    return guarded


def log_requests(app: ASGIFramework) -> ASGIFramework:
    """The app, with one line per request: never the query, which can hold secrets."""

    async def logged(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        status: int | None = None  # stays None when the client went away first

        async def note_status(event: ASGISendEvent) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
            await send(event)

        began = trio.current_time()
        try:
            await app(scope, receive, note_status)
        finally:
            say = log.debug if scope["path"] in QUIET_PATHS else log.info
            spent = round((trio.current_time() - began) * 1000, 1)
            say("request", method=scope["method"], path=scope["path"], status=status, ms=spent)

    return logged
