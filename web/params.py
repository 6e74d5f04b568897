"""What a request asks for, taken out of its path and query: checked, bounded, or answered with 400.

Malformed is refused; a limit above the most is only lowered to it.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, cast

import msgspec
from quart import request
from werkzeug.exceptions import BadRequest

from forum.reads.place import Place
from forum.reads.topics import Sort

LARGEST = 2**63 - 1
LONGEST_CURSOR = 1000

# What comes back need not be what we gave: the time must say its zone, the text must be one PostgreSQL takes.
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Text = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]
_PLACE = msgspec.json.Decoder(tuple[bool, _Time, _Text])


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Which part of a list: so many rows, after an offset or after a place."""

    limit: int
    offset: int
    after: Place | None


def id_from(text: str) -> int:
    """An id of the path."""
    number = whole(text)
    if number is None:
        raise BadRequest("An id is a whole number of at most 64 bits.")
    return number


def asked_slice(*, default: int, most: int) -> Slice:
    """`limit`, `offset` and `cursor` of the request's query."""
    args = request.args
    limit, offset, cursor = _number(args, "limit", default), _number(args, "offset", 0), args.get("cursor")
    if limit == 0:
        raise BadRequest("The limit must be at least 1.")
    if cursor is not None and offset:
        raise BadRequest("Give a cursor or an offset, not both.")
    return Slice(limit=min(limit, most), offset=offset, after=None if cursor is None else place_from(cursor))


def asked_sort() -> Sort:
    """`sort` of the request's query."""
    sort = request.args.get("sort", "activity")
    if sort not in ("activity", "created"):
        raise BadRequest("The sort is activity or created.")
    return cast(Sort, sort)


def cursor_for(place: Place) -> str:
    """A place as an opaque word that needs no escaping in a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_from(cursor: str) -> Place:
    """The place of a cursor that we, or somebody, made."""
    if len(cursor) > LONGEST_CURSOR:
        raise BadRequest("The cursor is not one of ours.")
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return Place(*_PLACE.decode(packed))
    except (binascii.Error, ValueError) as error:
        raise BadRequest("The cursor is not one of ours.") from error


def numbered(place: Place) -> Place:
    """A place in a list of what has ids, in which `uri` is one."""
    return place._replace(uri=str(id_from(place.uri)))


def _number(args: Mapping[str, str], name: str, default: int) -> int:
    text = args.get(name)
    number = default if text is None else whole(text)
    if number is None:
        raise BadRequest(f"The {name} is a whole number.")
    return number


def whole(text: str) -> int | None:
    """Digits as a number that fits 64 bits; nothing else that int() would take."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))):
        return None
    number = int(text)
    return number if number <= LARGEST else None
