"""The rules of the convergent index one by one, as examples; test_convergence.py mixes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum import accounts, ledger
from forum.protocol.events import RecordOp
from forum.records.names import BOARD, FORUM, MEMBERSHIP, MOD_ACTION, REACTION
from tests.support.forum import (
    ANN,
    BOB,
    CAT,
    ELSEWHERE,
    HERE,
    F,
    Index,
    act,
    board,
    gone,
    membership,
    put,
    reaction,
    reply,
    snapshot_of,
    tid,
    topic,
    uri,
)

TOPIC = uri(ANN, 1)
BOTH = ["topic", "reply"]


async def talk(index: Index) -> None:
    """Ann's topic 1 at rev 1, Bob's reply 2 at rev 2."""
    await index.apply(put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(TOPIC)))


async def account(index: Index, did: str, status: accounts.Status) -> None:
    """The PDS says this of an account."""
    identity = accounts.Identity(did=did, handle=None, pds="https://pds.example", signing_key=None, status=status)
    async with index.writing() as tx:
        asked_at = await tx.fetchval("SELECT now()")
        await accounts.store(tx, identity, asked_at=asked_at, again_in_seconds=60)


# Order and repetition -------------------------------------------------------------------------------------------------


async def test_delete_before_create(index: Index) -> None:
    """What arrives late does not come to life."""
    await index.apply(gone(ANN, 1, 2))
    assert (await index.apply(put(ANN, 1, 1, topic()))).effective == 0
    assert await index.shown() == []


async def test_replay(index: Index) -> None:
    """The same again changes nothing, and nobody is told of it."""
    await talk(index)
    for _ in range(2):
        again = await index.apply(put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(TOPIC)))
        assert (again.effective, bool(again.changes)) == (0, False)
    assert await index.counts() == (1, 1)


async def test_older_edit_after_newer(index: Index) -> None:
    """The higher rev decides, not the later arrival."""
    await index.apply(put(ANN, 1, 3, topic("new")))
    await index.apply(put(ANN, 1, 2, topic("old")))
    assert await index.shown() == ["new"]


async def test_same_rev_twice(index: Index) -> None:
    """A rev says one thing of a key: what is said of it first."""
    await index.apply(put(ANN, 1, 1, topic("first")))
    await index.apply(put(ANN, 1, 1, topic("second")))
    assert await index.shown() == ["first"]


async def test_duplicates_within_a_commit(index: Index) -> None:
    """Within one commit the last operation on a path counts."""
    await index.apply(put(ANN, 1, 1, topic("first")), gone(ANN, 1, 1), put(ANN, 1, 1, topic("last")))
    assert await index.shown() == ["last"]


@pytest.mark.slow
async def test_a_flood_on_one_key(index: Index) -> None:
    """A hundred thousand changes of one record in one batch are one change."""
    applied = await index.apply(*(put(ANN, 1, n, topic(str(n))) for n in range(100_000)))
    assert (applied.effective, await index.shown()) == (1, ["99999"])


@given(order=st.permutations(range(6)))
def test_fold_keeps_the_highest_rev(order: list[int]) -> None:
    """One operation per key, in whatever order they come."""
    ops = [put(ANN, n % 2, n, topic(str(n))) for n in order]
    assert {op.rev for op in ledger.fold(ops)} == {tid(4), tid(5)}


# Snapshots ------------------------------------------------------------------------------------------------------------


async def test_snapshot_brings_and_drops(index: Index) -> None:
    """What is there is here, what is not is gone, and the repository is not stale."""
    await index.apply(put(ANN, 1, 1, topic("dropped")), put(ANN, 2, 2, topic("old")))
    await index.snapshot(ANN, 5, put(ANN, 2, 5, topic("new")), put(ANN, 3, 5, topic("missed")))
    assert await index.shown() == ["new", "missed"]
    assert await index.rows("SELECT synced_rev, stale_since FROM repos") == [(tid(5), None)]


async def test_snapshot_over_newer_live_event(index: Index) -> None:
    """What came live with a higher rev is left alone: edits, creates and deletes."""
    await index.begin(ANN, 5)
    await index.apply(put(ANN, 1, 6, topic("newer")), put(ANN, 2, 7, topic("created")), gone(ANN, 3, 8))
    await index.page(ANN, 5, put(ANN, 1, 5, topic("older")), put(ANN, 3, 5, topic("deleted meanwhile")))
    assert await index.shown() == ["newer", "created"]


async def test_replay_behind_an_abandoned_snapshot(index: Index) -> None:
    """From the moment a snapshot begins its rev is the floor, and its repository stale until the end."""
    await index.begin(ANN, 5)
    await index.apply(put(ANN, 1, 4, topic("replayed")))
    assert await index.shown() == []
    assert await index.stale(ANN) == "snapshot"
    await index.snapshot(ANN, 6, put(ANN, 1, 6, topic("there")))
    assert await index.shown() == ["there"]
    assert await index.stale(ANN) is None


async def test_marked_again_during_a_snapshot(index: Index) -> None:
    """A cause that came after the snapshot began is not cleared by it."""
    mark = await index.begin(ANN, 5)
    async with index.writing() as tx:
        await ledger.mark_stale(tx, {ANN: "sync"})
        await ledger.finish_snapshots(tx, [(snapshot_of(ANN, 5), mark)])
    assert await index.stale(ANN) == "sync"


async def test_delete_in_a_gap_then_a_live_post(index: Index) -> None:
    """A later rev of the repository does not vouch for what was missed; the snapshot finds it."""
    await index.apply(put(ANN, 1, 1, topic("deleted in the gap")))
    await index.apply(put(ANN, 3, 3, topic("live")))
    await index.snapshot(ANN, 3, put(ANN, 3, 3, topic("live")))
    assert await index.shown() == ["live"]


async def test_delete_of_a_row_never_held(index: Index) -> None:
    """It leaves a tombstone in the ledger until a floor passes it, and no trace elsewhere."""
    await index.apply(gone(ANN, 1, 2))
    assert await index.rows("SELECT rev, cid, why FROM ledger") == [(tid(2), None, None)]
    await index.snapshot(ANN, 3)
    assert await index.rows("SELECT * FROM ledger") == []
    await index.apply(put(ANN, 1, 1, topic()))
    assert await index.held() == 0


async def test_reading_version_raised(index: Index) -> None:
    """The same CID is read anew when our reading has changed, and left alone when it has not."""
    await index.apply(put(ANN, 1, 1, topic()))
    await index.do("UPDATE posts SET text = 'as read long ago'")
    await index.snapshot(ANN, 2, put(ANN, 1, 2, topic()))
    assert await index.shown() == ["as read long ago"]
    await index.do("UPDATE ledger SET version = version - 1")
    await index.snapshot(ANN, 3, put(ANN, 1, 3, topic()))
    assert await index.shown() == ["topic"]


async def test_page_of_another_repository_of_forum_records(index: Index) -> None:
    """A snapshot gives a member no more than live events do."""
    await index.snapshot(ANN, 2, put(ANN, 1, 2, board()), collection=BOARD)
    assert await index.rows("SELECT * FROM boards") == []


async def test_page_after_the_account_was_deleted(index: Index) -> None:
    """A snapshot still under way does not bring back what was erased."""
    await talk(index)
    await index.begin(ANN, 5)
    await account(index, ANN, "deleted")
    await index.page(ANN, 5, put(ANN, 1, 5, topic()))
    assert await index.rows("SELECT * FROM posts WHERE did = $1", ANN) == []


# What is kept ---------------------------------------------------------------------------------------------------------


async def test_invalid_edit(index: Index) -> None:
    """The old version is gone, the ledger says why; a valid one brings the post back."""
    await index.apply(put(ANN, 1, 1, topic()))
    assert (await index.apply(gone(ANN, 1, 2, why="too_long"))).refused == {"too_long": 1}
    assert (await index.shown(), await index.why(ANN, 1)) == ([], "too_long")
    await index.apply(put(ANN, 1, 3, topic("short")))
    assert (await index.shown(), await index.why(ANN, 1)) == (["short"], None)


async def test_foreign_board(index: Index) -> None:
    """Another forum's topic is not ours; edited to ours it is, and back it is not."""
    await index.apply(put(ANN, 1, 1, topic(board=ELSEWHERE)))
    assert (await index.held(), await index.why(ANN, 1)) == (0, "foreign")
    await index.apply(put(ANN, 1, 2, topic()))
    assert await index.counts() == (1, 0)
    await index.apply(put(ANN, 1, 3, topic(board=ELSEWHERE)))
    assert (await index.held(), await index.counts()) == (0, (0, 0))


FORGED: list[Any] = [board(), act("ban", BOB), {"name": "Mine"}]


@pytest.mark.parametrize("record", FORGED)
async def test_forged_forum_records(index: Index, record: dict[str, Any]) -> None:
    """The forum's own records count from its own repository only."""
    await index.apply(put(ANN, 1, 1, record))
    assert await index.rows("SELECT * FROM ledger") == []
    await index.apply(put(F, 1, 1, record))
    assert len(await index.rows("SELECT * FROM ledger")) == 1


async def test_closed_account(index: Index) -> None:
    """Of an account that is not active nothing is taken; what it had is hidden, and shown when it comes back."""
    await talk(index)
    await account(index, BOB, "deactivated")
    assert (await index.shown(), await index.counts()) == (["topic"], (1, 0))
    assert (await index.apply(put(BOB, 3, 3, reply(TOPIC)))).effective == 0
    await account(index, BOB, "active")
    assert (await index.shown(), await index.stale(BOB)) == (BOTH, "active_again")


async def test_deleted_account(index: Index) -> None:
    """Content, ledger and floors are gone, and nothing comes any more."""
    await talk(index)
    await index.snapshot(BOB, 3, put(BOB, 2, 3, reply(TOPIC)))
    await index.apply(put(BOB, 5, 5, membership()), put(BOB, 6, 6, reaction(TOPIC)))
    await account(index, BOB, "deleted")
    for table in ("posts", "ledger", "floors", "repos", "memberships", "members", "reactions"):
        assert await index.rows(f"SELECT * FROM {table} WHERE did = $1", BOB) == []
    assert (await index.apply(put(BOB, 7, 7, reply(TOPIC)))).effective == 0
    assert (await index.shown(), await index.counts()) == (["topic"], (1, 0))


# Moderation -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["posts", "ban"])
async def test_ban_and_unban(index: Index, first: str) -> None:
    """Whichever comes first, a banned author's posts are not shown or counted; unbanned they are."""
    ban = put(F, 10, 10, act("ban", BOB))
    await (index.apply(ban) if first == "ban" else talk(index))
    await (talk(index) if first == "ban" else index.apply(ban))
    assert (await index.shown(), await index.counts()) == (["topic"], (1, 0))
    await index.apply(put(F, 11, 11, act("unban", BOB)))
    assert (await index.shown(), await index.counts()) == (BOTH, (1, 1))


async def test_ban_of_a_topics_author(index: Index) -> None:
    """The topic leaves its board, and its replies the count; both come back when the ban is deleted."""
    await talk(index)
    await index.apply(put(F, 10, 10, act("ban", ANN)))
    assert await index.counts() == (0, 0)
    await index.apply(gone(F, 10, 11, collection=MOD_ACTION))
    assert await index.counts() == (1, 1)


async def test_ban_that_has_expired(index: Index) -> None:
    """A ban holds until its end; for posts that come later it is over as soon as its time is."""
    await index.apply(put(F, 10, 10, act("ban", ANN, expiresAt="2999-01-01T00:00:00Z")))
    await index.apply(put(F, 11, 11, act("ban", BOB, expiresAt="2023-12-01T00:00:00Z")))
    await index.apply(put(ANN, 1, 12, topic("banned")), put(BOB, 2, 12, topic("free again")))
    assert await index.shown() == ["free again"]


async def test_newest_action_decides(index: Index) -> None:
    """By key, not by arrival."""
    await talk(index)
    await index.apply(put(F, 11, 11, act("unban", BOB)))
    await index.apply(put(F, 10, 12, act("ban", BOB)))
    assert await index.shown() == BOTH


async def test_hide_before_the_post(index: Index) -> None:
    """A hide waits for its post; ended, the post is there."""
    await index.apply(put(F, 10, 10, act("delete", uri(BOB, 2))))
    await talk(index)
    assert (await index.shown(), await index.counts()) == (["topic"], (1, 0))
    await index.apply(put(F, 11, 11, act("undelete", uri(BOB, 2))))
    assert (await index.shown(), await index.counts()) == (BOTH, (1, 1))


async def test_lock(index: Index) -> None:
    """Replies up to the lock stay, those after it are not shown whenever they come; unlocked, all are."""
    early, late = put(BOB, 2, 2, reply(TOPIC, "early")), put(BOB, 20, 20, reply(TOPIC, "late"))
    await index.apply(put(ANN, 1, 1, topic()), early, late)
    await index.apply(put(F, 10, 10, act("lock", TOPIC)))
    await index.apply(put(CAT, 21, 21, reply(TOPIC, "later")), put(CAT, 3, 22, reply(TOPIC, "early too")))
    assert await index.shown() == ["topic", "early", "early too"]
    assert await index.counts() == (1, 2)
    await index.apply(put(F, 30, 30, act("unlock", TOPIC)))
    assert await index.counts() == (1, 4)


async def test_pin(index: Index) -> None:
    """Pin and lock are pairs of their own, and hold before the topic is there."""
    await index.apply(put(F, 10, 10, act("pin", TOPIC)), put(F, 11, 11, act("lock", TOPIC)))
    await talk(index)
    await index.apply(put(F, 12, 12, act("unlock", TOPIC)))
    assert await index.rows("SELECT pinned, locked FROM topics") == [(True, None)]


# Tombstones -----------------------------------------------------------------------------------------------------------

PLACES = "SELECT text, title, deleted_at IS NOT NULL, shown FROM posts ORDER BY rkey"


async def test_deleted_reply_leaves_its_place(index: Index) -> None:
    """Without its text and its count; no unban, unhide or unlock revives it."""
    await talk(index)
    await index.apply(gone(BOB, 2, 3))
    for key, action in enumerate(("ban", "unban"), 10):
        await index.apply(put(F, key, key, act(action, BOB)))
    for key, action in enumerate(("delete", "undelete", "lock", "unlock"), 12):
        await index.apply(put(F, key, key, act(action, uri(BOB, 2))), put(F, key + 10, key, act(action, TOPIC)))
    assert await index.rows(PLACES) == [("topic", "title", False, True), ("", None, True, False)]
    assert await index.counts() == (1, 0)


async def test_deleted_topic(index: Index) -> None:
    """With replies it stays in its place, without it goes; from its board it is gone either way."""
    await talk(index)
    await index.apply(put(CAT, 5, 5, topic("alone")))
    await index.apply(gone(ANN, 1, 6), gone(CAT, 5, 6))
    assert await index.rows(PLACES) == [("", None, True, False), ("reply", None, False, True)]
    assert await index.counts() == (0, 0)


async def test_reply_to_what_is_not_here_leaves_nothing(index: Index) -> None:
    await index.apply(put(BOB, 2, 2, reply(TOPIC)))
    await index.apply(gone(BOB, 2, 3))
    assert await index.held() == 0


async def test_refused_edit_leaves_no_tombstone(index: Index) -> None:
    await talk(index)
    await index.apply(gone(BOB, 2, 3, why="too_long"))
    assert await index.held() == 1


async def test_written_again_under_the_same_key(index: Index) -> None:
    """A tombstone gives way to a post."""
    await talk(index)
    await index.apply(gone(BOB, 2, 3))
    await index.apply(put(BOB, 2, 4, reply(TOPIC, "again")))
    assert (await index.shown(), await index.counts()) == (["topic", "again"], (1, 1))


# Members, reactions, late references ----------------------------------------------------------------------------------


async def test_membership_counts_once(index: Index) -> None:
    """Two records, one member; of another forum none; deleted one by one, gone with the last."""
    await index.apply(put(ANN, 1, 1, membership()), put(ANN, 2, 2, membership()), put(BOB, 1, 1, membership("did:x:y")))
    count = "SELECT member_count FROM forum_counts"
    assert await index.one(count) == 1
    await index.apply(gone(ANN, 1, 3, collection=MEMBERSHIP))
    assert await index.one(count) == 1
    await index.apply(gone(ANN, 2, 4, collection=MEMBERSHIP))
    assert await index.one(count) == 0


async def test_nobody_joined_in_the_future(index: Index) -> None:
    """Whatever the record and its key say: the newest stand first in the list of members."""
    await index.apply(put(ANN, "izzzzzzzzzzzz", 1, membership(joinedAt="2999-01-01T00:00:00Z")))
    assert await index.one("SELECT joined_at <= now() FROM members WHERE did = $1", ANN)


async def test_reaction(index: Index) -> None:
    await index.apply(put(BOB, 3, 3, reaction(TOPIC)))
    assert await index.rows("SELECT did, subject_uri FROM reactions") == [(BOB, TOPIC)]
    await index.apply(gone(BOB, 3, 4, collection=REACTION))
    assert await index.rows("SELECT * FROM reactions") == []


async def test_late_references(index: Index) -> None:
    """Reply before topic, topic before board, membership before forum: one by one, in the worst order."""
    late: list[RecordOp] = [
        put(BOB, 2, 2, reply(TOPIC)),
        put(ANN, 1, 1, topic()),
        put(BOB, 4, 4, membership()),
        put(F, HERE.rpartition("/")[2], 5, board()),
        put(F, "self", 6, {"name": "Forum"}, collection=FORUM),
    ]
    for op in late:
        await index.apply(op)
    assert (await index.shown(), await index.counts()) == (BOTH, (1, 1))
    assert await index.one("SELECT member_count FROM forum_counts") == 1


async def test_extreme_dates(index: Index) -> None:
    """What an author may write as a time can be stored, and does not decide the order."""
    times = ("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999-23:59")
    await index.apply(*(put(ANN, n, n, topic() | {"createdAt": when}) for n, when in enumerate(times, 1)))
    assert await index.held() == 3
    assert await index.one("SELECT max(sorted_at) <= now() FROM posts")
