"""What a request brings in its body: one JSON object, whose faults are answered with 400 and a word on them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from quart import request
from werkzeug.exceptions import BadRequest

from forum.errors import BadInput

Body = Mapping[str, Any]  # Any: JSON

TEXTS = frozenset({"name", "description", "slug", "colorScheme", "cssOverrides"})  # of all the fields of records


async def asked_object() -> Body:
    """The body, whatever type its header says it is."""
    try:
        body = msgspec.json.decode(await request.get_data())
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body must be JSON.") from error
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    return body


def asked_text(body: Body, name: str) -> str:
    """A field that must be there and say something."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadRequest(f"{name} is missing, or is not text.")
    return value.strip()


def asked_fields(body: Body, *names: str) -> dict[str, Any]:  # Any: JSON
    """Those of the fields that are there, texts without blanks around them. None, or an empty text, takes one away.

    In JSON 3 and 3.0 are the same number; records know only the former.
    """
    return {name: _tidied(name, body[name]) for name in names if name in body}


def _tidied(name: str, value: object) -> object:
    match value:
        case str() if name in TEXTS:
            return value.strip() or None
        case float() if value.is_integer():
            return int(value)
    return value


@contextmanager
def refusing() -> Iterator[None]:
    """Answer with 400 what the block finds wrong with a record, in its words."""
    try:
        yield
    except BadInput as bad:
        raise BadRequest(f"This cannot be written: {str(bad).removeprefix(f'{bad.reason}: ')}.") from bad
