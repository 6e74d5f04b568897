"""CAR v1 taken apart: raw blocks by CID, each proven by its hash (https://ipld.io/specs/transport/car/carv1/).

libipld can decode a CAR but believes the CIDs in it; here a block that is not what its CID says is refused.
Only CIDs of the repository format pass: version 1, DAG-CBOR, SHA-256.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import libipld

from forum.errors import BadInput

CID_PREFIX: Final = b"\x01\x71\x12\x20"
CID_BYTES: Final = 36
_MAX_HEADER: Final = 1024
_MAX_VARINT: Final = 5
# 200 operations with their paths through a tree of millions are some 3,000 blocks.
_MAX_BLOCKS: Final = 10_000

Blocks = dict[bytes, bytes]


def split_car(data: bytes, *, max_blocks: int = _MAX_BLOCKS) -> tuple[bytes, Blocks]:
    """The root (the first, if it names several) and the blocks."""
    length, start = _varint(data, 0)
    end = start + length
    if length > _MAX_HEADER or end > len(data):
        raise BadInput("bad_block", "CAR header")
    blocks: Blocks = {}
    for cid, block in _sections(data, end):
        if len(blocks) == max_blocks:
            raise BadInput("too_large", "CAR of too many blocks")
        blocks[cid] = block
    return _root(data[start:end]), blocks


def is_cid(value: object) -> bool:
    """Whether these are the bytes of a CID that a block of a repository can have."""
    return isinstance(value, bytes) and len(value) == CID_BYTES and value.startswith(CID_PREFIX)


def cid_of(block: bytes) -> bytes:
    return CID_PREFIX + sha256(block).digest()


def _root(header: bytes) -> bytes:
    try:
        fields = libipld.decode_dag_cbor(header)
    except (ValueError, RecursionError) as error:
        raise BadInput("bad_block", "CAR header") from error
    match fields:
        case {"version": 1, "roots": [bytes(root), *_]} if is_cid(root):
            return root
    raise BadInput("bad_block", "CAR header")


def _sections(data: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    size = len(data)
    while position < size:
        length, start = _varint(data, position)
        position = start + length
        if length < CID_BYTES or position > size:
            raise BadInput("bad_block", "CAR section")
        cid, block = data[start : start + CID_BYTES], data[start + CID_BYTES : position]
        if cid != cid_of(block):
            raise BadInput("bad_block", "a block that is not what its CID says")
        yield cid, block


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A little-endian base-128 number and the position after it."""
    value = 0
    for index, byte in enumerate(data[position : position + _MAX_VARINT]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise BadInput("bad_block", "CAR length")
