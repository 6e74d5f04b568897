"""The clock: what time alone changes is applied when its time comes, was it awake, asleep, or not there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from actors.clock import LOOK_SECONDS, run_clock, tick
from actors.health import Pulse
from actors.identity import WakeUp
from actors.notifier import run_notifier
from daemon.pool import Pool
from forum import ledger
from forum.changes import Changes, notify
from forum.database import Connection, DatabaseAway
from forum.reads.pages import topic_page
from forum.visibility import SOME
from tests.support.forum import ANN, BOB, F, Index, act, board, put, reply, tid, topic, uri
from tests.support.waiting import until

TOPIC = uri(ANN, 1)
FUTURE, PAST = "2999-01-01T00:00:00Z", "2023-12-01T00:00:00Z"
ENDS_NOW = "UPDATE mod_actions SET expires_at = clock_timestamp()"
ENDS_SOON = "UPDATE mod_actions SET expires_at = clock_timestamp() + interval '50 milliseconds'"


@pytest.fixture
async def banned(index: Index) -> Index:
    """Bob's reply in Ann's topic, and a ban of Bob that ends in a distant future."""
    await index.apply(put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(TOPIC)))
    await index.apply(put(F, 10, 10, act("ban", BOB, expiresAt=FUTURE)))
    return index


@asynccontextmanager
async def running(index: Index, pulse: Pulse, bell: WakeUp | None = None) -> AsyncIterator[WakeUp]:
    """A clock, and its bell."""
    bell = bell or WakeUp()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_clock, index.database, bell, pulse)
        yield bell
        nursery.cancel_scope.cancel()


async def is_shown(index: Index) -> bool:
    return "reply" in await index.shown()


async def test_missed_while_down(banned: Index, pulse: Pulse) -> None:
    """What ended while there was no clock is the first thing it does."""
    await banned.do(ENDS_NOW)
    assert not await is_shown(banned)
    async with running(banned, pulse):
        await until(partial(is_shown, banned))


async def test_sleeps_until_the_next_end(banned: Index, pulse: Pulse) -> None:
    """Rung when one is set; then it wakes by itself."""
    async with running(banned, pulse) as bell:
        await until(lambda: resting(pulse))
        await banned.do(ENDS_SOON)
        bell.ring()
        await until(partial(is_shown, banned))
        await until(lambda: resting(pulse))
    assert await banned.counts() == (1, 1)


async def resting(pulse: Pulse) -> bool:
    return pulse.resting


async def test_rung_by_an_act_that_ends(database: Pool, index: Index, pulse: Pulse) -> None:
    """Whoever applies such an act tells of it; one without an end disturbs nobody."""
    bell, told = WakeUp(), list[Changes]()

    def ring(changes: Changes) -> None:
        told.append(changes)
        if changes.ends:
            bell.ring()

    await index.apply(put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(TOPIC)))
    async with trio.open_nursery() as nursery, running(index, pulse, bell):
        nursery.start_soon(run_notifier, database, ring, Pulse("notifier"))
        await until(lambda: listening(told))
        await until(lambda: resting(pulse))
        for key, more in ((10, {}), (11, {"expiresAt": FUTURE})):
            async with database.transaction() as tx:
                await ledger.take_lock(tx)
                applied = await ledger.apply(tx, [put(F, key, key, act("ban", BOB, **more))], forum_did=F)
                await notify(tx, applied.changes)
            assert applied.changes.ends == bool(more)
        await until(lambda: heard(told))
        nursery.cancel_scope.cancel()


async def listening(told: list[Changes]) -> bool:
    """What is said before that is heard by nobody."""
    return bool(told)


async def heard(told: list[Changes]) -> bool:
    return any(changes.ends for changes in told)


async def test_readers_are_told(banned: Index, database: Pool, pulse: Pulse) -> None:
    """An end reaches caches and open pages as any other change does."""
    tell, told = trio.open_memory_channel[Changes](10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_notifier, database, tell.send_nowait, Pulse("notifier"))
        assert (await told.receive()).all
        await banned.do(ENDS_NOW)
        await tick(database, pulse)
        changes = await told.receive()
        assert (changes.dids, TOPIC in changes.uris) == ({BOB}, True)
        nursery.cancel_scope.cancel()


async def test_arrived_too_late(index: Index, pulse: Pulse) -> None:
    """What had ended before it came, and behind it what had not: nothing but the latter holds, and all is settled."""
    await index.apply(put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(TOPIC)))
    await index.apply(put(F, 10, 10, act("lock", TOPIC)), put(F, 11, 11, act("lock", TOPIC, expiresAt=PAST)))
    assert await tick(index.database, pulse) == LOOK_SECONDS
    assert await index.rows("SELECT locked FROM topics") == [(tid(10),)]
    assert pulse.counters["rounds"] == 1


MANY_REPLIES = """
INSERT INTO posts (uri, did, rkey, cid, root_uri, parent_uri, text, created_at, sorted_at, shown)
SELECT 'at://r/' || n, $1, '3' || n, 'cid', $2, $2, 'many', now(), now(), true FROM generate_series(1, $3::int) AS n
"""


@pytest.mark.slow
async def test_very_many_posts(index: Index, pulse: Pulse) -> None:
    """Nobody waits for them: a ban hides at once, and the clock sets posts and counts right, in rounds."""
    await index.apply(put(F, tid(0), 1, board()), put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(TOPIC)))
    await index.do(MANY_REPLIES, BOB, TOPIC, SOME)
    for number, (action, replies) in enumerate((("ban", 0), ("unban", SOME + 1)), 10):
        async with index.database.transaction() as tx:
            await ledger.take_lock(tx)
            applied = await ledger.apply(tx, [put(F, number, number, act(action, BOB))], forum_did=F)
        assert applied.changes.all
        assert await index.counts() == (1, SOME + 1 - replies)
        if action == "ban":
            assert await readable(index) == 0
        assert await tick(index.database, pulse) == LOOK_SECONDS
        async with index.writing():  # recounts
            assert await index.counts() == (1, replies)
        assert await index.rows("SELECT * FROM unsettled") == []
    assert pulse.counters["rounds"] == 4


async def readable(index: Index) -> int:
    """How many replies a reader of the topic's first page finds."""
    async with index.database.connection() as connection:
        page = await topic_page(
            connection, await index.one("SELECT id FROM posts WHERE uri = $1", TOPIC), limit=25, offset=0
        )
    assert page is not None
    return len(page.replies)


class Flickering:
    """A database that is away the first time it is asked."""

    def __init__(self, database: Pool) -> None:
        self.database, self.asked = database, 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        self.asked += 1
        if self.asked == 1:
            raise DatabaseAway("restarting")
        async with self.database.connection() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.database.transaction() as tx:
            yield tx


async def test_database_away_and_back(banned: Index, pulse: Pulse) -> None:
    """It waits, says so, and goes on."""
    await banned.do(ENDS_NOW)
    async with trio.open_nursery() as nursery:
        bell = WakeUp()
        bell.ring()
        nursery.start_soon(run_clock, Flickering(banned.database), bell, pulse)  # type: ignore[arg-type]
        await until(partial(is_shown, banned))
        nursery.cancel_scope.cancel()
    assert pulse.last_error == "restarting"
