"""Our own records: every lexicon is one, every type has an example that passes, and every fault is named."""

import copy
import json
from contextlib import suppress
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forum.errors import BadInput
from forum.records import ACTIONS, catalog, check_record, lexicons, names
from forum.records.datamodel import from_cbor, to_cbor
from forum.records.lexicon_document import check_document

DID = "did:plc:7iza6de2dwap2sbkpav7c6c6"
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
TID = "3jzfcijpj2z2a"
NOW = "2026-04-12T23:20:50.123Z"


def ref(collection: str, rkey: str = TID) -> dict[str, str]:
    return {"uri": f"at://{DID}/{collection}/{rkey}", "cid": CID}


FORUM_REF = {"$type": "space.atbb.post#forumRef", "forum": ref(names.FORUM, "self")}
TOPIC = {
    "text": "First words",
    "title": "A topic",
    "forum": FORUM_REF,
    "board": {"$type": "space.atbb.post#boardRef", "board": ref(names.BOARD)},
    "createdAt": NOW,
}
REPLY = {
    "text": "An answer",
    "forum": FORUM_REF,
    "reply": {"$type": "space.atbb.post#replyRef", "root": ref(names.POST), "parent": ref(names.POST)},
    "content": {"$type": "space.atbb.post#markdown", "markdown": "An *answer*"},
    "createdAt": NOW,
}
BAN = {"action": "space.atbb.modAction.ban", "subject": {"did": DID}, "createdBy": DID, "createdAt": NOW}
EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    names.FORUM: ("self", {"name": "The Plaza", "description": "All welcome", "createdAt": NOW}),
    names.CATEGORY: (TID, {"name": "Talk", "description": "", "slug": "talk", "sortOrder": 0, "createdAt": NOW}),
    names.BOARD: (TID, {"name": "Off topic", "category": {"category": ref(names.CATEGORY)}, "createdAt": NOW}),
    names.ROLE: (TID, {"name": "Owner", "permissions": ["*"], "priority": 0, "createdAt": NOW}),
    names.GRANT: (TID, {"subject": DID, "role": {"role": ref(names.ROLE)}, "createdBy": DID, "createdAt": NOW}),
    names.THEME: (
        TID,
        {
            "name": "Dusk",
            "colorScheme": "dark",
            "tokens": {"color-bg": "#112"},
            "cssOverrides": "",
            "fontUrls": ["https://fonts.test/a.css"],
            "createdAt": NOW,
        },
    ),
    names.THEME_POLICY: (
        "self",
        {
            "availableThemes": [ref(names.THEME), {"uri": f"at://{DID}/{names.THEME}/{TID}"}],
            "defaultLightTheme": ref(names.THEME),
            "defaultDarkTheme": {"uri": f"at://{DID}/{names.THEME}/{TID}"},
            "allowUserChoice": True,
            "updatedAt": NOW,
        },
    ),
    names.MOD_ACTION: (TID, BAN | {"reason": "Spam", "expiresAt": NOW}),
    names.POST: (TID, REPLY),
    names.MEMBERSHIP: (TID, {"forum": {"forum": ref(names.FORUM, "self")}, "joinedAt": NOW, "createdAt": NOW}),
    names.REACTION: (TID, {"subject": ref(names.POST), "emoji": "👨‍👩‍👧‍👧", "createdAt": NOW}),
}
COLLECTIONS = pytest.mark.parametrize("collection", sorted(EXAMPLES))
REQUIRED = [
    (document["id"], field)
    for document in lexicons()
    if document["defs"]["main"]["type"] == "record"
    for field in ["$type", *document["defs"]["main"]["record"]["required"]]
]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def example_of(collection: str) -> tuple[str, dict[str, Any]]:
    rkey, record = EXAMPLES[collection]
    return rkey, copy.deepcopy({"$type": collection} | record)


def verdict(collection: str, record: dict[str, Any], rkey: str | None = None) -> str:
    """The reason of the refusal, or nothing."""
    try:
        check_record(collection, rkey or EXAMPLES[collection][0], {"$type": collection} | record)
    except BadInput as refused:
        return refused.reason
    return ""


def places(value: Any, *path: str | int) -> list[tuple[str | int, ...]]:
    """The paths of everything inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in inner for found in [(*path, key), *places(item, *path, key)]]


def replaced(record: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(record)
    inside = changed
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return changed  # type: ignore[no-any-return]


def test_every_file_is_a_lexicon_named_by_its_path() -> None:
    """One document per name, path = NSID, all of them loaded, none left over."""
    root = files("forum") / "lexicons"
    found = [path for path in root.rglob("*") if path.is_file()]  # type: ignore[attr-defined]
    documents = {str(path.relative_to(root)): json.loads(path.read_text(encoding="utf-8")) for path in found}
    for path, document in documents.items():
        check_document(document)
        assert path == document["id"].replace(".", "/") + ".json"
    assert {document["id"] for document in documents.values()} == {document["id"] for document in lexicons()}
    assert set(catalog().records) == names.COLLECTIONS == set(EXAMPLES)


def test_required_fields_are_described() -> None:
    """A lexicon that requires or nulls a field it does not describe checks less than it says."""
    for document in lexicons():
        for schema in document["defs"].values():
            shape = schema.get("record", schema)
            assert set(shape.get("required", ())) <= set(shape.get("properties", ()))


@COLLECTIONS
def test_example_passes(collection: str) -> None:
    """As JSON, and as it comes back from CBOR; with fields we do not know."""
    rkey, record = example_of(collection)
    check_record(collection, rkey, record)
    check_record(collection, rkey, from_cbor(to_cbor(record)))
    check_record(collection, rkey, record | {"theirs": {"kept": [None, 1]}})


@COLLECTIONS
def test_inner_types_may_be_missing(collection: str) -> None:
    """Readers are liberal: an inner reference without `$type` is as good."""
    rkey, record = example_of(collection)
    for path in places(record):
        if path[-1] == "$type" and len(path) > 1 and path[0] != "content":
            record = replaced(record, path, "")
            inside: Any = record
            for step in path[:-1]:
                inside = inside[step]
            del inside["$type"]
    check_record(collection, rkey, record)


@pytest.mark.parametrize(("collection", "field"), REQUIRED)
def test_required_field(collection: str, field: str) -> None:
    """Each required field, left out, is named."""
    rkey, record = example_of(collection)
    del record[field]
    with pytest.raises(BadInput, match=rf"^missing_field: {field.replace('$', '[$]')}: missing$"):
        check_record(collection, rkey, record)


@COLLECTIONS
def test_wrong_key_and_type(collection: str) -> None:
    """A record under another kind of key, or of another type, is refused."""
    rkey, record = example_of(collection)
    for key in ("self" if rkey == TID else TID, "", "a/b", "x" * 600):
        assert verdict(collection, record, key or "-") == "bad_key"
    with pytest.raises(BadInput, match="bad_type"):
        check_record(collection, rkey, record | {"$type": "space.atbb.other"})


@COLLECTIONS
def test_bad_text_is_refused_at_every_place(collection: str) -> None:
    """A NUL or a lone surrogate anywhere: PostgreSQL could not hold it."""
    rkey, record = example_of(collection)
    for bad in ("a\0b", "\udc00"):
        for path in [*places(record), ("theirs",)]:
            with pytest.raises(BadInput) as refused:
                check_record(collection, rkey, replaced(record, path, bad))
            assert refused.value.reason == "bad_text"


@pytest.mark.slow
@settings(max_examples=500)
@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_damaged_record_is_accepted_or_refused(collection: str, data: st.DataObject) -> None:
    """Whatever one puts in the place of any part, nothing but `BadInput` leaves."""
    rkey, record = example_of(collection)
    path = data.draw(st.sampled_from(places(record)))
    damaged = replaced(record, path, data.draw(ANY_JSON))
    with suppress(BadInput):
        check_record(collection, rkey, damaged)


@pytest.mark.slow
@given(st.sampled_from(sorted(EXAMPLES)), st.text(max_size=20), ANY_JSON)
def test_anything_is_accepted_or_refused(collection: str, rkey: str, record: Any) -> None:
    """Nothing but `BadInput` ever leaves."""
    with suppress(BadInput):
        check_record(collection, rkey, record)


def test_abyss_is_refused() -> None:
    """Ten thousand levels in a field nobody knows."""
    abyss: list[Any] = []
    for _ in range(10_000):
        abyss = [abyss]
    assert verdict(names.POST, REPLY | {"theirs": abyss}) == "too_deep"
    assert verdict(names.THEME, EXAMPLES[names.THEME][1] | {"tokens": {"a": abyss}}) == "too_deep"


def test_references_are_bounded() -> None:
    """What is longer than an index can hold is refused here, so that stream and snapshot agree, record by record."""
    for length, reason in ((1_000, ""), (1_001, "too_long")):
        long = {"uri": f"at://did:plc:{'a' * (length - 19)}/a.b.c", "cid": CID}
        for name in ("root", "parent"):
            assert verdict(names.POST, REPLY | {"reply": REPLY["reply"] | {name: long}}) == reason
        assert verdict(names.REACTION, EXAMPLES[names.REACTION][1] | {"subject": long}) == reason


@pytest.mark.parametrize(
    ("collection", "change", "reason"),
    [
        (names.POST, {"text": "a" * 300}, ""),
        (names.POST, {"text": "a" * 301}, "too_long"),
        (names.POST, {"text": "👨‍👩‍👧‍👧" * 120}, ""),
        (names.POST, {"text": "👨‍👩‍👧‍👧" * 121}, "too_long"),
        (names.POST, {"title": "é" * 120}, ""),
        (names.POST, {"title": "é" * 121}, "too_long"),
        (names.POST, {"content": {"$type": "space.atbb.post#markdown", "markdown": "a" * 20_000}}, ""),
        (names.POST, {"content": {"$type": "space.atbb.post#markdown", "markdown": "a" * 20_001}}, "too_long"),
        (names.POST, {"content": {"$type": "space.atbb.post#markdown"}}, "missing_field"),
        (names.POST, {"content": {"$type": "com.example.other"}}, ""),
        (names.POST, {"content": {"markdown": "a"}}, "missing_field"),
        (names.POST, {"createdAt": "2026-02-30T00:00:00Z"}, "bad_format"),
        (names.POST, {"createdAt": "0000-01-01T00:00:00Z"}, ""),
        (names.REACTION, {"emoji": "👍👍"}, "too_long"),
        (names.REACTION, {"emoji": ""}, "too_short"),
        (names.ROLE, {"priority": -1}, "out_of_range"),
        (names.ROLE, {"priority": True}, "wrong_type"),
        (names.ROLE, {"permissions": [1]}, "wrong_type"),
        (names.BOARD, {"sortOrder": 2**53 - 1}, ""),
        (names.BOARD, {"sortOrder": 2**53}, "out_of_range"),
        (names.BOARD, {"description": "é" * 3000}, ""),
        (names.ROLE, {"description": "a" * 3001}, "too_long"),
        (names.BOARD, {"name": ""}, "too_short"),
        (names.THEME, {"colorScheme": "sepia"}, "not_allowed"),
        (names.THEME, {"tokens": ["a"]}, "wrong_type"),
        (names.THEME, {"tokens": {"a": 1}}, "wrong_type"),
        (names.THEME, {"fontUrls": ["http://fonts.test/a.css"]}, "not_allowed"),
        (names.THEME_POLICY, {"defaultLightTheme": CID}, "wrong_type"),
        (names.GRANT, {"subject": "alice.test"}, "bad_format"),
        (names.MOD_ACTION, {"reason": "é" * 3000}, ""),
        (names.MOD_ACTION, {"reason": "a" * 3001}, "too_long"),
        (names.MOD_ACTION, {"subject": {}}, "not_allowed"),
        (names.MOD_ACTION, {"subject": {"did": DID, "post": ref(names.POST)}}, "not_allowed"),
        (names.MOD_ACTION, {"subject": {"post": ref(names.POST)}}, ""),
        (names.MOD_ACTION, {"subject": {"post": f"at://{DID}"}}, "wrong_type"),
        (names.MOD_ACTION, {"action": "space.atbb.modAction.praise"}, "not_allowed"),
        (names.MOD_ACTION, {"action": "ban"}, "not_allowed"),
    ],
)
def test_limits(collection: str, change: dict[str, Any], reason: str) -> None:
    """The numbers of the contract, at the number and one beyond."""
    assert verdict(collection, EXAMPLES[collection][1] | change) == reason


def test_topic_needs_a_board() -> None:
    """A post that is no reply stands on a board."""
    assert verdict(names.POST, TOPIC) == ""
    assert verdict(names.POST, {key: value for key, value in TOPIC.items() if key != "board"}) == "missing_field"


def test_every_known_action_is_taken() -> None:
    """The tokens of the lexicon and the code are the same ten."""
    document = next(document for document in lexicons() if document["id"] == names.MOD_ACTION)
    known = document["defs"]["main"]["record"]["properties"]["action"]["knownValues"]
    tokens = [name for name, schema in document["defs"].items() if schema["type"] == "token"]
    assert set(known) == ACTIONS == {f"{names.MOD_ACTION}.{name}" for name in tokens}
    for action in known:
        assert verdict(names.MOD_ACTION, BAN | {"action": action}) == ""
