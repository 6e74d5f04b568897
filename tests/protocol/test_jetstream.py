"""Both wires of Jetstream: what is kept, what is dropped, and what a spoiled record comes to."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from forum.errors import BadInput
from forum.protocol import jetstream, jetstream2
from forum.protocol.events import (
    AccountSeen,
    CommitSeen,
    GapFound,
    IdentitySeen,
    RecordOp,
    RepoSuspect,
    StreamEvent,
    SyncSeen,
)
from forum.protocol.wire import MAX_RECORD_BYTES, Decoded, RawCommit, StreamRefused
from forum.records.datamodel import cid_of
from forum.records.names import BOARD, POST
from forum.records.syntax import tid_of
from tests.protocol.samples import DID, FORUM_DID, NOW, STRANGER, WANTED, first_commit, new_repo, path_of, post_of

NSID = "network.bsky.jetstream.subscribeEvents"
RECORD = json.dumps(post_of())


def v1(text: str | bytes) -> Decoded:
    return jetstream.decode(text, WANTED, NOW)


def v2(text: str | bytes) -> Decoded:
    return jetstream2.decode(text, WANTED, NOW)


def frames_of(**of_commit: Any) -> list[tuple[Callable[[str | bytes], Decoded], str]]:
    commit = first_commit(**of_commit)
    return [(v1, commit.jetstream()[0]), (v2, commit.jetstream2(NOW)[0])]


WIRES = pytest.mark.parametrize(("decode", "text"), frames_of(), ids=["v1", "v2"])
DROPPED = frames_of(collection="app.example.note") + frames_of(collection=BOARD)


@WIRES
def test_create(decode: Callable[[str | bytes], Decoded], text: str) -> None:
    """The same commit gives the same event on either wire, as text or as bytes."""
    op = RecordOp(
        did=DID,
        collection=POST,
        rkey=path_of(0).partition("/")[2],
        rev=tid_of(NOW, 0),
        cid=cid_of(post_of()),
        record=post_of(),
    )
    event = CommitSeen(cursor=NOW, at=NOW, did=DID, rev=op.rev, ops=(op,))
    assert decode(text) == decode(text.encode()) == Decoded(NOW, NOW, event)


def test_update_and_delete() -> None:
    """One event for each operation."""
    repo = new_repo()
    repo.commit(NOW - 1, creates={path_of(0): post_of(), path_of(1): post_of()})
    commit = repo.commit(NOW, updates={path_of(0): post_of("new")}, deletes=[path_of(1)])
    old = [v1(text).event for text in commit.jetstream()]
    new = [v2(text) for text in commit.jetstream2(11)]
    assert [decoded.cursor for decoded in new] == [11, 12]
    assert [operations(event) for event in old] == [operations(decoded.event) for decoded in new]
    assert [operations(event) for event in old] == [
        [(f"at://{DID}/{path_of(0)}", post_of("new"), None)],
        [(f"at://{DID}/{path_of(1)}", None, None)],
    ]


def operations(event: StreamEvent | RawCommit | None) -> list[tuple[str, Any, str | None]]:
    assert isinstance(event, CommitSeen)
    return [(op.uri, op.record, op.why) for op in event.ops]


@pytest.mark.parametrize(("decode", "text"), DROPPED)
def test_foreign_collections_are_dropped(decode: Callable[[str | bytes], Decoded], text: str) -> None:
    """They move the cursor and say nothing; so does a board that is not in the forum's repository."""
    assert decode(text) == Decoded(NOW, NOW, None)


def test_boards_of_the_forum_are_kept() -> None:
    assert all(
        isinstance(decode(text).event, CommitSeen) for decode, text in frames_of(did=FORUM_DID, collection=BOARD)
    )


def identity_v1(did: str, kind: str) -> str:
    return json.dumps(
        {"did": did, "time_us": NOW, "kind": kind, kind: {"did": did, "seq": 5, "time": "2026-01-01T00:00:00Z"}}
    )


def event_v2(did: str, kind: str, **fields: Any) -> str:
    payload = {"$type": f"{NSID}#{kind}", "seq": 77, "did": did, "time": "2026-01-01T00:00:00.000001Z"} | fields
    return json.dumps({"$type": "message", "payload": payload})


AT = 1_767_225_600_000_001


def test_accounts_we_know() -> None:
    """Identity and account events come of the whole network; those of strangers only move the cursor."""
    assert v1(identity_v1(DID, "identity")).event == IdentitySeen(cursor=NOW, at=NOW, did=DID)
    assert v1(identity_v1(DID, "account")).event == AccountSeen(cursor=NOW, at=NOW, did=DID)
    assert v2(event_v2(DID, "identity", identity={})).event == IdentitySeen(cursor=77, at=AT, did=DID)
    assert v2(event_v2(DID, "account", account={})).event == AccountSeen(cursor=77, at=AT, did=DID)
    for kind in ("identity", "account", "sync", "something.new"):
        assert v1(identity_v1(STRANGER, kind)) == Decoded(NOW, NOW, None)
        assert v2(event_v2(STRANGER, kind)) == Decoded(77, AT, None)


def test_sync() -> None:
    """With a rev not to be believed the repository is suspect, which comes to the same."""
    rev = tid_of(NOW, 3)
    assert v2(event_v2(DID, "sync", sync={"rev": rev, "blocks": {"$bytes": "AA"}})).event == SyncSeen(
        cursor=77, at=AT, did=DID, rev=rev
    )
    for spoiled, reason in ((tid_of(NOW + 10**9, 0), "future_rev"), ("", "bad_rev")):
        event = v2(event_v2(DID, "sync", sync={"rev": spoiled})).event
        assert event == RepoSuspect(cursor=77, at=AT, did=DID, reason=reason)


def test_cursor_of_numbering_servers() -> None:
    """Where an event carries a cursor it is that one, and the time stays the time."""
    frame = json.loads(first_commit().jetstream()[0]) | {"cursor": 4711}
    decoded = v1(json.dumps(frame))
    assert (decoded.cursor, decoded.at) == (4711, NOW)


def test_info_and_errors() -> None:
    """An info that our cursor is no good opens a gap; an error ends the stream."""
    info = {"$type": "message", "payload": {"$type": f"{NSID}#info", "name": "OutdatedCursor"}}
    assert v2(json.dumps(info)) == Decoded(None, None, GapFound(from_cursor=None, reason="OutdatedCursor"))
    with pytest.raises(StreamRefused, match="ConsumerTooSlow: read faster"):
        v2('{"$type": "error", "error": "ConsumerTooSlow", "message": "read faster"}')


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"error": "CursorTooOld", "message": "begin at 9"}', "CursorTooOld"),
        (b'{"error": 5}', None),
        (b"<html>", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_refused_upgrade(body: bytes, name: str | None) -> None:
    """The body of an HTTP answer may be anything."""
    refusal = jetstream2.refusal_of(body)
    assert (refusal and refusal.name) == name


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("null", "bad_record"),
        ("[]", "bad_record"),
        ('"text"', "bad_record"),
        ('{"a": 1e999}', "bad_record"),
        (r'{"a": "\ud800"}', "bad_record"),
        (r'{"a": "\udc00 \ud800"}', "bad_record"),
        ('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}", "bad_record"),
        ('{"a": "' + "x" * MAX_RECORD_BYTES + '"}', "too_large"),
        ('{"a": "' + "x" * 6_000_000 + '"}', "too_large"),
    ],
    ids=lambda value: value[:20],
)
@WIRES
def test_spoiled_record(decode: Callable[[str | bytes], Decoded], text: str, record: str, why: str) -> None:
    """It takes the place of what was there: an operation without a record, and with a reason."""
    event = decode(text.replace(RECORD, record)).event
    assert operations(event) == [(f"at://{DID}/{path_of(0)}", None, why)]


@WIRES
def test_record_in_broken_utf8(decode: Callable[[str | bytes], Decoded], text: str) -> None:
    event = decode(text.replace("Hello", "HeXXo").encode().replace(b"XX", b"\xff\xfe")).event
    assert operations(event) == [(f"at://{DID}/{path_of(0)}", None, "bad_record")]


@WIRES
def test_missing_record_and_bad_cid(decode: Callable[[str | bytes], Decoded], text: str) -> None:
    gone = text.replace('"record": ' + RECORD + ", ", "")
    assert operations(decode(gone).event) == [(f"at://{DID}/{path_of(0)}", None, "bad_record")]
    for cid in ('"-"', "5", "null", '["x"]'):
        changed = text.replace(json.dumps(cid_of(post_of())), cid)
        assert operations(decode(changed).event) == [(f"at://{DID}/{path_of(0)}", None, "bad_cid")]


@WIRES
def test_rev_of_the_future(decode: Callable[[str | bytes], Decoded], text: str) -> None:
    """It would outrank every honest commit to come."""
    event = decode(text.replace(tid_of(NOW, 0), tid_of(NOW + 301_000_000, 0))).event
    assert event == RepoSuspect(cursor=NOW, at=NOW, did=DID, reason="future_rev")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (DID, "did:plc:"),
        (DID, "did:plc:a/b"),
        (DID, f"{DID}\\u0000"),
        (path_of(0).partition("/")[2], ".."),
        (path_of(0).partition("/")[2], "a/b"),
        (path_of(0).partition("/")[2], "k" * 513),
        (tid_of(NOW, 0), "1234567890123"),
        (tid_of(NOW, 0), ""),
        ("create", "burn"),
        (str(NOW), str(2**63)),
        (str(NOW), "-1"),
        (str(NOW), "true"),
    ],
    ids=lambda value: value[-20:],
)
@WIRES
def test_what_does_not_name_an_operation(
    decode: Callable[[str | bytes], Decoded], text: str, old: str, new: str
) -> None:
    """Without a sound DID, collection, rkey and rev there is nothing to apply: the frame is counted and dropped."""
    assert old in text
    with pytest.raises(BadInput, match="bad_frame"):
        decode(text.replace(old, new))


@pytest.mark.parametrize(
    "time", ["", "yesterday", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00", "1969-01-01T00:00:00Z", "2026-13-01"]
)
def test_time_of_v2(time: str) -> None:
    with pytest.raises(BadInput, match="bad_frame"):
        v2(event_v2(DID, "identity", time=time))


def test_time_ahead_is_no_place_to_resume() -> None:
    """A cursor of the future would be answered with the present: what came between would be lost without a gap."""
    ahead = NOW + 3_600_000_000
    frame = f'{{"did":"did:plc:nobody","time_us":{ahead},"kind":"identity"}}'
    decoded = jetstream.decode(frame, WANTED, NOW)
    assert (decoded.cursor, decoded.at) == (NOW, ahead)
