"""Server-sent events: how one is written, and the response that is a stream of them."""

from collections.abc import AsyncIterator

from quart import Response

STILL_HERE = b": still here\n\n"  # a comment: nobody thinks us dead, and who has gone is noticed


def event(name: str, data: str) -> bytes:
    """One event. Its data may have several lines, which a browser puts together again; without any it hears nothing."""
    return "".join([f"event: {name}\n", *(f"data: {line}\n" for line in data.splitlines()), "\n"]).encode()


def streamed(events: AsyncIterator[bytes]) -> Response:
    """The events as they come, for as long as they do."""
    response = Response(events, content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # or nginx would hold the events back
    response.timeout = None
    return response
