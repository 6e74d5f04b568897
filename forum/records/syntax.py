"""The string formats of the AT Protocol: is this text a DID, a handle, an AT-URI, a TID, a datetime?

Each `is_…` answers with a bool and never raises; `parse_…` raise `BadInput`. Lengths are bounded before or
by the pattern, and no pattern can backtrack more than one label's length: all of it may be hostile.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from forum.errors import BadInput

_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_TOP_LABEL: Final = "[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DID: Final = "did:[a-z]+:[a-zA-Z0-9._:%-]+(?<![:%])"
_HANDLE: Final = rf"(?:{_LABEL}\.)+{_TOP_LABEL}"
_NSID: Final = rf"{_TOP_LABEL}(?:\.{_LABEL})+\.[a-zA-Z][a-zA-Z0-9]{{0,62}}"
_RECORD_KEY: Final = r"(?!\.\.?\Z)[a-zA-Z0-9_~.:-]{1,512}"

_MAX_DID: Final = 2048
_MAX_HANDLE: Final = 253
_MAX_NSID: Final = 317
_MAX_URI: Final = 8192
_MAX_DATETIME: Final = 64
_MAX_LANGUAGE: Final = 128

_match_did = re.compile(_DID).fullmatch
_match_handle = re.compile(_HANDLE).fullmatch
_match_nsid = re.compile(_NSID).fullmatch
_match_record_key = re.compile(_RECORD_KEY).fullmatch
_match_at_uri = re.compile(rf"at://({_DID}|{_HANDLE})(?:/({_NSID})(?:/({_RECORD_KEY}))?)?").fullmatch
_match_tid = re.compile("[2-7a-j][2-7a-z]{12}").fullmatch
# Any multibase, but not version 0, which the protocol does not know; `datamodel` looks at the bytes.
_match_cid = re.compile("(?!Qm)[a-zA-Z0-9+=]{8,256}").fullmatch
_match_uri = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,80}:[^\s\x00-\x20\x7f]+").fullmatch
_match_language = re.compile("(?:[a-z]{2,3}|i(?=-)|[xX](?=-))(?:-[a-zA-Z0-9]{1,8})*").fullmatch
_match_datetime = re.compile(
    r"([0-9]{4})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,20})?"
    r"(?:Z|(?!-00:00)[+-][0-9]{2}:[0-9]{2})"
).fullmatch
_is_variant = re.compile("[a-z0-9]{5,8}|[0-9][a-z0-9]{3}").fullmatch

_TID_DIGITS: Final = "234567abcdefghijklmnopqrstuvwxyz"
_TO_BASE32HEX: Final = bytes.maketrans(_TID_DIGITS.encode(), b"0123456789abcdefghijklmnopqrstuv")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


class AtUri(NamedTuple):
    """An AT-URI taken apart; `collection` and `rkey` are empty where it names something larger."""

    did_or_handle: str
    collection: str
    rkey: str


def is_did(text: str) -> bool:
    return len(text) <= _MAX_DID and _match_did(text) is not None


def is_handle(text: str) -> bool:
    return len(text) <= _MAX_HANDLE and _match_handle(text) is not None


def is_at_identifier(text: str) -> bool:
    return is_did(text) or is_handle(text)


def is_nsid(text: str) -> bool:
    return len(text) <= _MAX_NSID and _match_nsid(text) is not None


def is_record_key(text: str) -> bool:
    return _match_record_key(text) is not None


def is_tid(text: str) -> bool:
    return _match_tid(text) is not None


def is_cid(text: str) -> bool:
    return _match_cid(text) is not None


def is_uri(text: str) -> bool:
    return len(text) <= _MAX_URI and _match_uri(text) is not None


def is_at_uri(text: str) -> bool:
    match = _match_at_uri(text) if len(text) <= _MAX_URI else None
    # Up to 253 characters in all, no part can be too long.
    return match is not None and (len(text) <= _MAX_HANDLE or _parts_fit(match))


def is_datetime(text: str) -> bool:
    """Whether `parse_datetime` can read it: 31 April has the shape of a datetime and is none."""
    return _read_datetime(text) is not None


def is_language(text: str) -> bool:
    """Well-formed as BCP 47, without a variant or an extension said twice."""
    if len(text) > _MAX_LANGUAGE or _match_language(text) is None:
        return False
    variants, singletons = _variants_and_singletons(text.lower().split("-")[1:])
    return len(set(variants)) == len(variants) and len(set(singletons)) == len(singletons)


FORMATS: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "at-identifier": is_at_identifier,
        "at-uri": is_at_uri,
        "cid": is_cid,
        "datetime": is_datetime,
        "did": is_did,
        "handle": is_handle,
        "language": is_language,
        "nsid": is_nsid,
        "record-key": is_record_key,
        "tid": is_tid,
        "uri": is_uri,
    }
)


def parse_at_uri(uri: str) -> AtUri:
    """Take an AT-URI apart."""
    match = _match_at_uri(uri) if is_at_uri(uri) else None
    if match is None:
        raise BadInput("bad_format", "not an at-uri")
    return AtUri(match[1], match[2] or "", match[3] or "")


def parse_datetime(text: str) -> datetime:
    """The moment in UTC, to the microsecond.

    The protocol allows the years 0000 to 9999; what falls outside Python's 0001 to 9999 becomes the nearest
    moment there is. A moment before the year 0000 is refused, as the protocol asks.
    """
    moment = _read_datetime(text)
    if moment is None:
        raise BadInput("bad_format", "not a datetime")
    return moment


def tid_time(tid: str) -> datetime:
    """When this TID says it was made. Its 54 bits of microseconds end in the year 2540, so none overflows."""
    if _match_tid(tid) is None:
        raise BadInput("bad_format", "not a TID")
    return _EPOCH + (int(tid.encode().translate(_TO_BASE32HEX), 32) >> 10) * _MICROSECOND


def tid_of(microseconds: int, clock_id: int) -> str:
    """The TID of a moment since 1970 and a clock (0 to 1023); TIDs sort as their moments do."""
    if not (0 <= microseconds < 1 << 53 and 0 <= clock_id < 1 << 10):
        raise ValueError("a TID has 53 bits of microseconds and 10 bits of clock")
    number = microseconds << 10 | clock_id
    return "".join([_TID_DIGITS[number >> shift & 31] for shift in range(60, -1, -5)])


def _parts_fit(match: re.Match[str]) -> bool:
    authority, collection = match[1], match[2] or ""
    limit = _MAX_DID if authority.startswith("did:") else _MAX_HANDLE
    return len(authority) <= limit and len(collection) <= _MAX_NSID


def _read_datetime(text: str) -> datetime | None:
    match = _match_datetime(text) if len(text) <= _MAX_DATETIME else None
    if match is None:
        return None
    if match[1] == "0000":
        return _clamp_year_zero(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _EARLIEST if moment.year == 1 else _LATEST


def _clamp_year_zero(text: str) -> datetime | None:
    """Read it as the year 4, a leap year like 0; what falls before year 4 is before the year 0000."""
    moved = _read_datetime("0004" + text[4:])
    return None if moved is None or moved.year < 4 else _EARLIEST


def _variants_and_singletons(subtags: list[str]) -> tuple[list[str], list[str]]:
    """Variants come before the first singleton; after `x` all is private."""
    variants: list[str] = []
    singletons: list[str] = []
    for subtag in subtags:
        if subtag == "x":
            break
        if len(subtag) == 1:
            singletons.append(subtag)
        elif not singletons and _is_variant(subtag):
            variants.append(subtag)
    return variants, singletons
