"""CAR files and proofs in the tree: what is there is found, what is not is proven, what is tampered with is refused."""

from contextlib import suppress

import libipld
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.errors import BadInput
from forum.protocol.car import cid_of, split_car
from forum.protocol.mst import find_all
from tests.protocol.repo_builder import car_of, proof_of, put, tree_of

keys = st.text(alphabet="abc./", min_size=1, max_size=12).map(str.encode)
VALUE = cid_of(b"a record")


@given(st.sets(keys), st.sets(keys))
def test_present_is_found_and_absent_is_proven(present: set[bytes], asked: set[bytes]) -> None:
    """The proof needs no more than the nodes on the way to a key."""
    nodes: dict[bytes, bytes] = {}
    root = tree_of(dict.fromkeys(present, VALUE), nodes)
    proof: dict[bytes, bytes] = {}
    for key in asked:
        proof |= proof_of(root, key, nodes)
    assert find_all(root, asked, proof) == {key: VALUE if key in present else None for key in asked}


@given(st.sets(keys, min_size=1), keys, st.data())
def test_missing_block_is_no_proof(present: set[bytes], asked: bytes, data: st.DataObject) -> None:
    """Of a proof nothing can be left out."""
    nodes: dict[bytes, bytes] = {}
    root = tree_of(dict.fromkeys(present, VALUE), nodes)
    proof = proof_of(root, asked, nodes)
    del proof[data.draw(st.sampled_from(sorted(proof)))]
    with pytest.raises(BadInput, match="bad_block"):
        find_all(root, [asked], proof)


ENTRY = {"p": 0, "k": b"b", "v": VALUE, "t": None}


@pytest.mark.parametrize(
    "node",
    [
        [],
        {},
        {"l": None},
        {"l": 1, "e": []},
        {"l": None, "e": {}},
        {"l": None, "e": [None]},
        {"l": None, "e": [ENTRY | {"p": 1}]},
        {"l": None, "e": [ENTRY | {"p": -1}]},
        {"l": None, "e": [ENTRY | {"p": "0"}]},
        {"l": None, "e": [ENTRY | {"k": "b"}]},
        {"l": None, "e": [ENTRY | {"v": None}]},
        {"l": None, "e": [ENTRY | {"v": b"not a cid"}]},
        {"l": None, "e": [ENTRY | {"t": 3}]},
        {"l": None, "e": [ENTRY, ENTRY]},
        {"l": None, "e": [ENTRY, ENTRY | {"k": b"a"}]},
        {"l": None, "e": [ENTRY | {"k": b"k" * 900}]},
    ],
    ids=str,
)
def test_malformed_node(node: object) -> None:
    """A signed tree may still be nonsense."""
    blocks: dict[bytes, bytes] = {}
    root = put(blocks, libipld.encode_dag_cbor(node))
    with pytest.raises(BadInput, match="bad_block"):
        find_all(root, [b"b"], blocks)


anything = st.none() | st.integers(-1, 2) | st.binary(max_size=3) | st.text(max_size=2) | st.just(VALUE)
entries = st.fixed_dictionaries({}, optional=dict.fromkeys("pkvt", anything)) | anything


@given(st.fixed_dictionaries({"l": anything, "e": st.lists(entries, max_size=3)}))
def test_any_node(node: object) -> None:
    """It is searched or refused."""
    blocks: dict[bytes, bytes] = {}
    root = put(blocks, libipld.encode_dag_cbor(node))
    with suppress(BadInput):
        assert find_all(root, [b"b"], blocks).keys() == {b"b"}


def test_keys_that_grow_without_end() -> None:
    """Each entry repeats the whole last key: 50,000 of them would spell out gigabytes."""
    blocks: dict[bytes, bytes] = {}
    entries = [{"p": 50 * i, "k": b"k" * 50, "v": VALUE, "t": None} for i in range(50_000)]
    root = put(blocks, libipld.encode_dag_cbor({"l": None, "e": entries}))
    with pytest.raises(BadInput, match="bad_block"):
        find_all(root, [b"b"], blocks)


def test_tree_too_deep() -> None:
    """A chain of empty nodes is followed only so far."""
    blocks: dict[bytes, bytes] = {}
    root = None
    for _ in range(1000):
        root = put(blocks, libipld.encode_dag_cbor({"l": root, "e": []}))
    assert root is not None
    with pytest.raises(BadInput, match="bad_block"):
        find_all(root, [b"b"], blocks)


blocks_strategy = st.lists(st.binary(max_size=300), min_size=1, max_size=8)


@given(blocks_strategy)
def test_car_gives_back_its_blocks(contents: list[bytes]) -> None:
    """Written and read again."""
    blocks = {cid_of(content): content for content in contents}
    root = cid_of(contents[0])
    assert split_car(car_of(root, blocks)) == (root, blocks)


@given(blocks_strategy, st.data())
def test_no_byte_of_a_car_can_change(contents: list[bytes], data: st.DataObject) -> None:
    """Past the header each byte is a length, a CID or what the CID hashes."""
    blocks = {cid_of(content): content for content in contents}
    car = bytearray(car_of(cid_of(contents[0]), blocks))
    place = data.draw(st.integers(car[0] + 1, len(car) - 1))
    car[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadInput, match="bad_block"):
        split_car(bytes(car))


@given(st.binary(max_size=200))
def test_garbage_is_no_car(data: bytes) -> None:
    with pytest.raises(BadInput, match="bad_block"):
        split_car(data)


def test_car_of_too_many_blocks() -> None:
    """Small blocks cost most; their number is bounded."""
    blocks = {cid_of(content): content for content in map(str.encode, map(str, range(20)))}
    with pytest.raises(BadInput, match="too_large"):
        split_car(car_of(VALUE, blocks), max_blocks=19)
