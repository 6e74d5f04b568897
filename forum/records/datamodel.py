"""The data model every record obeys, whatever its lexicon: JSON on one side, DAG-CBOR and CIDs on the other.

In JSON a link is `{"$link": cid}` and bytes are `{"$bytes": base64}`; libipld decodes both to `bytes`, and
those in the shape of a CID are read as a link. It would *encode* many a byte string as a link, so the encoder
is ours. Depth is bounded here: nobody behind this module meets a value that could exhaust the stack.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Mapping
from typing import Any, Final

import libipld
import msgspec

from forum.errors import BadInput
from forum.records.syntax import is_cid

# Any, throughout: a value is whatever its author wrote, until it is checked.

MAX_DEPTH: Final = 64
_CID_PREFIX: Final = b"\x01\x71\x12\x20"  # version 1, DAG-CBOR, SHA-256, 32 bytes
_BLOB_PREFIX: Final = b"\x01\x55\x12\x20"  # the same, but raw bytes
_CID_BYTES: Final = 36
_BLOB_KEYS: Final = frozenset({"$type", "ref", "mimeType", "size"})
_BACKSLASH: Final = ord("\\")
_match_base64 = re.compile("[A-Za-z0-9+/]*={0,2}").fullmatch

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
_LINK: Final = b"\xd8\x2a"  # tag 42, before a byte string that opens with a zero
_SIMPLE: Final = {None: b"\xf6", False: b"\xf4", True: b"\xf5"}


def cid_of(record: Any) -> str:
    """The CID of a record, in JSON form or decoded."""
    return cid_of_block(to_cbor(record))


def cid_of_block(block: bytes) -> str:
    """The CID of an encoded record."""
    return _cid_text(_CID_PREFIX + hashlib.sha256(block).digest())


def to_cbor(record: Any) -> bytes:
    """Encode a record, in JSON form or decoded; raise `BadInput` if it is not of the data model."""
    if type(record) is not dict:
        raise BadInput("wrong_type", "a record is an object")
    out = bytearray()
    _write(out, record, 0)
    return bytes(out)


def from_cbor(data: bytes) -> Any:
    """Decode one DAG-CBOR value into its JSON form."""
    try:
        value = libipld.decode_dag_cbor(data)
    except (ValueError, RecursionError) as error:
        raise BadInput("bad_cbor", "not DAG-CBOR") from error
    return to_json(value)


def to_json(value: Any) -> Any:
    """The JSON form of a value as libipld decodes it."""
    return _encoded(value, 0)


def is_cid_bytes(data: bytes) -> bool:
    """Whether these are the bytes of a CID the protocol knows: version 1, DAG-CBOR or raw, SHA-256."""
    return len(data) == _CID_BYTES and data.startswith((_CID_PREFIX, _BLOB_PREFIX))


def link_bytes(cid: Any) -> bytes:
    """The bytes of the CID in a `$link`."""
    if type(cid) is not str or not is_cid(cid):
        raise BadInput("bad_format", "$link is not a CID")
    try:
        libipld.decode_cid(cid)
        data: bytes = libipld.decode_multibase(cid)[1]
    except ValueError as error:
        raise BadInput("bad_format", "$link is not a CID") from error
    return data


def bytes_of(text: Any) -> bytes:
    """The bytes in a `$bytes`: base64, its padding optional."""
    if type(text) is not str or _match_base64(text) is None:
        raise BadInput("bad_format", "$bytes is not base64")
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except binascii.Error as error:
        raise BadInput("bad_format", "$bytes is not base64") from error


def check_plain(record: Mapping[str, Any]) -> None:
    """What holds for a whole record, unknown fields too: no NUL or lone surrogate in text or keys, no abyss.

    One encoding in C instead of a walk in Python; only what it leaves in doubt is walked.
    """
    try:
        encoded = msgspec.json.encode(record)
    except RecursionError as error:
        raise BadInput("too_deep", "nested too deep") from error
    except UnicodeEncodeError as error:
        raise BadInput("bad_text", "a lone surrogate") from error
    except (TypeError, ValueError) as error:
        raise BadInput("wrong_type", "not a value of the data model") from error
    # A text may well contain a backslash and "u0000", and braces: both are no more than a hint.
    says_nul = _BACKSLASH in encoded and b"\\u0000" in encoded
    if says_nul or encoded.count(b"{") + encoded.count(b"[") > MAX_DEPTH:
        _walk_plain(record, 0)


def _walk_plain(value: Any, depth: int) -> None:
    match value:
        case str() if "\0" in value:
            raise BadInput("bad_text", "a NUL")
        case dict() | list() if depth > MAX_DEPTH:
            raise BadInput("too_deep", f"nested deeper than {MAX_DEPTH}")
        case dict():
            for key, item in value.items():
                _walk_plain(key, depth)
                _walk_plain(item, depth + 1)
        case list():
            for item in value:
                _walk_plain(item, depth + 1)


def _write(out: bytearray, value: Any, depth: int) -> None:
    match value:
        case str():
            _write_text(out, value)
        case bool() | None:
            out += _SIMPLE[value]
        case dict() | list() if depth > MAX_DEPTH:
            raise BadInput("too_deep", f"nested deeper than {MAX_DEPTH}")
        case dict():
            _write_object(out, value, depth)
        case list():
            _write_head(out, _LIST, len(value))
            for item in value:
                _write(out, item, depth + 1)
        case bytes():
            write = _write_link if is_cid_bytes(value) else _write_bytes
            write(out, value)
        case _:
            _write_integer(out, _integer(value))


def _write_object(out: bytearray, value: dict[str, Any], depth: int) -> None:
    if "$link" in value:
        return _write_link(out, link_bytes(_only(value, "$link")))
    if "$bytes" in value:
        return _write_bytes(out, bytes_of(_only(value, "$bytes")))
    if "$type" in value:
        _check_type(value)
    _write_head(out, _MAP, len(value))
    # Sorted by length, then by bytes: the order in which the keys stand when encoded.
    for encoded, item in sorted([(_key(key), item) for key, item in value.items()], key=_by_key):
        out += encoded
        _write(out, item, depth + 1)
    return None


def _key(key: Any) -> bytes:
    if type(key) is not str:
        raise BadInput("wrong_type", "a key is not text")
    out = bytearray()
    _write_text(out, key)
    return bytes(out)


def _by_key(pair: tuple[bytes, Any]) -> bytes:
    return pair[0]


def _write_text(out: bytearray, text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("bad_text", "a lone surrogate") from error
    _write_head(out, _TEXT, len(data))
    out += data


def _write_bytes(out: bytearray, data: bytes) -> None:
    _write_head(out, _BYTES, len(data))
    out += data


def _write_link(out: bytearray, cid: bytes) -> None:
    out += _LINK
    _write_bytes(out, b"\0" + cid)


def _write_integer(out: bytearray, number: int) -> None:
    if number >= 0:
        _write_head(out, _UNSIGNED, number)
    else:
        _write_head(out, _NEGATIVE, -1 - number)


def _write_head(out: bytearray, major: int, number: int) -> None:
    """The kind of what follows, and its size or value in as few bytes as hold it."""
    if number < 24:
        out.append(major | number)
    elif number < 1 << 8:
        out += struct.pack(">BB", major | 24, number)
    elif number < 1 << 16:
        out += struct.pack(">BH", major | 25, number)
    elif number < 1 << 32:
        out += struct.pack(">BI", major | 26, number)
    else:
        out += struct.pack(">BQ", major | 27, number)


def _only(value: dict[str, Any], key: str) -> Any:
    if value.keys() != {key}:
        raise BadInput("not_allowed", f"{key} stands alone")
    return value[key]


def _check_type(value: dict[str, Any]) -> None:
    kind = value["$type"]
    if type(kind) is not str or not kind:
        raise BadInput("bad_type", "$type is not a name")
    if kind == "blob":
        check_blob(value)


def check_blob(value: Mapping[str, Any]) -> None:
    """Refuse what says it is a blob and lacks its parts."""
    if not value.keys() >= _BLOB_KEYS:
        raise BadInput("missing_field", "a blob has ref, mimeType and size")
    ref, size = value["ref"], value["size"]
    if type(ref) is dict:
        link_bytes(_only(ref, "$link"))
    elif type(ref) is not bytes or not is_cid_bytes(ref):
        raise BadInput("wrong_type", "the ref of a blob is not a link")
    if type(value["mimeType"]) is not str or type(size) is not int or size < 0:
        raise BadInput("wrong_type", "mimeType or size of a blob")


def _integer(value: Any) -> int:
    """A 64-bit integer; JSON's 123.0 is one, too."""
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise BadInput("wrong_type", f"{type(value).__name__} is not of the data model")
    if not -(1 << 63) <= value < 1 << 63:
        raise BadInput("out_of_range", "an integer of more than 64 bits")
    return value


def _encoded(value: Any, depth: int) -> Any:
    """From what libipld decodes to JSON form."""
    match value:
        case str() | bool() | None:
            return value
        case dict() | list() if depth > MAX_DEPTH:
            raise BadInput("too_deep", f"nested deeper than {MAX_DEPTH}")
        case dict():
            return {key: _encoded(item, depth + 1) for key, item in value.items()}
        case list():
            return [_encoded(item, depth + 1) for item in value]
        case bytes():
            return {"$link": _cid_text(value)} if is_cid_bytes(value) else _bytes_object(value)
        case _:
            return _integer(value)


def _cid_text(data: bytes) -> str:
    text: str = libipld.encode_cid(data)
    return text


def _bytes_object(data: bytes) -> dict[str, str]:
    return {"$bytes": base64.b64encode(data).decode().rstrip("=")}
