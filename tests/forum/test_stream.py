"""Following: the chains of commits, the place in the stream, and what it could not give us."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum import stream
from forum.protocol.events import CommitSeen, GapFound, SyncSeen
from forum.stream import Position
from tests.support.forum import ANN, BOB, Index, put, tid, topic

SOURCE, OTHER = "wss://one.example/subscribe", "wss://two.example/subscribe"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOURS = timedelta(hours=48)


def commit(did: str, since: int | None, rev: int, *, verified: bool = True) -> CommitSeen:
    since_rev = None if since is None else tid(since)
    return CommitSeen(cursor=rev, at=0, did=did, rev=tid(rev), ops=(), since=since_rev, verified=verified)


# Chains ---------------------------------------------------------------------------------------------------------------

revs = st.lists(st.integers(0, 30), min_size=2, unique=True).map(sorted)


def chain(numbers: list[int]) -> list[CommitSeen]:
    return [commit(ANN, since, rev) for since, rev in pairwise(numbers)]


@given(numbers=revs, data=st.data())
def test_whole_chain_joins_up(numbers: list[int], data: st.DataObject) -> None:
    """From wherever it was followed to, with any replays, a chain without a hole leads to its last rev."""
    seen = data.draw(st.sampled_from(numbers))
    again = data.draw(st.integers(0, len(numbers)))
    commits = chain(numbers)
    links, broken = stream.chains(commits[:again] + commits, {ANN: tid(seen)})
    assert broken == set()
    assert links == ({} if seen == numbers[-1] else {ANN: (tid(seen), tid(numbers[-1]))})


@given(numbers=revs.filter(lambda numbers: len(numbers) > 3), data=st.data())
def test_hole_is_found(numbers: list[int], data: st.DataObject) -> None:
    """One commit missing breaks it, be it between two of the batch or before the first."""
    commits = chain(numbers)
    del commits[data.draw(st.integers(0, len(commits) - 2))]
    links, broken = stream.chains(commits, {ANN: tid(numbers[0])})
    assert broken == {ANN}
    assert links[ANN][1] == tid(numbers[-1])


def test_chains_are_of_one_repository_each() -> None:
    """Mixed in one stream they do not disturb each other; what was not verified is not followed."""
    commits = [commit(ANN, None, 1), commit(BOB, 5, 6), commit(ANN, 1, 2), commit(BOB, 3, 9, verified=False)]
    links, broken = stream.chains(commits, {})
    assert (links, broken) == ({ANN: (None, tid(2)), BOB: (tid(5), tid(6))}, set())


# Following ------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def known(index: Index) -> Index:
    """Ann is known, and followed up to rev 1."""
    await index.apply(put(ANN, 1, 1, topic()))
    await follow(index, commit(ANN, None, 1))
    return index


async def follow(index: Index, *commits: CommitSeen) -> None:
    async with index.writing() as tx:
        await stream.follow(tx, commits)


async def sync(index: Index, did: str, rev: int) -> None:
    async with index.writing() as tx:
        await stream.note_syncs(tx, [SyncSeen(cursor=1, at=0, did=did, rev=tid(rev))])


async def seen_and_synced(index: Index) -> tuple[str | None, str | None]:
    rows = await index.rows("SELECT seen_rev, synced_rev FROM repos WHERE did = $1", ANN)
    return rows[0][0], rows[0][1]


async def test_chain_that_fits(known: Index) -> None:
    await follow(known, commit(ANN, 1, 2), commit(ANN, 2, 3))
    assert await seen_and_synced(known) == (tid(3), None)
    assert await known.stale(ANN) is None


@pytest.mark.parametrize("commits", [[(3, 4)], [(1, 2), (3, 4)]])
async def test_hole_makes_stale(known: Index, commits: list[tuple[int, int]]) -> None:
    """Before the batch or within it; the chain goes on behind the hole."""
    await follow(known, *(commit(ANN, *ends) for ends in commits))
    assert await known.stale(ANN) == "missed_commit"
    assert await seen_and_synced(known) == (tid(4), None)


async def test_replay_is_ignored(known: Index) -> None:
    """Wholly or in part of a batch: no rev goes back, and nothing is stale."""
    await follow(known, commit(ANN, 1, 2), commit(ANN, 2, 3))
    await follow(known, commit(ANN, 1, 2))
    await follow(known, commit(ANN, 2, 3), commit(ANN, 3, 4))
    assert await known.stale(ANN) is None
    assert await seen_and_synced(known) == (tid(4), None)


async def test_synced_rev_moves_with_its_chain(known: Index) -> None:
    """What a snapshot vouched for is carried on by commits that join up with it."""
    await known.do("UPDATE repos SET synced_rev = $1", tid(1))
    await follow(known, commit(ANN, 1, 2), commit(ANN, 2, 3))
    assert await seen_and_synced(known) == (tid(3), tid(3))


@pytest.mark.parametrize(
    ("synced", "commits"),
    [(0, [(1, 2)]), (1, [(1, 2), (3, 4)]), (1, [(3, 4)])],
    ids=["synced elsewhere", "hole within the batch", "hole before it"],
)
async def test_synced_rev_stays(known: Index, synced: int, commits: list[tuple[int, int]]) -> None:
    """Past a hole nothing is vouched for."""
    await known.do("UPDATE repos SET synced_rev = $1", tid(synced))
    await follow(known, *(commit(ANN, *ends) for ends in commits))
    assert (await seen_and_synced(known))[1] == tid(synced)


async def test_chain_behind_a_snapshot(known: Index) -> None:
    """A snapshot ahead of the stream: what it contained already is a replay, what follows goes on from it."""
    await known.do("UPDATE repos SET synced_rev = $1", tid(3))
    await follow(known, commit(ANN, 2, 3), commit(ANN, 3, 4))
    assert await known.stale(ANN) is None
    assert await seen_and_synced(known) == (tid(4), tid(4))


async def test_strangers_are_not_followed(known: Index) -> None:
    await follow(known, commit(BOB, 1, 2))
    assert await known.rows("SELECT did FROM repos") == [(ANN,)]


async def test_sync_to_a_known_rev(known: Index) -> None:
    """Seen, synced or older: nothing is wrong. Of a stranger nothing is noted."""
    await known.do("UPDATE repos SET synced_rev = $1", tid(5))
    for did, rev in ((ANN, 1), (ANN, 0), (ANN, 5), (BOB, 9)):
        await sync(known, did, rev)
    assert await known.stale(ANN) is None
    assert await known.stale(BOB) is None


async def test_sync_to_another_rev(known: Index) -> None:
    """The repository is stale once: the commit after it goes on from there."""
    await sync(known, ANN, 7)
    assert await known.stale(ANN) == "sync"
    await follow(known, commit(ANN, 7, 8))
    assert await known.stale(ANN) == "sync"
    assert await known.one("SELECT stale_marks FROM repos") == 1


# Places and gaps ------------------------------------------------------------------------------------------------------


def position(*, source: str = SOURCE, cursor: int | None = 7, hours: float = 1, founded: bool = True) -> Position:
    return Position(source=source, cursor=cursor, connected_at=NOW - timedelta(hours=hours), founded=founded)


@pytest.mark.parametrize(
    ("at", "gap"),
    [
        (None, (None, "no_cursor")),
        (position(founded=False), (7, "no_forum")),
        (position(source=OTHER), (7, "source_changed")),
        (position(cursor=None), (None, "no_cursor")),
        (position(hours=48.1), (7, "away_too_long")),
        (position(hours=47.9), None),
        (position(hours=-1), None),
    ],
)
def test_gap_at_start(at: Position | None, gap: tuple[int | None, str] | None) -> None:
    found = stream.gap_at_start(at, source=SOURCE, now=NOW, max_age=HOURS)
    assert found == (gap and GapFound(from_cursor=gap[0], reason=gap[1]))


async def open_gap(index: Index, *, source: str = SOURCE, cursor: int | None = 7, reason: str = "away") -> None:
    async with index.writing() as tx:
        gap = GapFound(from_cursor=cursor, reason=reason)
        await stream.open_gaps(tx, source, [gap, gap])


async def test_gap_is_not_opened_twice(index: Index) -> None:
    """Another source, place or cause is another gap; so is the same one when it was closed."""
    for _ in range(3):
        await open_gap(index)
    await open_gap(index, source=OTHER)
    await open_gap(index, cursor=None)
    await open_gap(index, reason="other")
    assert await index.one("SELECT count(*) FROM gaps") == 4
    await index.do("UPDATE gaps SET closed_at = now()")
    await open_gap(index)
    assert await index.one("SELECT count(*) FROM gaps WHERE closed_at IS NULL") == 1


async def test_gap_found_again_during_a_job(index: Index) -> None:
    """A job that began before closes what was lost before, not what was lost since."""
    await open_gap(index)
    began = await index.one("SELECT clock_timestamp()")
    await open_gap(index)
    assert await index.one("SELECT opened_at > $1 FROM gaps", began)


async def store(index: Index, cursor: int | None, *, source: str = SOURCE, epoch: int = 0) -> None:
    async with index.writing() as tx:
        await stream.store_position(tx, source=source, cursor=cursor, connected_at=NOW, epoch=epoch)


async def place(index: Index) -> tuple[str, int | None]:
    async with index.database.connection() as connection:
        found = await stream.read_position(connection)
    assert found is not None
    return found.source, found.cursor


async def test_position(index: Index) -> None:
    """One place; a source that has no cursor yet keeps its own last one, and never another's."""
    await store(index, 7)
    await store(index, None)
    assert await place(index) == (SOURCE, 7)
    await store(index, None, source=OTHER)
    assert await place(index) == (OTHER, None)


async def test_position_of_another_epoch(index: Index) -> None:
    await store(index, 7)
    with pytest.raises(stream.Replaced):
        await store(index, 8, epoch=1)
    assert await place(index) == (SOURCE, 7)


async def test_troubles(known: Index) -> None:
    """What health shows."""
    await open_gap(known)
    await sync(known, ANN, 7)
    async with known.database.connection() as connection:
        assert await stream.count_troubles(connection) == (1, 1)
