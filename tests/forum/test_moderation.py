"""Decisions: the newest not yet expired, whatever order acts and posts come in; what a further act would change."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.pool import Pool
from forum import ledger
from forum.moderation import Standing, end_expired, key_after, seconds_to_next, standing_of
from forum.permissions import ADMIN, CREATE_POSTS, EVERYTHING, MANAGE_FORUM, MEMBER, silenced
from forum.protocol.events import RecordOp
from forum.reads.decisions import decisions
from forum.records.names import MOD_ACTION
from forum.records.syntax import is_tid, tid_of, tid_time
from tests.support.database import with_databases
from tests.support.forum import ANN, BOB, CAT, START, F, Index, act, gone, put, reply, tid, topic, uri
from tests.support.index import build, miscounts_of, repos_of, state_of

TOPIC, REPLY = uri(ANN, 1), uri(BOB, 2)
FUTURE, PAST = "2999-01-01T00:00:00Z", "2023-12-01T00:00:00Z"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ON, OFF = True, False
LATER = "2998-01-01T00:00:00Z"


def at(key: int) -> str:
    """The moment of a key."""
    return tid_time(tid(key)).isoformat().replace("+00:00", "Z")


# Acts of one pair on one subject, by key: on or off, and when that ends; and the key that it has held since.
RUNS: dict[str, tuple[dict[int, tuple[bool, str | None]], int | None]] = {
    "on": ({10: (ON, None)}, 10),
    "said twice": ({10: (ON, None), 20: (ON, None)}, 10),
    "prolonged": ({10: (ON, FUTURE), 20: (ON, None)}, 10),
    "prolonged, and the first has ended since": ({10: (ON, at(30)), 20: (ON, None)}, 10),
    "prolonged twice, and both have ended since": ({10: (ON, at(25)), 20: (ON, at(35)), 30: (ON, LATER)}, 10),
    "prolonged at the last moment": ({10: (ON, at(20)), 20: (ON, None)}, 10),
    "ended, and begun anew": ({10: (ON, at(19)), 20: (ON, None)}, 20),
    "ended, begun anew, prolonged": ({10: (ON, at(19)), 20: (ON, at(40)), 30: (ON, None)}, 20),
    "a shorter one within": ({10: (ON, None), 20: (ON, at(25)), 30: (ON, LATER)}, 10),
    "a shorter one that is the newest": ({10: (ON, None), 20: (ON, LATER)}, 10),
    "ended": ({10: (ON, at(20))}, None),
    "off": ({10: (ON, None), 20: (OFF, None)}, None),
    "never on": ({10: (OFF, None)}, None),
    "off and on": ({10: (ON, FUTURE), 20: (OFF, None), 30: (ON, None)}, 30),
    "off, on, prolonged": ({10: (ON, None), 15: (OFF, None), 20: (ON, at(40)), 30: (ON, None)}, 20),
    "off for a while that is over": ({10: (ON, None), 20: (OFF, at(30))}, 10),
    "off for a while": ({10: (ON, None), 20: (OFF, LATER)}, None),
    "off for a while, and on again": ({10: (ON, None), 20: (OFF, LATER), 30: (ON, None)}, 30),
}

STATES = "SELECT banned, topics_until, replies_until FROM accounts WHERE did = $1"
UNTIL = "SELECT replies_until FROM accounts WHERE did = $1"
MARKS = "SELECT locked, pinned FROM topics WHERE uri = $1"
EXPIRE = "UPDATE mod_actions SET expires_at = now() - interval '1 minute' WHERE rkey = $1"


async def talk(index: Index) -> None:
    """Ann's topic 1, Bob's reply 2."""
    await index.apply(put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(TOPIC)))


async def acts(index: Index, *of: tuple[int, str, str], **more: object) -> None:
    """Acts by key, action, subject; all with `more`."""
    await index.apply(*(put(F, key, key, act(action, subject, **more)) for key, action, subject in of))


async def expire(index: Index, *keys: int) -> None:
    """The time of these acts comes, as the clock then finds it."""
    for key in keys:
        await index.do(EXPIRE, tid(key))
    async with index.writing() as tx:
        await end_expired(tx, 100)


# What is in force -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("standing", "is_on", "until", "is_already"),
    [
        ((None, None), True, None, False),
        ((None, None), False, None, True),
        (("3", None), False, None, False),
        (("3", None), True, None, True),
        (("3", None), True, NOON, True),
        (("3", NOON), True, None, False),
        (("3", NOON), True, NOON, True),
        (("3", NOON), True, NOON - HOUR, True),
        (("3", NOON), True, NOON + HOUR, False),
    ],
)
def test_what_changes_nothing(standing: Any, is_on: bool, until: datetime | None, is_already: bool) -> None:
    """A ban that holds as long or longer is already there; one that ends before is not."""
    key, end = standing
    assert Standing(key=key, until=end, newest=key).is_already(is_on, until) is is_already


@given(st.integers(0, 2**53 - 2), st.integers(0, 1023))
def test_a_new_key_is_the_newest(microseconds: int, clock: int) -> None:
    """Also after a key of a clock that runs ahead, however far."""
    newest = tid_of(microseconds, clock)
    key = key_after(newest)
    assert is_tid(key)
    assert key > newest
    assert tid_time(key) - max(tid_time(newest), datetime.now(UTC)) < HOUR


async def test_standing(index: Index) -> None:
    """The newest that has not ended, per pair; the newest key of all pairs."""
    await acts(index, (10, "ban", BOB))
    await acts(index, (11, "ban", BOB), expiresAt=FUTURE)
    await acts(index, (12, "ban", BOB), expiresAt=PAST)
    await acts(index, (13, "unmute", BOB))
    async with index.database.connection() as connection:
        ban, mute = await standing_of(connection, "ban", BOB), await standing_of(connection, "mute", BOB)
        nobody = await standing_of(connection, "ban", CAT)
    assert (ban.key, ban.newest, ban.until) == (tid(11), tid(13), datetime(2999, 1, 1, tzinfo=UTC))
    assert (mute.key, mute.newest) == (None, tid(13))
    assert (nobody.key, nobody.newest) == (None, None)


# Ends -----------------------------------------------------------------------------------------------------------------


async def test_every_kind_ends(index: Index) -> None:
    """Ban, mute, lock, pin and hide: what they did is undone when their time has come, and not before."""
    await talk(index)
    await acts(index, (10, "ban", BOB), (11, "mute", ANN), (12, "lock", TOPIC), expiresAt=FUTURE)
    await acts(index, (13, "pin", TOPIC), (14, "delete", REPLY), expiresAt=FUTURE)
    await index.apply(put(ANN, 20, 20, reply(TOPIC, "muted and locked")))
    assert await index.rows(MARKS, TOPIC) == [(tid(12), True)]
    async with index.writing() as tx:
        assert not await end_expired(tx, 100)
    assert await index.shown() == ["topic"]
    await expire(index, 10, 14)
    assert await index.shown() == ["topic", "reply"]
    await expire(index, 11, 12, 13)
    assert await index.shown() == ["topic", "reply", "muted and locked"]
    assert await index.rows(MARKS, TOPIC) == [(None, False)]
    assert await index.one("SELECT count(*) FROM mod_actions WHERE NOT is_over") == 0


async def test_readers_are_told_of_an_end(index: Index) -> None:
    await talk(index)
    await acts(index, (10, "ban", BOB), expiresAt=FUTURE)
    await index.do(EXPIRE, tid(10))
    async with index.writing() as tx:
        changes = await end_expired(tx, 100)
    assert (BOB in changes.dids, TOPIC in changes.uris) == (True, True)


async def test_an_older_act_stands_behind_one_that_ends(index: Index) -> None:
    """The newest not yet expired decides: a short ban over a long one, an unban that ends."""
    await talk(index)
    await acts(index, (10, "ban", BOB))
    await acts(index, (11, "ban", BOB), expiresAt=FUTURE)
    await expire(index, 11)
    assert await index.shown() == ["topic"]
    await acts(index, (13, "unban", BOB), expiresAt=FUTURE)
    assert await index.shown() == ["topic", "reply"]
    await expire(index, 13)
    assert await index.shown() == ["topic"]


async def test_a_lock_behind_a_lock(index: Index) -> None:
    """When the newer one ends the older one still holds: what came between is shown neither before nor after."""
    await talk(index)
    await acts(index, (10, "lock", TOPIC))
    await acts(index, (20, "lock", TOPIC), expiresAt=FUTURE)
    await index.apply(put(CAT, 15, 15, reply(TOPIC, "between")))
    assert await index.shown() == ["topic", "reply"]
    await expire(index, 20)
    assert await index.shown() == ["topic", "reply"]


@pytest.mark.parametrize(("pair", "subject"), [("lock", TOPIC), ("mute", CAT)])
async def test_prolonging(index: Index, pair: str, subject: str) -> None:
    """A lock or a mute made longer brings nothing to light that it was hiding, not when the first one ends either.

    Moderators are told of the newer one.
    """
    await talk(index)
    await acts(index, (10, pair, subject), expiresAt=FUTURE, reason="for a while")
    await index.apply(put(CAT, 15, 15, reply(TOPIC, "past the API")))
    await acts(index, (20, pair, subject), reason="for good")
    assert (await index.shown(), await index.counts()) == (["topic", "reply"], (1, 1))
    await expire(index, 10)
    assert (await index.shown(), await index.counts()) == (["topic", "reply"], (1, 1))
    async with index.database.connection() as connection:
        assert (await standing_of(connection, pair, subject)).key == tid(20)
        told = (await decisions(connection, [subject]))[subject, pair]
    assert (told.reason, told.until) == ("for good", None)
    await acts(index, (30, f"un{pair}", subject))
    assert (await index.shown(), await index.counts()) == (["topic", "reply", "past the API"], (1, 2))


@pytest.mark.parametrize(("pair", "subject"), [("lock", TOPIC), ("mute", BOB)], ids=["lock", "mute"])
@pytest.mark.parametrize(("run", "since"), RUNS.values(), ids=list(RUNS))
async def test_since_when(
    index: Index, pair: str, subject: str, run: dict[int, tuple[bool, str | None]], since: int | None
) -> None:
    """Since the first of those that hold without a break; since never where nothing is in force."""
    await talk(index)
    await acts(index, (1, "lock", REPLY), (2, "mute", ANN), (3, "pin", TOPIC), (4, "ban", BOB))
    for key, (is_on, end) in run.items():
        more = {} if end is None else {"expiresAt": end}
        await acts(index, (key, pair if is_on else f"un{pair}", subject), **more)
    row = (await index.rows(MARKS if pair == "lock" else UNTIL, subject))[0]
    assert row[0] == (None if since is None else tid(since))
    async with index.database.connection() as connection:
        assert ((await standing_of(connection, pair, subject)).key is None) == (since is None)


async def test_the_moment_of_a_key(database: Pool) -> None:
    """As we read it ourselves."""
    keys = [tid_of(moment, clock) for moment in (0, 1, 31, 32, START, START + 1, 2**53 - 1) for clock in (0, 1023)]
    moments = await Index(database).rows("SELECT moment_of(k) FROM unnest($1::text[]) AS k", keys)
    assert [moment for (moment,) in moments] == [tid_time(key) for key in keys]


async def test_an_act_that_arrives_too_late(index: Index) -> None:
    """It has ended, so it never had an effect; and the clock, which looks at it, changes nothing."""
    await talk(index)
    await acts(index, (10, "ban", BOB), (11, "lock", TOPIC), expiresAt=PAST)
    assert await index.shown() == ["topic", "reply"]
    await expire(index)
    assert await index.shown() == ["topic", "reply"]
    async with index.database.connection() as connection:
        assert await seconds_to_next(connection) is None


async def test_an_end_that_is_moved(index: Index) -> None:
    """An act written anew, by whatever tool, with a later end: it is in force again, and ends again."""
    await talk(index)
    await acts(index, (10, "ban", BOB), expiresAt=FUTURE)
    await expire(index, 10)
    await index.apply(put(F, 10, 30, act("ban", BOB, expiresAt="2998-01-01T00:00:00Z")))
    assert await index.shown() == ["topic"]
    await expire(index, 10)
    assert await index.shown() == ["topic", "reply"]


async def test_a_transaction_that_began_before_the_end(index: Index) -> None:
    """Whoever waited for the lock while an act ended, and the clock saw to it, does not bring it back."""
    await talk(index)
    await acts(index, (10, "ban", BOB), expiresAt=FUTURE)
    async with index.database.transaction() as slow:
        await slow.fetchval("SELECT now()")  # it has begun
        await index.do("UPDATE mod_actions SET expires_at = clock_timestamp() WHERE rkey = $1", tid(10))
        async with index.writing() as tx:
            await end_expired(tx, 100)
        await ledger.take_lock(slow)
        await ledger.apply(slow, [put(F, 11, 11, act("unmute", BOB))], forum_did=F)
    assert await index.rows(STATES, BOB) == [(False, None, None)]


async def test_many_ends_in_rounds(index: Index) -> None:
    """The longest over first, so many at a time; what ends later is waited for."""
    await acts(index, *((key, "ban", f"did:plc:m{key}") for key in range(10, 15)), expiresAt=PAST)
    await acts(index, (20, "ban", BOB), expiresAt=FUTURE)
    left = []
    for _ in range(3):
        async with index.writing() as tx:
            await end_expired(tx, 2)
        left.append(await index.one("SELECT count(*) FROM mod_actions WHERE NOT is_over"))
    assert left == [4, 2, 1]
    async with index.database.connection() as connection:
        seconds = await seconds_to_next(connection)
    assert seconds is not None
    assert seconds > 10**9


# Mutes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["post", "mute"])
async def test_mute(index: Index, first: str) -> None:
    """What was written before stays, what comes later is not shown; unmuted, all is."""
    late, mute = put(BOB, 20, 20, reply(TOPIC, "late")), put(F, 10, 10, act("mute", BOB))
    await talk(index)
    for op in (late, mute) if first == "post" else (mute, late):
        await index.apply(op)
    await index.apply(put(BOB, 21, 21, topic("late topic")))
    assert (await index.shown(), await index.counts()) == (["topic", "reply"], (1, 1))
    await acts(index, (30, "unmute", BOB))
    assert (await index.shown(), await index.counts()) == (["topic", "reply", "late", "late topic"], (2, 2))


def test_a_mute_takes_the_right_to_write() -> None:
    """And no other, also from who may do everything."""
    assert silenced(frozenset({CREATE_POSTS, MANAGE_FORUM})) == {MANAGE_FORUM}
    assert silenced(frozenset({EVERYTHING})) == (ADMIN | {MANAGE_FORUM}) - MEMBER


# Any order ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("delete", "ban"), ("ban", "delete")])
async def test_what_its_author_deleted_stays_deleted(index: Index, order: Sequence[str]) -> None:
    """A ban hides and an unban restores exactly, but nothing that its author took away."""
    await talk(index)
    await index.apply(put(BOB, 3, 3, reply(TOPIC, "stays")))
    steps = {"delete": gone(BOB, 2, 4), "ban": put(F, 10, 10, act("ban", BOB))}
    for step in order:
        await index.apply(steps[step])
    assert await index.shown() == ["topic"]
    await acts(index, (11, "unban", BOB))
    assert (await index.shown(), await index.counts()) == (["topic", "stays"], (1, 1))


HISTORY = (
    put(ANN, 1, 1, topic()),
    put(BOB, 2, 2, reply(TOPIC)),
    put(BOB, 3, 3, reply(TOPIC, "taken back")),
    gone(BOB, 3, 4),
    put(F, 10, 10, act("ban", BOB)),
    put(F, 11, 11, act("unban", BOB)),
    put(F, 12, 12, act("ban", CAT, expiresAt=FUTURE)),
    put(F, 13, 13, act("ban", CAT, expiresAt=PAST)),
    put(F, 14, 14, act("lock", TOPIC)),
    put(F, 15, 15, act("mute", ANN)),
    put(F, 16, 16, act("delete", REPLY)),
    gone(F, 16, 17, collection=MOD_ACTION),
    put(F, 18, 18, act("pin", TOPIC)),
    put(CAT, 19, 19, topic("banned")),
    put(ANN, 20, 20, topic("muted")),
    put(BOB, 21, 21, reply(TOPIC, "locked")),
)


@pytest.mark.slow
@given(order=st.permutations(HISTORY))
@settings(max_examples=8, deadline=None)
def test_any_order_ends_as_a_rebuild_does(order: list[RecordOp], postgres_dsn: str) -> None:
    """Acts and posts in any order, one by one, or all from the repositories: readers see the same."""

    async def main() -> None:
        async with with_databases(postgres_dsn, 2) as (pool, rebuilt):
            for op in order:
                async with pool.transaction() as tx:
                    await ledger.take_lock(tx)
                    await ledger.apply(tx, [op], forum_did=F)
            assert await Index(pool).shown() == ["topic", "reply"]
            await build(rebuilt, F, repos_of(HISTORY), rev=tid(99))
            async with pool.connection() as one, rebuilt.connection() as other:
                assert await miscounts_of(one) == await miscounts_of(other) == {}
                assert await state_of(one) == await state_of(other)

    trio.run(main)
