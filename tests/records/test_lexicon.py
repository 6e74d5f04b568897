"""The Lexicon language against the protocol's published vectors, and every kind of value it knows."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.errors import BadInput
from forum.records.graphemes import count_graphemes
from forum.records.lexicon import Catalog, load_catalog
from forum.records.lexicon_document import check_document

VECTORS = Path(__file__).parents[1] / "interop" / "lexicon"
NSID = "example.lexicon.record"
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
CID_BYTES = bytes.fromhex("01711220") + bytes(32)
OTHER = {"$type": "example.lexicon.record#other", "x": []}
FAMILY = "👨‍👩‍👧‍👧"
BLOB = {"$type": "blob", "ref": {"$link": CID}, "mimeType": "image/png", "size": 20}


def cases(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def catalog_of(*fields: dict[str, Any], key: str = "any", **definitions: Any) -> Catalog:
    """A record type with the fields f0, f1, …"""
    properties = {f"f{number}": field for number, field in enumerate(fields)}
    record = {"type": "record", "key": key, "record": {"type": "object", "properties": properties}}
    return load_catalog([{"lexicon": 1, "id": "a.b.c", "defs": {"main": record, **definitions}}])


def verdict(catalog: Catalog, nsid: str, record: dict[str, Any], rkey: str = "demo") -> str:
    """The reason of the refusal, or nothing."""
    try:
        catalog.check(nsid, rkey, {"$type": nsid} | record)
    except BadInput as refused:
        return refused.reason
    return ""


@pytest.fixture(scope="module")
def interop() -> Catalog:
    return load_catalog([cases(f"catalog/{path.name}") for path in sorted((VECTORS / "catalog").glob("*.json"))])


@pytest.mark.parametrize("case", cases("lexicon-valid.json"), ids=lambda case: case["name"])
def test_valid_document(case: dict[str, Any]) -> None:
    """Every published valid document is one."""
    check_document(case["lexicon"])


@pytest.mark.parametrize("case", cases("lexicon-invalid.json"), ids=lambda case: case["name"])
def test_invalid_document(case: dict[str, Any]) -> None:
    """Every published invalid document is refused, and cannot be compiled."""
    with pytest.raises(BadInput):
        check_document(case["lexicon"])
    with pytest.raises(BadInput):
        load_catalog([case["lexicon"]])


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "main", "items"]), inner),
    max_leaves=10,
)
DOCUMENTS = st.fixed_dictionaries(
    {"lexicon": st.just(1) | ANY_JSON, "id": st.just("a.b.c") | ANY_JSON, "defs": ANY_JSON}
)


@given(ANY_JSON | DOCUMENTS)
def test_any_document_is_accepted_or_refused(document: Any) -> None:
    """Nothing but `BadInput` ever leaves."""
    with suppress(BadInput):
        check_document(document)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("boolean", False, ""),
        ("boolean", 0, "wrong_type"),
        ("integer", -(2**63), ""),
        ("integer", 2**63, "out_of_range"),
        ("integer", True, "wrong_type"),
        ("integer", 1.0, "wrong_type"),
        ("string", "", ""),
        ("string", 1, "wrong_type"),
        ("string", None, "wrong_type"),
        ("nullableString", None, ""),
        ("nullableString", 1, "wrong_type"),
        ("bytes", {"$bytes": "nFER"}, ""),
        ("bytes", b"", ""),
        ("bytes", {"$bytes": "n"}, "bad_format"),
        ("bytes", {"$bytes": "nFER", "a": 1}, "wrong_type"),
        ("bytes", "nFER", "wrong_type"),
        ("cid-link", {"$link": CID}, ""),
        ("cid-link", CID_BYTES, ""),
        ("cid-link", {"$link": "."}, "bad_format"),
        ("cid-link", CID, "wrong_type"),
        ("cid-link", b"abc", "wrong_type"),
        ("blob", BLOB, ""),
        ("blob", BLOB | {"ref": CID_BYTES}, ""),
        ("blob", BLOB | {"ref": {}}, "not_allowed"),
        ("blob", BLOB | {"ref": {"$link": []}}, "bad_format"),
        ("blob", {"$type": "blob"}, "missing_field"),
        ("blob", {"ref": 1}, "wrong_type"),
        ("unknown", {"a": {"b": [1.5]}}, ""),
        ("unknown", {}, ""),
        ("unknown", [], "wrong_type"),
        ("unknown", {"$bytes": ""}, "wrong_type"),
        ("unknown", BLOB, "wrong_type"),
        ("array", [], ""),
        ("array", [1, "2"], "wrong_type"),
        ("array", {}, "wrong_type"),
        ("object", {"a": 1, "other": "kept"}, ""),
        ("object", {"a": "1"}, "wrong_type"),
        ("object", [], "wrong_type"),
        ("ref", {"a": 1}, ""),
        ("ref", {"$type": "whatever", "a": 1}, ""),
        ("ref", {"$type": ""}, "bad_type"),
        ("union", {"$type": f"{NSID}#demoObject", "a": 1}, ""),
        ("union", {"$type": f"{NSID}#demoObject", "a": "1"}, "wrong_type"),
        ("union", {"$type": f"{NSID}#demoObjectTwo", "a": "1"}, ""),
        ("union", OTHER, ""),
        ("union", {"a": 1}, "missing_field"),
        ("union", {"$type": 1}, "bad_type"),
        ("union", {"$type": []}, "bad_type"),
        ("union", "x", "wrong_type"),
        ("closedUnion", {"$type": f"{NSID}#demoObject"}, ""),
        ("closedUnion", OTHER, "bad_type"),
        ("constInteger", 42, ""),
        ("constInteger", 41, "not_allowed"),
        ("enumInteger", 9, ""),
        ("enumInteger", 10, "not_allowed"),
        ("rangeInteger", 10, ""),
        ("rangeInteger", 20, ""),
        ("rangeInteger", 9, "out_of_range"),
        ("rangeInteger", 21, "out_of_range"),
        ("lenString", "é" * 5, ""),
        ("lenString", "é" * 10, ""),
        ("lenString", "é" * 4, "too_short"),
        ("lenString", "é" * 11, "too_long"),
        ("lenString", "a" * 9, "too_short"),
        ("lenString", "a" * 21, "too_long"),
        ("graphemeString", FAMILY * 10, ""),
        ("graphemeString", FAMILY * 20, ""),
        ("graphemeString", FAMILY * 9, "too_short"),
        ("graphemeString", FAMILY * 21, "too_long"),
        ("graphemeString", "\r\n" * 20, ""),
        ("graphemeString", "\r\n" * 9, "too_short"),
        ("graphemeString", "a" * 21, "too_long"),
        ("enumString", "fish", ""),
        ("enumString", "bird", "not_allowed"),
        ("knownString", "purple", ""),
        ("sizeBytes", bytes(10), ""),
        ("sizeBytes", bytes(9), "too_short"),
        ("sizeBytes", bytes(21), "too_long"),
        ("lenArray", [1, 2], ""),
        ("lenArray", [1], "too_short"),
        ("lenArray", [1] * 6, "too_long"),
        ("sizeBlob", BLOB, ""),
        ("sizeBlob", BLOB | {"size": 21}, "too_long"),
        ("acceptBlob", BLOB, ""),
        ("acceptBlob", BLOB | {"mimeType": "text/plain"}, "not_allowed"),
        ("formats", {"did": "did:plc:abc", "uri": "https://a.test"}, ""),
        ("formats", {"did": "plc:abc"}, "bad_format"),
        ("formats", {"language": "x"}, "bad_format"),
    ],
)
def test_field(interop: Catalog, field: str, value: Any, reason: str) -> None:
    """Each type of the language, in the protocol's own example record, as JSON or decoded."""
    assert verdict(interop, NSID, {"integer": 1} | {field: value}) == reason


@pytest.mark.parametrize(
    ("schema", "good", "bad", "reason"),
    [
        ({"type": "null"}, None, 0, "wrong_type"),
        ({"type": "boolean", "const": True}, True, False, "not_allowed"),
        ({"type": "string", "const": "a"}, "a", "b", "not_allowed"),
        ({"type": "string", "minLength": 1}, "a", "", "too_short"),
        ({"type": "ref", "ref": "#red"}, "a.b.c#red", "red", "not_allowed"),
        ({"type": "array", "items": {"type": "ref", "ref": "#tree"}}, [{"sub": {}}], [{"sub": 1}], "wrong_type"),
        ({"type": "ref", "ref": "#tree"}, {"sub": {"sub": {}}}, {"sub": {"sub": []}}, "wrong_type"),
        (
            {"type": "union", "refs": ["#tree"]},
            {"$type": "a.b.c#tree"},
            {"$type": "a.b.c#tree", "sub": 1},
            "wrong_type",
        ),
        ({"type": "blob", "accept": ["image/png"]}, BLOB, BLOB | {"mimeType": "image/pngx"}, "not_allowed"),
        ({"type": "blob", "accept": ["*/*"]}, BLOB, 1, "wrong_type"),
    ],
)
def test_schema(schema: dict[str, Any], good: Any, bad: Any, reason: str) -> None:
    """What the example record does not show: constants, tokens, definitions that contain themselves."""
    tree = {"type": "object", "properties": {"sub": {"type": "ref", "ref": "a.b.c#tree"}}}
    catalog = catalog_of(schema, red={"type": "token"}, tree=tree)
    assert verdict(catalog, "a.b.c", {"f0": good}) == ""
    assert verdict(catalog, "a.b.c", {"f0": bad}) == reason


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("tid", "3jzfcijpj2z2a", "self"),
        ("nsid", "a.b.c", "self"),
        ("any", "~1", "a/b"),
        ("literal:self", "self", "other"),
    ],
)
def test_record_key(key: str, good: str, bad: str) -> None:
    """A record stands under a key of its collection's kind."""
    catalog = catalog_of(key=key)
    assert verdict(catalog, "a.b.c", {}, good) == ""
    assert verdict(catalog, "a.b.c", {}, bad) == "bad_key"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"f0": {"a": [{"b": "x"}]}}, "wrong_type: f0.a.0.b: not an integer"),
        ({"f0": {"a": [{"b": 1}, {}]}}, "missing_field: f0.a.1.b: missing"),
        ({"f0": {"a": [{"b": 1}], "$type": 1}}, "bad_type: f0.$type: not a name"),
        ({"f1": "x"}, "bad_format: f1: not an at-uri"),
        ({"$type": "a.b.d"}, "bad_type: $type: not the type of this collection"),
    ],
)
def test_message_says_where(record: dict[str, Any], message: str) -> None:
    """A refusal names the path, and never the value."""
    inner = {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer"}}}
    outer = {"type": "object", "properties": {"a": {"type": "array", "items": inner}}}
    catalog = catalog_of(outer, {"type": "string", "format": "at-uri"})
    with pytest.raises(BadInput) as refused:
        catalog.check("a.b.c", "x", {"$type": "a.b.c"} | record)
    assert str(refused.value) == message


def test_unresolved_reference_is_refused() -> None:
    """A catalog is whole or is not made."""
    with pytest.raises(BadInput, match="gone is not defined"):
        catalog_of({"type": "ref", "ref": "#gone"})
    with pytest.raises(BadInput, match="a record is no value"):
        catalog_of({"type": "union", "refs": ["a.b.c"]})


def test_record_without_lexicon_is_refused(interop: Catalog) -> None:
    """Also a query's name is no collection."""
    for nsid in ("a.b.c", "example.lexicon.query"):
        assert verdict(interop, nsid, {}) == "bad_type"


@given(st.text(st.sampled_from("a\r\né👨\u200d👩👧🇩🇪\u0301"), max_size=40), st.integers(0, 12), st.integers(0, 12))
def test_text_limits_are_bytes_and_graphemes(text: str, least: int, most: int) -> None:
    """The short cuts of the checks give what plain counting gives."""
    graphemes, size = count_graphemes(text, len(text)), len(text.encode())
    in_graphemes = catalog_of({"type": "string", "minGraphemes": least, "maxGraphemes": most})
    in_bytes = catalog_of({"type": "string", "minLength": least * 4, "maxLength": most * 4})
    assert (verdict(in_graphemes, "a.b.c", {"f0": text}) == "") == (least <= graphemes <= most)
    assert (verdict(in_bytes, "a.b.c", {"f0": text}) == "") == (least * 4 <= size <= most * 4)
