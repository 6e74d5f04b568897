"""The data model against the protocol's published vectors, and its round trips."""

import base64
import json
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import libipld
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forum.errors import BadInput
from forum.records.datamodel import MAX_DEPTH, check_plain, cid_of, from_cbor, to_cbor, to_json

VECTORS = Path(__file__).parents[1] / "interop" / "data-model"
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
BLOB = {"$type": "blob", "ref": {"$link": CID}, "mimeType": "image/png", "size": 1}

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = TEXTS.filter(lambda key: not key.startswith("$"))
BYTES = st.binary(max_size=40).map(lambda data: {"$bytes": base64.b64encode(data).decode().rstrip("=")})
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS | BYTES | st.just({"$link": CID})
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=8)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=5)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["$type", "$link", "$bytes", "ref"]), inner)
    ),
    max_leaves=10,
)


def cases(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("case", cases("data-model-fixtures.json"))
def test_fixture_has_its_cbor_and_cid(case: dict[str, Any]) -> None:
    """JSON, DAG-CBOR and CID of the published records agree, both ways."""
    data = base64.b64decode(case["cbor_base64"] + "==")
    assert to_cbor(case["json"]) == data
    assert from_cbor(data) == case["json"]
    assert cid_of(case["json"]) == cid_of(libipld.decode_dag_cbor(data)) == case["cid"]


@pytest.mark.parametrize("case", cases("data-model-valid.json"), ids=lambda case: case["note"])
def test_valid_vector_is_encoded(case: dict[str, Any]) -> None:
    """Every published valid value has a CID."""
    assert from_cbor(to_cbor(case["json"])) == case["json"]


@pytest.mark.parametrize("case", cases("data-model-invalid.json"), ids=lambda case: case["note"])
def test_invalid_vector_is_refused(case: dict[str, Any]) -> None:
    """Every published invalid value has none."""
    with pytest.raises(BadInput):
        cid_of(case["json"])


@pytest.mark.slow
@given(RECORDS)
@example({"a": {"$bytes": base64.b64encode(b"\x01\x01\x01\x00").decode().rstrip("=")}})
def test_round_trip(record: dict[str, Any]) -> None:
    """What is encoded is valid, sorted DAG-CBOR and decodes to the same value."""
    assert from_cbor(to_cbor(record)) == record


@given(st.dictionaries(KEYS, st.integers(-(2**63), 2**63 - 1) | TEXTS | st.lists(st.booleans())))
def test_same_bytes_as_libipld(record: dict[str, Any]) -> None:
    """Where libipld's encoder can be trusted, ours writes the same."""
    assert to_cbor(record) == libipld.encode_dag_cbor(record)


@pytest.mark.slow
@given(ANY_JSON)
def test_any_value_is_encoded_or_refused(value: Any) -> None:
    """Nothing but `BadInput` ever leaves, and what passes is of the model."""
    with suppress(BadInput):
        from_cbor(to_cbor(value))
    with suppress(BadInput):
        to_json(value)


@given(st.binary())
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    """Nothing but `BadInput` ever leaves."""
    with suppress(BadInput):
        from_cbor(data)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": 2**63}, "out_of_range"),
        ({"a": 1e300}, "out_of_range"),
        ({"a": float("nan")}, "wrong_type"),
        ({"a": "\ud800"}, "bad_text"),
        ({"\ud800": 1}, "bad_text"),
        ({1: 1}, "wrong_type"),
        ({"a": {"$bytes": "a"}}, "bad_format"),
        ({"a": {"$link": "mBcDxtdWx0aWhhc2g+"}}, "bad_format"),
        ({"a": BLOB | {"ref": {}}}, "not_allowed"),
        ({"a": BLOB | {"ref": CID}}, "wrong_type"),
        ({"a": BLOB | {"size": -1}}, "wrong_type"),
        ({"a": BLOB | {"mimeType": 1}}, "wrong_type"),
        ([], "wrong_type"),
        (nested(10_000), "too_deep"),
    ],
)
def test_refused(value: Any, reason: str) -> None:
    """What is not of the model is refused by name."""
    with pytest.raises(BadInput) as refused:
        to_cbor(value)
    assert refused.value.reason == reason


def test_depth_has_one_limit() -> None:
    """Encoding and the plain check agree on what is too deep; deep CBOR is refused as well."""
    to_cbor(nested(MAX_DEPTH))
    check_plain(nested(MAX_DEPTH))
    for check in (to_cbor, check_plain):
        with pytest.raises(BadInput):
            check(nested(MAX_DEPTH + 1))
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(BadInput):
            from_cbor(b"\x81" * depth + b"\x80")


@pytest.mark.slow
@given(RECORDS)
def test_plain_record_passes(record: dict[str, Any]) -> None:
    """A record is plain, whatever stands in it, unless there is a NUL."""
    with nullcontext() if r"\u0000" not in json.dumps(record).replace(r"\\", "") else pytest.raises(BadInput):
        check_plain(record)


@pytest.mark.parametrize("bad", ["\0", "a\0b", "\ud800", "\udfff\ud800"])
def test_bad_text_is_found_anywhere(bad: str) -> None:
    """A NUL or a lone surrogate is found in values, in keys and deep inside."""
    for record in ({"a": bad}, {bad: 1}, {"a": [{"b": {"c": [bad]}}]}, {"a": {"b": {bad: None}}}):
        with pytest.raises(BadInput) as refused:
            check_plain(record)
        assert refused.value.reason == "bad_text"


def test_text_that_only_speaks_of_nul_passes() -> None:
    """A post about escapes and braces is no attack."""
    check_plain({"text": "\\u0000 is how JSON writes it" + "{[" * 100, "tags": [["a"] * 3] * 100})
