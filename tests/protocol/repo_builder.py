"""A repository in memory that makes true commits: Merkle search tree, signature, CAR, and the frames of all wires.

    repo = RepoBuilder(did, K256Signer())
    commit = repo.commit(time, creates={"space.atbb.post/3k…": {...}}, deletes=["space.atbb.post/3j…"])
    commit.frame(seq), commit.jetstream(), commit.jetstream2(seq)

The tree is rebuilt whole at each commit: slow for thousands of records, and plainly right.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol

import libipld
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from forum.records.datamodel import to_cbor
from forum.records.syntax import tid_of

K256_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Record = Mapping[str, Any]


class Signer(Protocol):
    """A signing key; `did_key` is what `parse_key` reads."""

    did_key: str

    def sign(self, message: bytes) -> bytes: ...


class K256Signer:
    """An account's usual key."""

    def __init__(self, secret: bytes | None = None) -> None:
        self._key = PrivateKey(secret)
        self.did_key = _did_key(b"\xe7\x01", self._key.public_key.format())

    def sign(self, message: bytes) -> bytes:
        return _compact(self._key.sign(message), K256_ORDER)


class P256Signer:
    """The other curve."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        self.did_key = _did_key(b"\x80\x24", point)

    def sign(self, message: bytes) -> bytes:
        return _compact(self._key.sign(message, ec.ECDSA(SHA256())), P256_ORDER)


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of a commit."""

    action: str
    path: str
    cid: bytes | None
    record: Record | None


@dataclass(frozen=True, slots=True)
class Commit:
    """A signed commit and what the streams say of it. Times are microseconds since 1970."""

    did: str
    rev: str
    since: str | None
    time: int
    cid: bytes
    ops: tuple[Op, ...]
    blocks: Mapping[bytes, bytes]

    def body(self, seq: int) -> dict[str, Any]:
        """The body of a `#commit`, for tests that spoil it before `frame_of`."""
        return {
            "ops": [{"action": op.action, "path": op.path, "cid": op.cid} for op in self.ops],
            "rev": self.rev,
            "seq": seq,
            "repo": self.did,
            "time": iso(self.time),
            "blobs": [],
            "since": self.since,
            "blocks": car_of(self.cid, self.blocks),
            "commit": self.cid,
            "rebase": False,
            "tooBig": False,
        }

    def frame(self, seq: int) -> bytes:
        """The frame of subscribeRepos."""
        return frame_of("#commit", self.body(seq))

    def jetstream(self) -> list[str]:
        """The texts of Jetstream v1, one for each operation."""
        head = {"did": self.did, "time_us": self.time, "kind": "commit"}
        return [json.dumps(head | {"commit": self._change(op)}) for op in self.ops]

    def jetstream2(self, seq: int) -> list[str]:
        """The texts of Jetstream v2, numbered from `seq`."""
        head = {"$type": "network.bsky.jetstream.subscribeEvents#commit", "did": self.did, "time": iso(self.time)}
        return [
            json.dumps({"$type": "message", "payload": head | {"seq": seq + i} | self._change(op)})
            for i, op in enumerate(self.ops)
        ]

    def _change(self, op: Op) -> dict[str, Any]:
        collection, rkey = op.path.split("/")
        change = {"rev": self.rev, "operation": op.action, "collection": collection, "rkey": rkey}
        if op.cid is None:
            return change
        return change | {"record": op.record, "cid": libipld.encode_cid(op.cid)}


@dataclass(slots=True)
class RepoBuilder:
    """One account's repository, commit by commit."""

    did: str
    signer: Signer
    records: dict[str, bytes] = field(default_factory=dict)
    rev: str | None = None

    def commit(
        self,
        time: int,
        *,
        creates: Mapping[str, Record] | None = None,
        updates: Mapping[str, Record] | None = None,
        deletes: Iterable[str] = (),
    ) -> Commit:
        """Write records by path; `time` becomes the rev."""
        ops: list[Op] = []
        blocks: dict[bytes, bytes] = {}
        for action, records in (("create", creates or {}), ("update", updates or {})):
            for path, record in records.items():
                cid = self.records[path] = put(blocks, to_cbor(record))
                ops.append(Op(action, path, cid, record))
        for path in deletes:
            del self.records[path]
            ops.append(Op("delete", path, None, None))
        since, self.rev = self.rev, tid_of(time, 0)
        root = self._sign(self._tree(blocks, [op.path for op in ops]), blocks)
        return Commit(self.did, self.rev, since, time, root, tuple(ops), blocks)

    def _tree(self, blocks: dict[bytes, bytes], paths: Iterable[str]) -> bytes:
        """Add the nodes on the way to each path, as a server does, and return the root of the tree."""
        tree = {path.encode(): cid for path, cid in self.records.items()}
        nodes: dict[bytes, bytes] = {}
        root = tree_of(tree, nodes)
        blocks[root] = nodes[root]
        for path in paths:
            blocks.update(proof_of(root, path.encode(), nodes))
        return root

    def _sign(self, data: bytes, blocks: dict[bytes, bytes]) -> bytes:
        commit = {"did": self.did, "version": 3, "data": data, "rev": self.rev, "prev": None}
        signature = self.signer.sign(libipld.encode_dag_cbor(commit))
        return put(blocks, libipld.encode_dag_cbor(commit | {"sig": signature}))


def tree_of(records: Mapping[bytes, bytes], blocks: dict[bytes, bytes]) -> bytes:
    """Put the nodes of a tree into `blocks`; the CID of its root."""
    keys = sorted(records)
    top = max(map(level_of, keys), default=0)
    return _subtree(keys, records, top, blocks) or put(blocks, libipld.encode_dag_cbor({"l": None, "e": []}))


def level_of(key: bytes) -> int:
    """A key's level in the tree: the zeros its hash begins with, in pairs of bits."""
    return (256 - int.from_bytes(sha256(key).digest()).bit_length()) // 2


def proof_of(root: bytes, key: bytes, nodes: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The nodes that a search for the key meets."""
    found: dict[bytes, bytes] = {}
    cid: bytes | None = root
    while cid is not None:
        found[cid] = nodes[cid]
        node = libipld.decode_dag_cbor(nodes[cid])
        cid, last = node["l"], b""
        for entry in node["e"]:
            last = last[: entry["p"]] + entry["k"]
            if last > key:
                break
            cid = entry["t"] if last < key else None
    return found


def _subtree(keys: list[bytes], records: Mapping[bytes, bytes], level: int, blocks: dict[bytes, bytes]) -> bytes | None:
    if not keys:
        return None
    places = [i for i, key in enumerate(keys) if level_of(key) == level]
    trees = [
        _subtree(keys[start:end], records, level - 1, blocks)
        for start, end in zip([0, *(i + 1 for i in places)], [*places, len(keys)], strict=True)
    ]
    entries, last = [], b""
    for place, tree in zip(places, trees[1:], strict=True):
        key = keys[place]
        shared = next((i for i, (a, b) in enumerate(zip(last, key, strict=False)) if a != b), min(len(last), len(key)))
        entries.append({"p": shared, "k": key[shared:], "v": records[key], "t": tree})
        last = key
    return put(blocks, libipld.encode_dag_cbor({"l": trees[0], "e": entries}))


def put(blocks: dict[bytes, bytes], block: bytes) -> bytes:
    """Add a block; its CID."""
    cid = b"\x01\x71\x12\x20" + sha256(block).digest()
    blocks[cid] = block
    return cid


def car_of(root: bytes, blocks: Mapping[bytes, bytes]) -> bytes:
    """A CAR v1 file."""
    header = libipld.encode_dag_cbor({"version": 1, "roots": [root]})
    sections = [header, *(cid + block for cid, block in blocks.items())]
    return b"".join(_varint(len(section)) + section for section in sections)


def frame_of(kind: str, body: Mapping[str, Any]) -> bytes:
    """A frame of subscribeRepos."""
    header: bytes = libipld.encode_dag_cbor({"op": 1, "t": kind})
    return header + bytes(libipld.encode_dag_cbor(dict(body)))


def error_frame(name: str) -> bytes:
    return bytes(libipld.encode_dag_cbor({"op": -1})) + bytes(libipld.encode_dag_cbor({"error": name}))


def iso(time: int) -> str:
    """A time as the protocol writes it."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def _did_key(code: bytes, point: bytes) -> str:
    return "did:key:" + libipld.encode_multibase("z", code + point)


def _compact(der: bytes, order: int) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(32) + min(s, order - s).to_bytes(32)
