"""Raw commits: the true one passes, every lie about it makes the repository suspect, a bad record is its author's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import libipld
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.protocol import repos
from forum.protocol.commits import check_commit
from forum.protocol.events import CommitSeen, RecordOp, RepoSuspect
from forum.protocol.signing import parse_key
from forum.protocol.wire import MAX_RECORD_BYTES, RawCommit
from forum.records.datamodel import cid_of
from forum.records.names import BOARD, POST
from forum.records.syntax import tid_of
from tests.protocol.repo_builder import Commit, K256Signer, P256Signer, RepoBuilder, Signer, frame_of, put
from tests.protocol.samples import DID, FORUM_DID, NOW, STRANGER, WANTED, first_commit, new_repo, path_of, post_of

KEY = parse_key(new_repo().signer.did_key)
MINUTE = 60_000_000


def raw_of(frame: bytes) -> RawCommit:
    raw = repos.decode(frame, WANTED, NOW).event
    assert isinstance(raw, RawCommit)
    return raw


def judge(commit: Commit, *, body: dict[str, Any] | None = None) -> CommitSeen | RepoSuspect:
    return check_commit(raw_of(frame_of("#commit", commit.body(5) | (body or {}))), KEY, NOW)


def reason_of(event: CommitSeen | RepoSuspect) -> str:
    assert isinstance(event, RepoSuspect)
    assert (event.cursor, event.at, event.did) == (5, NOW, DID)
    return event.reason


@pytest.mark.parametrize("make", [K256Signer, P256Signer])
def test_true_history_passes(make: Callable[[], Signer]) -> None:
    """Creates, an update and a delete, each commit naming the one before."""
    repo = RepoBuilder(DID, make())
    key = parse_key(repo.signer.did_key)
    commits = [
        repo.commit(NOW, creates={path_of(i): post_of(f"{i}") for i in range(50)}),
        repo.commit(NOW + 1, updates={path_of(7): post_of("seven")}, deletes=[path_of(8), path_of(9)]),
        repo.commit(NOW + 2),
    ]
    seen = [check_commit(raw_of(commit.frame(5)), key, NOW) for commit in commits]
    assert all(isinstance(event, CommitSeen) and event.verified for event in seen)
    assert [(event.rev, event.since) for event in seen if isinstance(event, CommitSeen)] == [
        (commit.rev, commit.since) for commit in commits
    ]
    assert isinstance(seen[1], CommitSeen)
    update, *deletes = seen[1].ops
    assert update == RecordOp(
        did=DID,
        collection=POST,
        rkey=path_of(7).partition("/")[2],
        rev=commits[1].rev,
        cid=cid_of(post_of("seven")),
        record=post_of("seven"),
    )
    assert [(op.uri, op.cid, op.record, op.why) for op in deletes] == [
        (f"at://{DID}/{path_of(i)}", None, None, None) for i in (8, 9)
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.text(max_size=5)), max_size=30))
def test_any_history_passes(steps: list[tuple[int, str]]) -> None:
    """Whatever is written, one operation at a time, is proven: present ones are deleted or updated, others created."""
    repo = new_repo()
    for count, (number, text) in enumerate(steps):
        path, record = path_of(number), {path_of(number): post_of(text)}
        if path not in repo.records:
            commit = repo.commit(NOW + count, creates=record)
        elif text:
            commit = repo.commit(NOW + count, updates=record)
        else:
            commit = repo.commit(NOW + count, deletes=[path])
        assert isinstance(judge(commit), CommitSeen)


def test_forum_records_count_in_the_forums_repository_only() -> None:
    """A board anywhere else is not looked at; the commit of a known account is still followed."""
    mine = first_commit(DID, BOARD)
    assert raw_of(mine.frame(5)).ops == ()
    assert len(raw_of(first_commit(FORUM_DID, BOARD).frame(5)).ops) == 1
    assert repos.decode(first_commit(STRANGER, BOARD).frame(5), WANTED, NOW).event is None


def test_known_account_is_followed_without_operations_of_ours() -> None:
    """The chain of revs shows whether a commit was missed."""
    event = judge(first_commit(collection="app.example.note"))
    assert isinstance(event, CommitSeen)
    assert (event.ops, event.rev) == ((), first_commit().rev)


def test_signature_of_another_key() -> None:
    other = RepoBuilder(DID, K256Signer()).commit(NOW, creates={path_of(0): post_of()})
    assert reason_of(judge(other)) == "bad_signature"


def test_block_that_is_not_what_it_says() -> None:
    body = first_commit().body(5)
    spoiled = body["blocks"].replace(b"Hello", b"Jello")
    assert reason_of(judge(first_commit(), body={"blocks": spoiled})) == "bad_block"


def test_car_of_another_commit() -> None:
    """Each is true; together they are a lie."""
    repo = new_repo()
    first, second = repo.commit(NOW, creates={path_of(0): post_of()}), repo.commit(NOW + 1)
    assert reason_of(judge(first, body={"blocks": second.body(5)["blocks"]})) == "bad_block"


def test_another_repository() -> None:
    other = new_repo(STRANGER).commit(NOW, creates={path_of(0): post_of()})
    assert reason_of(judge(replace(other, did=DID))) == "bad_did"


def test_another_rev() -> None:
    assert reason_of(judge(first_commit(), body={"rev": tid_of(NOW + 5, 0)})) == "bad_rev"


@pytest.mark.parametrize(("ahead", "event"), [(4 * MINUTE, CommitSeen), (6 * MINUTE, RepoSuspect)])
def test_rev_of_the_future(ahead: int, event: type) -> None:
    """Five minutes are forgiven."""
    commit = new_repo().commit(NOW + ahead, creates={path_of(0): post_of()})
    assert isinstance(judge(replace(commit, time=NOW)), event)


@pytest.mark.parametrize(
    "change",
    [
        {"action": "delete", "cid": None},
        {"action": "update", "cid": libipld.decode_multibase(cid_of(post_of("other")))[1]},
        {"path": path_of(1)},
    ],
    ids=["deleted", "other cid", "other path"],
)
def test_operation_the_tree_does_not_show(change: dict[str, Any]) -> None:
    body = first_commit().body(5)
    lie = body["ops"][0] | change
    assert reason_of(judge(first_commit(), body={"ops": [lie]})) == "bad_proof"


def test_record_without_its_block() -> None:
    commit = first_commit()
    blocks = {cid: block for cid, block in commit.blocks.items() if cid != commit.ops[0].cid}
    assert reason_of(judge(replace(commit, blocks=blocks))) == "bad_block"


def test_last_operation_on_a_path_counts() -> None:
    """Created and deleted in one commit is deleted."""
    repo = new_repo()
    commit = repo.commit(NOW, creates={path_of(0): post_of()}, deletes=[path_of(0)])
    event = judge(commit)
    assert isinstance(event, CommitSeen)
    assert [(op.uri, op.cid) for op in event.ops] == [(f"at://{DID}/{path_of(0)}", None)]


def commit_of_block(block: bytes) -> CommitSeen | RepoSuspect:
    """A signed commit of a record that no honest encoder would have made."""
    repo = new_repo()
    blocks: dict[bytes, bytes] = {}
    cid = repo.records[path_of(0)] = put(blocks, block)
    commit = repo.commit(NOW)
    whole = replace(commit, blocks={**commit.blocks, **blocks})
    op = {"action": "create", "path": path_of(0), "cid": cid}
    return judge(whole, body={"ops": [op]})


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"", "bad_cbor"),
        (b"\xff", "bad_cbor"),
        (b"\xa1\x61a\x18\x01", "bad_cbor"),
        (b"\xa1\x61a" + b"\x81" * 10_000 + b"\x00", "bad_cbor"),
        (b"\xa1\x61a" + b"\x81" * 100 + b"\x00", "too_deep"),
        (b"\xa1\x61a\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00", "wrong_type"),
        (b"\x80", "wrong_type"),
        (b"\xa1\x61a\x5a\x00\x0f\x42\x40" + bytes(1_000_000), "too_large"),
    ],
    ids=["empty", "broken", "non-canonical", "abyss", "deep", "float", "list", "1 MB"],
)
def test_unusable_record_is_its_authors(block: bytes, why: str) -> None:
    """It is proven, so it replaces what stood there before: a delete with a reason, and the repository is sound."""
    event = commit_of_block(block)
    assert isinstance(event, CommitSeen)
    assert [(op.cid, op.record, op.why) for op in event.ops] == [(None, None, why)]


def test_record_at_the_limit() -> None:
    """Exactly so many bytes are taken."""
    text = "x" * (MAX_RECORD_BYTES - 8)
    event = commit_of_block(bytes(libipld.encode_dag_cbor({"a": text})))
    assert isinstance(event, CommitSeen)
    assert event.ops[0].record == {"a": text}
