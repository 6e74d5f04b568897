"""Anything at all may arrive: a decoder drops it, refuses it, or gives an event, and never raises anything else."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import libipld
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forum.errors import BadInput
from forum.protocol import jetstream, jetstream2, repos
from forum.protocol.commits import check_commit
from forum.protocol.events import CommitSeen, RepoSuspect
from forum.protocol.signing import parse_key
from forum.protocol.wire import Decoded, RawCommit, StreamRefused, Wanted
from tests.protocol.repo_builder import frame_of
from tests.protocol.samples import DID, NOW, WANTED, first_commit, new_repo

Decode = Callable[[str | bytes, Wanted, int], Decoded]

COMMIT = first_commit()
KEY = parse_key(new_repo().signer.did_key)
WIRES: list[tuple[Decode, bytes]] = [
    (jetstream.decode, COMMIT.jetstream()[0].encode()),
    (jetstream2.decode, COMMIT.jetstream2(5)[0].encode()),
    (repos.decode, COMMIT.frame(5)),
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.sampled_from(["\0", DID]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
cbor_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary() | st.just(COMMIT.cid),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def survive(decode: Decode, frame: str | bytes) -> None:
    """Take a frame as the firehose does, proof included."""
    with suppress(BadInput, StreamRefused):
        event = decode(frame, WANTED, NOW).event
        if isinstance(event, RawCommit):
            assert isinstance(check_commit(event, KEY, NOW), CommitSeen | RepoSuspect)


@pytest.mark.parametrize("decode", [decode for decode, _ in WIRES])
@given(st.binary() | st.text(st.characters()))
@example(b"")
@example("")
@example("\0")
@example("\ud800")
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"\x81" * 100_000)
@example(b"\xa1aa" * 100_000)
@example(b'{"record":')
@example(b"\x28\xb5\x2f\xfd\x00\x00")
def test_garbage(decode: Decode, frame: str | bytes) -> None:
    survive(decode, frame)


@pytest.mark.parametrize(("decode", "frame"), WIRES)
@given(st.data())
def test_mutated_frames(decode: Decode, frame: bytes, data: st.DataObject) -> None:
    """Bytes changed, cut out or put in, anywhere in a true frame."""
    mutant = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(mutant)))
        end = data.draw(st.integers(start, min(start + 8, len(mutant))))
        mutant[start:end] = data.draw(st.binary(max_size=8))
    survive(decode, bytes(mutant))


@pytest.mark.parametrize(("decode", "frame"), WIRES[:2])
@given(st.data())
def test_wrong_types_in_json(decode: Decode, frame: bytes, data: st.DataObject) -> None:
    """Any field of any object holds something else, or is not there."""
    message = json.loads(frame)
    spoil(data, message, json_values)
    survive(decode, json.dumps(message))


@given(st.data())
def test_wrong_types_in_cbor(data: st.DataObject) -> None:
    body = COMMIT.body(5)
    spoil(data, body, cbor_values)
    survive(repos.decode, frame_of("#commit", body))


def spoil(data: st.DataObject, message: dict[str, Any], values: st.SearchStrategy[Any]) -> None:
    objects = [found for found in _objects(message) if found]
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from(objects))
        key = data.draw(st.sampled_from(sorted(target) or ["new"]))
        if data.draw(st.booleans()):
            target[key] = data.draw(values)
        else:
            target.pop(key, None)


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for item in value for found in _objects(item)]
    if isinstance(value, dict):
        return [value, *[found for item in value.values() for found in _objects(item)]]
    return []


@given(st.dictionaries(st.text(max_size=5), cbor_values) | cbor_values, cbor_values)
def test_any_cbor(header: Any, body: Any) -> None:
    """Two sound values that are no frame."""
    survive(repos.decode, libipld.encode_dag_cbor(header) + libipld.encode_dag_cbor(body))


@pytest.mark.parametrize("kind", ["#commit", "#identity", "#account", "#sync", "#info", "#new", ""])
@given(st.dictionaries(st.sampled_from(["seq", "time", "did", "repo", "rev", "ops", "name"]), cbor_values))
def test_any_body(kind: str, body: dict[str, Any]) -> None:
    survive(repos.decode, frame_of(kind, body))
