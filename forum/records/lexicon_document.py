"""Is this a Lexicon document? The shape of the schema language itself, as a table of types and their fields.

Checks documents, not records: `lexicon.py` trusts what passed here. Unknown fields are let be, as the
language asks; every rule answers with a bool and `check_document` says which definition failed.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from forum.errors import BadInput
from forum.records.syntax import FORMATS, is_nsid

Rule = Callable[[Any], bool]  # Any, throughout: a document is whatever stood in the JSON

_PRIMARY: Final = frozenset({"record", "query", "procedure", "subscription", "permission-set"})
_NEVER_NAMED: Final = frozenset({"ref", "unknown", "permission"})
_NEVER_FIELDS: Final = _PRIMARY | {"params", "token", "permission"}
_match_name = re.compile("[a-zA-Z][a-zA-Z0-9_-]{0,127}").fullmatch


def check_document(document: Any) -> None:
    """Raise `BadInput` unless it is a Lexicon document, version 1."""
    match document:
        case {"lexicon": int(version), "id": str(nsid), "defs": dict(defs)} if version == 1 and is_nsid(nsid):
            for name, definition in defs.items():
                if not _is_definition(name, definition):
                    raise BadInput("bad_lexicon", f"{nsid}#{name} is not a definition")
        case _:
            raise BadInput("bad_lexicon", "lexicon, id or defs are not what they should be")


def _is_definition(name: Any, schema: Any) -> bool:
    if not isinstance(name, str) or _match_name(name) is None or not _is_schema(schema):
        return False
    return schema["type"] not in (_NEVER_NAMED if name == "main" else _NEVER_NAMED | _PRIMARY)


def _is_field(schema: Any) -> bool:
    return _is_schema(schema) and schema["type"] not in _NEVER_FIELDS


def _is_schema(schema: Any) -> bool:
    """Whether it has a type we know and all fields of it are well."""
    if not isinstance(schema, dict) or not isinstance(schema.get("type"), str):
        return False
    rules = _TYPES.get(schema["type"])
    return rules is not None and _fits(schema, rules) and _is_text(schema.get("description", ""))


def _fits(schema: Mapping[str, Any], rules: Mapping[str, Rule]) -> bool:
    """A rule's name ends in "!" where the field is required."""
    for name, rule in rules.items():
        field = name.removesuffix("!")
        if not (rule(schema[field]) if field in schema else field == name):
            return False
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return type(value) is int


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_format(value: Any) -> bool:
    return isinstance(value, str) and value in FORMATS


def _list_of(rule: Rule) -> Rule:
    return lambda value: isinstance(value, list) and all(rule(item) for item in value)


def _map_of(rule: Rule) -> Rule:
    return lambda value: isinstance(value, dict) and all(rule(item) for item in value.values())


def _a(*kinds: str) -> Rule:
    """A schema of one of these types."""
    return lambda value: _is_schema(value) and value["type"] in kinds


def _shaped(rules: Mapping[str, Rule]) -> Rule:
    """An object without a type of its own."""
    return lambda value: isinstance(value, dict) and _fits(value, rules)


def _is_reference(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    nsid, mark, name = value.partition("#")
    return (is_nsid(nsid) or (nsid == "" and mark == "#")) and (mark == "" or _match_name(name) is not None)


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and (value in ("tid", "nsid", "any") or value.startswith("literal:"))


_SIZES: Final = {"minLength": _is_size, "maxLength": _is_size}
_BODY: Final = _shaped({"encoding!": _is_text, "schema": _a("object", "ref", "union"), "description": _is_text})
_ERRORS: Final = _list_of(_shaped({"name!": _is_text, "description": _is_text}))
_METHOD: Final = {"parameters": _a("params"), "errors": _ERRORS}

_TYPES: Final[Mapping[str, Mapping[str, Rule]]] = MappingProxyType(
    {
        "null": {},
        "boolean": {"default": _is_boolean, "const": _is_boolean},
        "integer": {
            "minimum": _is_integer,
            "maximum": _is_integer,
            "enum": _list_of(_is_integer),
            "default": _is_integer,
            "const": _is_integer,
        },
        "string": _SIZES
        | {
            "format": _is_format,
            "minGraphemes": _is_size,
            "maxGraphemes": _is_size,
            "knownValues": _list_of(_is_text),
            "enum": _list_of(_is_text),
            "default": _is_text,
            "const": _is_text,
        },
        "bytes": _SIZES,
        "cid-link": {},
        "blob": {"accept": _list_of(_is_text), "maxSize": _is_size},
        "array": _SIZES | {"items!": _is_field},
        "object": {
            "properties": _map_of(_is_field),
            "required": _list_of(_is_text),
            "nullable": _list_of(_is_text),
        },
        "params": {
            "properties": _map_of(_a("boolean", "integer", "string", "unknown", "array")),
            "required": _list_of(_is_text),
        },
        "token": {},
        "ref": {"ref!": _is_reference},
        "union": {"refs!": _list_of(_is_reference), "closed": _is_boolean},
        "unknown": {},
        "record": {"key!": _is_key, "record!": _a("object")},
        "query": _METHOD | {"output": _BODY},
        "procedure": _METHOD | {"input": _BODY, "output": _BODY},
        "subscription": _METHOD | {"message": _shaped({"schema!": _a("union"), "description": _is_text})},
        "permission-set": {
            "title": _is_text,
            "title:lang": _map_of(_is_text),
            "detail": _is_text,
            "detail:lang": _map_of(_is_text),
            "permissions!": _list_of(_a("permission")),
        },
        "permission": {
            "resource!": _is_text,
            "collection": _list_of(_is_text),
            "action": _list_of(_is_text),
            "lxm": _list_of(_is_text),
            "aud": _is_text,
            "inheritAud": _is_boolean,
        },
    }
)
