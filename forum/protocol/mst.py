"""Proofs in a repository's Merkle search tree: what stands under a key, or that nothing does.

Each step follows a CID to a block that `car` has hashed, from the signed root down, so a tree cannot hold a cycle
and what is found (or not found) is what the account signed. https://atproto.com/specs/repository
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import libipld

from forum.errors import BadInput
from forum.protocol.car import is_cid

# A key's level is its hash's leading zeros in pairs: 32 levels would take 2**64 hashes to find one key for.
_MAX_DEPTH: Final = 32
# A collection, a slash and a record key. Keys share prefixes, so a short block could spell out endless ones.
_MAX_KEY: Final = 317 + 1 + 512


class _Node(NamedTuple):
    """Keys in order with their values; `trees[i]` stands left of `keys[i]`, the last one right of all."""

    keys: list[bytes]
    values: list[bytes]
    trees: list[bytes | None]


def find_all(root: bytes, keys: Iterable[bytes], blocks: Mapping[bytes, bytes]) -> dict[bytes, bytes | None]:
    """The CID under each key, None where it is proven that there is none; a missing block is `BadInput`."""
    nodes: dict[bytes, _Node] = {}
    return {key: _find(root, key, blocks, nodes) for key in keys}


def _find(root: bytes, key: bytes, blocks: Mapping[bytes, bytes], nodes: dict[bytes, _Node]) -> bytes | None:
    cid: bytes | None = root
    for _ in range(_MAX_DEPTH):
        if cid is None:
            return None
        node = nodes.get(cid)
        if node is None:
            node = nodes[cid] = _read_node(cid, blocks)
        place = bisect_left(node.keys, key)
        if place < len(node.keys) and node.keys[place] == key:
            return node.values[place]
        cid = node.trees[place]
    raise BadInput("bad_block", "a tree too deep")


def _read_node(cid: bytes, blocks: Mapping[bytes, bytes]) -> _Node:
    try:
        fields = libipld.decode_dag_cbor(blocks[cid])
    except (KeyError, ValueError, RecursionError) as error:
        raise BadInput("bad_block", "a missing or broken node") from error
    match fields:
        case {"l": left, "e": list(entries)} if left is None or is_cid(left):
            node = _Node([], [], [left])
        case _:
            raise BadInput("bad_block", "not a node")
    for key, value, tree in _entries(entries):
        node.keys.append(key)
        node.values.append(value)
        node.trees.append(tree)
    return node


def _entries(entries: list[Any]) -> Iterator[tuple[bytes, bytes, bytes | None]]:  # Any: checked here
    last = b""
    for entry in entries:
        try:
            shared, rest, value, tree = entry["p"], entry["k"], entry["v"], entry["t"]
        except (KeyError, TypeError) as error:
            raise BadInput("bad_block", "not an entry") from error
        if type(shared) is not int or type(rest) is not bytes or not 0 <= shared <= len(last):
            raise BadInput("bad_block", "not a key")
        if not is_cid(value) or not (tree is None or is_cid(tree)):
            raise BadInput("bad_block", "not a link")
        key = last[:shared] + rest
        if key <= last or len(key) > _MAX_KEY:
            raise BadInput("bad_block", "keys out of order")
        yield key, value, tree
        last = key
