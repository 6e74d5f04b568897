"""Lexicon documents made into checks: each schema becomes one closure, built once, called for every record.

The path of a fault is put together only when there is one, on its way out through the enclosing objects.
Every record of the stream passes here, hence `type(x) is` rather than `isinstance` and no walk over the schema.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from forum.errors import BadInput
from forum.records.datamodel import bytes_of, check_blob, check_plain, is_cid_bytes, link_bytes
from forum.records.graphemes import count_graphemes
from forum.records.lexicon_document import check_document
from forum.records.syntax import FORMATS, is_nsid, is_record_key, is_tid

# Any, throughout: schemas have passed `check_document`, values are what is being checked.
Schema = Mapping[str, Any]
Check = Callable[[Any], None]

_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1
_MAX_UTF8: Final = 4  # bytes in one code point
_KEYS: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {"tid": is_tid, "nsid": is_nsid, "any": is_record_key}
)


class _Refused(BadInput):
    """A fault on its way out; every object and array it leaves adds a step to the path."""

    def __init__(self, reason: str, fault: str, *path: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.path = list(path)

    def said(self) -> str:
        return ": ".join([".".join(reversed(self.path)), self.fault] if self.path else [self.fault])


@dataclass(frozen=True, slots=True)
class RecordType:
    """What holds for the records of one collection."""

    key_fits: Callable[[str], bool]
    check: Check


@dataclass(frozen=True, slots=True)
class Catalog:
    """The record types of some documents."""

    records: Mapping[str, RecordType]

    def check(self, nsid: str, rkey: str, record: Mapping[str, Any]) -> None:
        """Raise `BadInput` unless the record, in JSON form or decoded, is what its lexicon says."""
        kind = self.records.get(nsid)
        if kind is None:
            raise BadInput("bad_type", "no lexicon for this collection")
        if not kind.key_fits(rkey):
            raise BadInput("bad_key", "not a record key of this collection")
        check_plain(record)
        try:
            kind.check(record)
        except _Refused as refused:
            raise BadInput(refused.reason, refused.said()) from None


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a schema stands: the document it is in, all definitions by full name, and the checks made of them."""

    nsid: str
    definitions: Mapping[str, Schema]
    checks: dict[str, Check]

    def full_name(self, reference: str) -> str:
        return (self.nsid + reference if reference.startswith("#") else reference).removesuffix("#main")


def load_catalog(documents: Iterable[Mapping[str, Any]]) -> Catalog:
    """Compile documents. Raise `BadInput` for what is no Lexicon document, or refers to what is not there."""
    definitions: dict[str, Schema] = {}
    for document in documents:
        check_document(document)
        for name, schema in document["defs"].items():
            definitions[f"{document['id']}#{name}".removesuffix("#main")] = schema
    scope = _Scope("", definitions, {})
    return Catalog({name: _record(name, scope) for name in definitions if definitions[name]["type"] == "record"})


def _record(nsid: str, scope: _Scope) -> RecordType:
    schema = scope.definitions[nsid]
    key = schema["key"]
    key_fits = _KEYS.get(key, frozenset({key.removeprefix("literal:")}).__contains__)
    return RecordType(key_fits, _object(schema["record"], replace(scope, nsid=nsid), record_type=nsid))


def _compile(schema: Schema, scope: _Scope) -> Check:
    kind = schema["type"]
    if kind not in _COMPILERS:
        raise BadInput("bad_lexicon", f"a {kind} is no value")
    return _COMPILERS[kind](schema, scope)


def _named(name: str, scope: _Scope) -> Check:
    """The check of a definition, made once. Until it is made, a definition that contains itself finds it late."""
    if name not in scope.definitions:
        raise BadInput("bad_lexicon", f"{name} is not defined")
    if name not in scope.checks:
        scope.checks[name] = lambda value: scope.checks[name](value)
        nsid, _, _ = name.partition("#")
        schema = scope.definitions[name]
        made = _token(name) if schema["type"] == "token" else _compile(schema, replace(scope, nsid=nsid))
        scope.checks[name] = made
    return scope.checks[name]


def _ref(schema: Schema, scope: _Scope) -> Check:
    return _named(scope.full_name(schema["ref"]), scope)


def _object(schema: Schema, scope: _Scope, *, record_type: str | None = None) -> Check:
    required = frozenset(schema.get("required", ()))
    checks = {name: _compile(part, scope) for name, part in schema.get("properties", {}).items()}
    checks |= {name: _nullable(checks[name]) for name in schema.get("nullable", ()) if name in checks}
    checks.setdefault("$type", _type_name)
    if record_type is not None:
        required |= {"$type"}
        checks["$type"] = _record_type(record_type)
    find = checks.get

    def check_object(value: Any) -> None:
        if type(value) is not dict:
            raise _Refused("wrong_type", "not an object")
        if not value.keys() >= required:
            raise _Refused("missing_field", "missing", min(required - value.keys()))
        name = ""
        try:
            for name, item in value.items():
                check = find(name)
                if check is not None:
                    check(item)
        except _Refused as refused:
            refused.path.append(name)
            raise

    return check_object


def _nullable(check: Check) -> Check:
    def check_nullable(value: Any) -> None:
        if value is not None:
            check(value)

    return check_nullable


def _type_name(value: Any) -> None:
    if type(value) is not str or not value:
        raise _Refused("bad_type", "not a name")


def _record_type(nsid: str) -> Check:
    def check_record_type(value: Any) -> None:
        if value != nsid:
            raise _Refused("bad_type", "not the type of this collection")

    return check_record_type


def _union(schema: Schema, scope: _Scope) -> Check:
    names = [scope.full_name(reference) for reference in schema["refs"]]
    variants = {name: _named(name, scope) for name in names}
    variants |= {f"{name}#main": check for name, check in variants.items() if "#" not in name}
    closed = schema.get("closed", False)

    def check_union(value: Any) -> None:
        if type(value) is not dict:
            raise _Refused("wrong_type", "not an object")
        if "$type" not in value:
            raise _Refused("missing_field", "missing", "$type")
        kind = value["$type"]
        _type_name(kind)
        check = variants.get(kind)
        if check is not None:
            check(value)
        elif closed:
            raise _Refused("bad_type", "not one of the types allowed")

    return check_union


def _array(schema: Schema, scope: _Scope) -> Check:
    check_item = _compile(schema["items"], scope)
    check_size = _size(schema)

    def check_array(value: Any) -> None:
        if type(value) is not list:
            raise _Refused("wrong_type", "not an array")
        check_size(len(value))
        index = 0
        try:
            for index, item in enumerate(value):  # noqa: B007, read when a check fails
                check_item(item)
        except _Refused as refused:
            refused.path.append(str(index))
            raise

    return check_array


def _string(schema: Schema, _: _Scope) -> Check:
    name = schema.get("format", "")
    fits, misfit = FORMATS.get(name), f"not {'an' if name.startswith('at-') else 'a'} {name}"
    parts = (_text_bytes, _text_graphemes, _choice)
    checks = tuple([check for part in parts if (check := part(schema)) is not None])

    def check_string(value: Any) -> None:
        if type(value) is not str:
            raise _Refused("wrong_type", "not text")
        if fits is not None and not fits(value):
            raise _Refused("bad_format", misfit)
        for check in checks:
            check(value)

    return check_string


def _text_bytes(schema: Schema) -> Check | None:
    least, most = schema.get("minLength", 0), schema.get("maxLength", _INT_MAX)
    if (least, most) == (0, _INT_MAX):
        return None

    def check_bytes(text: str) -> None:
        if least <= len(text) and len(text) * _MAX_UTF8 <= most:
            return
        size = len(text) if text.isascii() else len(text.encode())
        if size > most:
            raise _Refused("too_long", f"more than {most} bytes")
        if size < least:
            raise _Refused("too_short", f"less than {least} bytes")

    return check_bytes


def _text_graphemes(schema: Schema) -> Check | None:
    least, most = schema.get("minGraphemes", 0), schema.get("maxGraphemes", _INT_MAX)
    if (least, most) == (0, _INT_MAX):
        return None

    def check_graphemes(text: str) -> None:
        if least <= 1 <= len(text) <= most:  # a grapheme is one code point or more
            return
        count = count_graphemes(text, most)
        if count > most:
            raise _Refused("too_long", f"more than {most} graphemes")
        if count < least:
            raise _Refused("too_short", f"less than {least} graphemes")

    return check_graphemes


def _choice(schema: Schema) -> Check | None:
    allowed = frozenset(schema.get("enum", ())) or None
    if "const" in schema:
        allowed = frozenset({schema["const"]})
    if allowed is None:
        return None

    def check_choice(value: Any) -> None:
        if value not in allowed:
            raise _Refused("not_allowed", "not one of the values allowed")

    return check_choice


def _integer(schema: Schema, _: _Scope) -> Check:
    least, most = schema.get("minimum", _INT_MIN), schema.get("maximum", _INT_MAX)
    choose = _choice(schema)

    def check_integer(value: Any) -> None:
        if type(value) is not int:
            raise _Refused("wrong_type", "not an integer")
        if not least <= value <= most:
            raise _Refused("out_of_range", f"not from {least} to {most}")
        if choose is not None:
            choose(value)

    return check_integer


def _boolean(schema: Schema, _: _Scope) -> Check:
    choose = _choice(schema)

    def check_boolean(value: Any) -> None:
        if type(value) is not bool:
            raise _Refused("wrong_type", "not true or false")
        if choose is not None:
            choose(value)

    return check_boolean


def _null(_: Schema, __: _Scope) -> Check:
    def check_null(value: Any) -> None:
        if value is not None:
            raise _Refused("wrong_type", "not null")

    return check_null


def _bytes(schema: Schema, _: _Scope) -> Check:
    check_size = _size(schema)

    def check_bytes(value: Any) -> None:
        if type(value) is dict and value.keys() == {"$bytes"}:
            value = _asked(bytes_of, value["$bytes"])
        if type(value) is not bytes:
            raise _Refused("wrong_type", "not bytes")
        check_size(len(value))

    return check_bytes


def _cid_link(_: Schema, __: _Scope) -> Check:
    def check_cid_link(value: Any) -> None:
        if type(value) is dict and value.keys() == {"$link"}:
            _asked(link_bytes, value["$link"])
        elif type(value) is not bytes or not is_cid_bytes(value):
            raise _Refused("wrong_type", "not a link")

    return check_cid_link


def _blob(schema: Schema, _: _Scope) -> Check:
    accepts = _accepts(schema.get("accept", ("*/*",)))
    most = schema.get("maxSize", _INT_MAX)

    def check_a_blob(value: Any) -> None:
        if type(value) is not dict or value.get("$type") != "blob":
            raise _Refused("wrong_type", "not a blob")
        _asked(check_blob, value)
        if value["size"] > most:
            raise _Refused("too_long", f"more than {most} bytes")
        if not accepts(value["mimeType"]):
            raise _Refused("not_allowed", "not one of the media types allowed")

    return check_a_blob


def _accepts(patterns: Iterable[str]) -> Callable[[str], bool]:
    exact = frozenset(patterns)
    families = tuple([pattern.removesuffix("*") for pattern in exact if pattern.endswith("/*")])
    return lambda kind: "*/*" in exact or kind in exact or kind.startswith(families)


def _unknown(_: Schema, __: _Scope) -> Check:
    def check_unknown(value: Any) -> None:
        if type(value) is not dict or "$link" in value or "$bytes" in value or value.get("$type") == "blob":
            raise _Refused("wrong_type", "not an object")

    return check_unknown


def _token(name: str) -> Check:
    def check_token(value: Any) -> None:
        if value != name:
            raise _Refused("not_allowed", "not the token")

    return check_token


def _size(schema: Schema) -> Callable[[int], None]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", _INT_MAX)

    def check_size(size: int) -> None:
        if size > most:
            raise _Refused("too_long", f"more than {most}")
        if size < least:
            raise _Refused("too_short", f"less than {least}")

    return check_size


def _asked(check: Check | Callable[[Any], bytes], value: Any) -> Any:
    """What a function of the data model says, its refusal as one of ours."""
    try:
        return check(value)
    except BadInput as refused:
        raise _Refused(refused.reason, str(refused)) from None


_COMPILERS: Final[Mapping[str, Callable[[Schema, _Scope], Check]]] = MappingProxyType(
    {
        "null": _null,
        "boolean": _boolean,
        "integer": _integer,
        "string": _string,
        "bytes": _bytes,
        "cid-link": _cid_link,
        "blob": _blob,
        "array": _array,
        "object": _object,
        "params": _object,
        "ref": _ref,
        "union": _union,
        "unknown": _unknown,
    }
)
