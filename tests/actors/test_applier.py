"""The applier: a batch and its cursor are one transaction; what cannot be stored stops nothing else."""

from functools import partial

import pytest
import trio

from actors.applier import run_applier
from actors.health import Pulse
from actors.inbox import Inbox, Outlet, open_inbox
from forum import ledger, stream
from forum.protocol.events import (
    AccountSeen,
    CommitSeen,
    GapFound,
    IdentitySeen,
    RecordOp,
    RepoSuspect,
    StreamEvent,
    StreamIdle,
    SyncSeen,
)
from tests.support.forum import ANN, BOB, F, Index, Record, put, reply, tid, topic, uri
from tests.support.waiting import until

SOURCE = "wss://stream.example/subscribe"
AT = 1_700_000_000_000_000
POSITION = "SELECT source, cursor, extract(epoch FROM connected_at)::bigint * 1000000 FROM stream"
# Any failure at all, at COMMIT: the statements before it have succeeded.
FAIL_AT_COMMIT = (
    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk is full'; END $$",
    "CREATE CONSTRAINT TRIGGER failing AFTER INSERT ON stream DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
    "EXECUTE FUNCTION fail()",
)
WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def seen(cursor: int, *ops: RecordOp) -> CommitSeen:
    return CommitSeen(cursor=cursor, at=AT, did=ops[0].did, rev=ops[0].rev, ops=ops)


async def fill(outlet: Outlet, *events: StreamEvent) -> None:
    for event in events:
        await outlet.send(event, 100)
    outlet.close()


async def run(index: Index, pulse: Pulse, inbox: Inbox, *, epoch: int = 0) -> None:
    await run_applier(inbox, index.database, pulse, forum_did=F, source=SOURCE, epoch=epoch)


async def store(index: Index, pulse: Pulse, *events: StreamEvent, epoch: int = 0) -> None:
    """Give the events to an applier, and see it to its end."""
    outlet, inbox = open_inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(fill, outlet, *events))
        await run(index, pulse, inbox, epoch=epoch)


TALK = (seen(1, put(ANN, 1, 1, topic())), seen(2, put(BOB, 2, 2, reply(uri(ANN, 1)))))


async def test_batch_and_cursor_are_one_transaction(index: Index, pulse: Pulse) -> None:
    outlet, inbox = open_inbox()
    await fill(outlet, *TALK)
    await run(index, pulse, inbox)
    assert await index.shown() == ["topic", "reply"]
    assert await index.rows(POSITION) == [(SOURCE, 2, AT)]
    tables = ("posts", "ledger", "accounts", "stream")
    made_by = await index.rows(" UNION ".join(f"SELECT xmin::text FROM {table}" for table in tables))
    assert len(made_by) == 1


async def test_failed_commit(index: Index, pulse: Pulse) -> None:
    """Cursor and data are as before; the next run begins at the same place and brings all."""
    for statement in FAIL_AT_COMMIT:
        await index.do(statement)
    outlet, inbox = open_inbox()
    await fill(outlet, *TALK)
    with pytest.raises(Exception, match="the disk is full"):
        await run(index, pulse, inbox)
    assert (await index.rows(POSITION), await index.held()) == ([], 0)
    await index.do("DROP TRIGGER failing ON stream")
    await store(index, pulse, *TALK)
    assert await index.shown() == ["topic", "reply"]


@pytest.mark.slow
async def test_database_lost_in_the_middle(index: Index, pulse: Pulse) -> None:
    """The same batch is tried again, and says meanwhile what it waits for."""
    outlet, inbox = open_inbox()
    await fill(outlet, *TALK)
    async with trio.open_nursery() as nursery, index.database.transaction() as tx:
        await ledger.take_lock(tx)
        nursery.start_soon(run, index, pulse, inbox)
        await until(lambda: tx.fetchval(WAITING))
        await tx.execute(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) AS waiting")
        await until(lambda: state(pulse, "waiting"))
        assert pulse.detail == "the database is away"
    assert await index.shown() == ["topic", "reply"]
    assert await index.rows(POSITION) == [(SOURCE, 2, AT)]
    assert pulse.state == "running"


async def state(pulse: Pulse, name: str) -> bool:
    return pulse.state == name


UNINDEXABLE = "at://" + "".join(map(chr, range(0x4E00, 0x4E00 + 3_000)))


@pytest.mark.parametrize("poison", [topic("a\0b"), reply(UNINDEXABLE)], ids=["a text", "a reference"])
async def test_poison_record(index: Index, pulse: Pulse, poison: Record) -> None:
    """The one record that PostgreSQL refuses is refused, with its reason; all others of the batch are stored."""
    ops = [put(ANN, n, n, topic(f"fine {n}")) for n in range(1, 8)]
    ops[3] = put(ANN, 4, 4, poison)
    await store(index, pulse, *(seen(n, op) for n, op in enumerate(ops, 1)))
    assert await index.shown() == [f"fine {n}" for n in (1, 2, 3, 5, 6, 7)]
    assert await index.why(ANN, 4) == "refused_by_database"
    assert await index.rows(POSITION) == [(SOURCE, 7, AT)]
    assert pulse.counters["refused:refused_by_database"] == 1


async def test_poison_spoils_no_order(index: Index, pulse: Pulse) -> None:
    """Also where the batch is taken apart, the last operation of a commit on a path is the one that counts."""
    ops = (put(ANN, 1, 1, topic()), put(ANN, 2, 1, topic("first")), put(ANN, 2, 1, topic("last")))
    await store(index, pulse, seen(1, *ops, put(ANN, 3, 1, topic("\0"))))
    assert await index.shown() == ["topic", "last"]


async def test_another_leads(index: Index, pulse: Pulse) -> None:
    """Nothing is stored, not even by halves."""
    await index.do("UPDATE leader SET epoch = 2")
    for text in ("fine", "a\0b"):
        outlet, inbox = open_inbox()
        await fill(outlet, GapFound(from_cursor=1, reason="lost"), seen(2, put(ANN, 1, 1, topic(text))), TALK[1])
        with pytest.raises(stream.Replaced):
            await run(index, pulse, inbox, epoch=1)
        assert (await index.rows(POSITION), await index.held(), await index.rows("SELECT * FROM gaps")) == ([], 0, [])


async def test_drains_when_closed(index: Index, pulse: Pulse) -> None:
    """Everything that was handed over is stored before it ends, in few transactions."""
    await store(index, pulse, *(seen(n, put(ANN, n, n, topic(str(n)))) for n in range(1, 1_201)))
    assert (await index.held(), await index.one("SELECT cursor FROM stream")) == (1_200, 1_200)
    assert pulse.counters["events"] == 1_200
    assert pulse.counters["batches"] < 100


async def test_gap_without_a_position(index: Index, pulse: Pulse) -> None:
    """A gap is kept at once; it vouches for no place."""
    await store(index, pulse, GapFound(from_cursor=None, reason="no_cursor"))
    assert await index.rows("SELECT source, from_cursor, reason FROM gaps") == [(SOURCE, None, "no_cursor")]
    assert await index.rows(POSITION) == []


async def test_idle_stream(index: Index, pulse: Pulse) -> None:
    """Place and time are stored though nothing came; a clock that is ahead is not believed."""
    await store(index, pulse, StreamIdle(cursor=7, at=AT))
    assert await index.rows(POSITION) == [(SOURCE, 7, AT)]
    await store(index, pulse, StreamIdle(cursor=8, at=253_402_300_799_999_999))
    assert await index.one("SELECT cursor = 8 AND connected_at <= now() FROM stream")


async def test_what_is_said_of_accounts(index: Index, pulse: Pulse) -> None:
    """Repositories become stale, known accounts are asked about again, strangers are not."""
    await store(index, pulse, *TALK)
    await index.do("UPDATE accounts SET refresh_at = NULL, refresh_failures = 3")
    await store(
        index,
        pulse,
        RepoSuspect(cursor=3, at=AT, did=ANN, reason="bad_signature"),
        SyncSeen(cursor=4, at=AT, did=BOB, rev=tid(9)),
        IdentitySeen(cursor=5, at=AT, did=ANN),
        AccountSeen(cursor=6, at=AT, did="did:plc:stranger"),
    )
    assert (await index.stale(ANN), await index.stale(BOB)) == ("bad_signature", "sync")
    assert await index.rows("SELECT did, refresh_failures FROM accounts WHERE refresh_at <= now()") == [(ANN, 0)]
