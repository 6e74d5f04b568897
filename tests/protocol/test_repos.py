"""Frames of subscribeRepos: which are kept, and what becomes of those that claim the impossible."""

from typing import Any

import libipld
import pytest

from forum.errors import BadInput
from forum.protocol import repos
from forum.protocol.events import AccountSeen, GapFound, IdentitySeen, RepoSuspect, StreamEvent, SyncSeen
from forum.protocol.wire import Decoded, RawCommit, StreamRefused
from forum.records.names import POST
from forum.records.syntax import tid_of
from tests.protocol.repo_builder import error_frame, frame_of, iso
from tests.protocol.samples import DID, NOW, STRANGER, WANTED, first_commit, path_of

CID = first_commit().cid
REV = tid_of(NOW, 0)


def decode(frame: bytes) -> Decoded:
    return repos.decode(frame, WANTED, NOW)


def event_with(did: str = DID, /, **changes: Any) -> StreamEvent | RawCommit | None:
    return decode(frame_of("#commit", first_commit(did).body(5) | changes)).event


def test_commit_of_ours() -> None:
    """By anyone: the record is ours, known or not."""
    for did in (DID, STRANGER):
        decoded = decode(first_commit(did).frame(5))
        raw = decoded.event
        assert isinstance(raw, RawCommit)
        assert (decoded.cursor, decoded.at) == (raw.cursor, raw.at) == (5, NOW)
        assert (raw.did, raw.rev, raw.since) == (did, REV, None)
        assert [(op.collection, op.rkey) for op in raw.ops] == [(POST, path_of(0).partition("/")[2])]


def test_strangers_are_dropped() -> None:
    """Before any block is looked at."""
    body = first_commit(STRANGER, "app.example.note").body(5) | {"blocks": b"no car", "commit": None, "rev": 5}
    assert decode(frame_of("#commit", body)) == Decoded(5, NOW, None)
    for kind in ("#identity", "#account", "#sync", "#handle"):
        assert decode(frame_of(kind, {"did": STRANGER, "seq": 6, "time": iso(NOW)})) == Decoded(6, NOW, None)


def test_accounts_we_know() -> None:
    body = {"did": DID, "seq": 6, "time": iso(NOW), "rev": REV}
    assert decode(frame_of("#identity", body)).event == IdentitySeen(cursor=6, at=NOW, did=DID)
    assert decode(frame_of("#account", body)).event == AccountSeen(cursor=6, at=NOW, did=DID)
    assert decode(frame_of("#sync", body)).event == SyncSeen(cursor=6, at=NOW, did=DID, rev=REV)
    suspect = RepoSuspect(cursor=6, at=NOW, did=DID, reason="bad_rev")
    assert decode(frame_of("#sync", body | {"rev": b"x"})).event == suspect


def test_info_and_errors() -> None:
    """`OutdatedCursor` opens a gap and the stream goes on; an error ends it."""
    info = decode(frame_of("#info", {"name": "OutdatedCursor", "message": "begin at 9"}))
    assert info == Decoded(None, None, GapFound(from_cursor=None, reason="OutdatedCursor"))
    assert decode(frame_of("#info", {"name": ["what?"]})) == Decoded(None, None, None)
    with pytest.raises(StreamRefused) as refused:
        decode(error_frame("FutureCursor"))
    assert refused.value.name == "FutureCursor"
    nested: list[Any] = []
    for _ in range(500):
        nested = [nested]
    with pytest.raises(StreamRefused, match=r"^error$"):
        decode(libipld.encode_dag_cbor({"op": -1}) + libipld.encode_dag_cbor({"error": nested, "message": 5}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tooBig": True}, "too_large"),
        ({"rebase": True}, "too_large"),
        ({"rev": "not a tid"}, "bad_rev"),
        ({"rev": None}, "bad_rev"),
        ({"since": REV}, "bad_rev"),
        ({"since": tid_of(NOW + 1, 0)}, "bad_rev"),
        ({"since": 5}, "bad_rev"),
        ({"commit": None}, "bad_block"),
        ({"commit": b"short"}, "bad_block"),
        ({"blocks": None}, "bad_block"),
        ({"ops": [{"action": "create", "path": POST, "cid": CID}]}, "bad_op"),
        ({"ops": [{"action": "create", "path": f"{POST}/a/b", "cid": CID}]}, "bad_op"),
        ({"ops": [{"action": "create", "path": f"{POST}/a", "cid": None}]}, "bad_op"),
        ({"ops": [{"action": "delete", "path": f"{POST}/a", "cid": CID}]}, "bad_op"),
        ({"ops": [{"action": None, "path": f"{POST}/a", "cid": CID}]}, "bad_op"),
        ({"ops": [{"action": "create", "path": f"{POST}/a", "cid": CID}] * 100_000}, "too_large"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_claims_that_make_a_repository_suspect(changes: dict[str, Any], reason: str) -> None:
    """Something happened in it that we cannot follow: it is fetched anew."""
    assert event_with(**changes) == RepoSuspect(cursor=5, at=NOW, did=DID, reason=reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": -1},
        {"seq": 2**63},
        {"seq": True},
        {"seq": "5"},
        {"seq": None},
        {"time": None},
        {"time": "0000-01-01T00:00:00Z"},
        {"time": 5},
        {"time": "2026-01-01T00:00:00"},
        {"time": "2026-01-01T00:00:00Z" * 100},
        {"repo": None},
        {"repo": "did:plc:"},
        {"ops": None},
        {"ops": {}},
    ],
    ids=str,
)
def test_frames_that_say_nothing(changes: dict[str, Any]) -> None:
    """No position or no account: counted and dropped."""
    with pytest.raises(BadInput, match="bad_frame"):
        event_with(**changes)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00",
        b"\xa0\xa0",
        b"\xa0\xa0\xa0",
        b"\x81" * 10_000,
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        libipld.encode_dag_cbor({"op": 1, "t": "#commit"}),
        libipld.encode_dag_cbor({"op": 1, "t": 5}) + b"\xa0",
        libipld.encode_dag_cbor({"op": 2, "t": "#commit"}) + b"\xa0",
    ],
    ids=lambda frame: frame[:12].hex(),
)
def test_no_frames(frame: bytes) -> None:
    with pytest.raises(BadInput, match="bad_frame"):
        decode(frame)


def test_text_on_a_binary_stream() -> None:
    with pytest.raises(BadInput, match="bad_frame"):
        repos.decode("{}", WANTED, NOW)


def test_frame_of_six_megabytes() -> None:
    """It is not decoded; what it says before its blocks names the repository that is now suspect."""
    event = event_with(blocks=bytes(6_000_000))
    assert event == RepoSuspect(cursor=5, at=NOW, did=DID, reason="too_large")


def test_frame_of_six_megabytes_that_names_nobody() -> None:
    for spoiled in (bytes(6_000_000), b"cseq" + bytes(6_000_000), b"cseq\xffeblobs" + bytes(6_000_000)):
        with pytest.raises(BadInput, match="too_large"):
            decode(spoiled)


def test_many_foreign_operations_are_dropped() -> None:
    ops = [{"action": "create", "path": "app.example.note/a", "cid": CID}] * 30_000
    assert event_with(STRANGER, ops=ops) is None
