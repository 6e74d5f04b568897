"""JSON answers, and how their smallest parts are written."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from quart import Response

# Where all is JSON, errors too, whoever asks.
FOR_MACHINES = ("/api/", "/oauth/", "/.well-known/", "/healthz", "/readyz", "/metrics")

JSON = Mapping[str, "JSON"] | Sequence["JSON"] | str | int | float | bool | None


def answer(body: JSON, *, status: int = 200) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(body), status=status, content_type="application/json")


def refusal(sentence: str, *, status: int) -> Response:
    """What every error looks like."""
    return answer({"error": sentence}, status=status)


def written(at: datetime) -> str:
    """A time as JSON clients expect it: UTC, milliseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
