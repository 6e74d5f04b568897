"""Ingest: record events a second, from the socket to the commit with ledger, counts and cursor.

In each round three ways of storing as much, on the same server: the daemon; the same actors with a transaction for each
event; and a bare COPY of the rows the daemon has made into tables of the same shape without triggers.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice

import trio

from actors.applier import Store
from actors.firehose import run_firehose
from actors.health import Pulse
from actors.inbox import Inbox, open_inbox
from bench.events import AUTHORS, FORUM_DID, Event, chunks, forum_events
from bench.measure import Plan, Row, main, ratios
from bench.stream import Client, listening
from bench.subject import Subject, data_directory, dsn_of, no_key, running_subject, warm_up
from daemon.pool import open_pool
from daemon.schema import apply_schema
from forum.protocol.events import CommitSeen
from forum.protocol.sources import source_of
from forum.records.syntax import tid_of

FULL, QUICK = Plan(events=40_000), Plan(events=5_000, rounds=3)
WARM_UP = 3 * AUTHORS
FEWER = 40  # a transaction for each event is that much slower, or so

# The rows of a round: those with a later key than all of the round before.
NEW_ROWS = {
    "ledger": "SELECT * FROM ledger WHERE rkey > '{last}' AND collection = 'space.atbb.post'",
    "posts": "SELECT * FROM posts WHERE rkey > '{last}'",
    "topics": "SELECT t.* FROM topics t JOIN posts p USING (uri) WHERE p.rkey > '{last}'",
}


@dataclass(slots=True)
class OneByOne:
    """The firehose, and an applier that takes one event at a time."""

    client: Client
    inbox: Inbox
    store: Store

    async def rate(self, events: list[Event]) -> float:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, self.client.send, chunks(events))
            cursor = 0
            while cursor < events[-1].at:
                (event,) = await self.inbox.receive_some(1)
                await self.store([event])
                cursor = event.cursor if isinstance(event, CommitSeen) else cursor
        return len(events) / (trio.current_time() - began)


@asynccontextmanager
async def one_by_one(subject: Subject) -> AsyncIterator[OneByOne]:
    """On a database of its own beside the daemon's."""
    async with subject.database.connection() as connection:
        await connection.execute("CREATE DATABASE one_by_one")
    dsn = dsn_of(subject.cluster, "one_by_one")
    with listening() as listener:
        async with open_pool(dsn, size=2, pulse=Pulse("pool")) as database, trio.open_nursery() as nursery:
            await apply_schema(database)
            source, pulse = source_of(listener.url), Pulse("one_by_one")
            outlet, inbox = open_inbox()
            read = partial(run_firehose, forum_did=FORUM_DID, known=set(), key_of=no_key, max_age=timedelta.max)
            nursery.start_soon(read, source, outlet, database, pulse)
            client = await trio.to_thread.run_sync(listener.accept)
            yield OneByOne(client, inbox, Store(database, pulse, forum_did=FORUM_DID, source=source.name, epoch=0))
            nursery.cancel_scope.cancel()


async def daemon_rate(subject: Subject, events: list[Event]) -> tuple[float, float, float]:
    """Events a second, and the microseconds of CPU an event costs in the daemon and in PostgreSQL."""
    began, (ours, servers) = trio.current_time(), subject.cpu_seconds()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(subject.send, events)
        await subject.wait_committed(events[-1].at)
    spent = trio.current_time() - began
    now_ours, now_servers = subject.cpu_seconds()
    count = len(events)
    return count / spent, (now_ours - ours) * 1e6 / count, (now_servers - servers) * 1e6 / count


async def copy_rate(subject: Subject, after: Event, count: int) -> float:
    """The events a second whose rows a COPY from the server's own disk would store."""
    last = tid_of(after.at, 1023)
    async with subject.database.connection() as connection:
        for name, rows in NEW_ROWS.items():
            await connection.execute(f"CREATE TABLE IF NOT EXISTS bare_{name} (LIKE {name} INCLUDING ALL)")
            await connection.execute(f"COPY ({rows.format(last=last)}) TO '{subject.cluster}/copy_{name}'")
    began = trio.current_time()
    async with subject.database.transaction() as tx:
        for name in NEW_ROWS:
            await tx.execute(f"COPY bare_{name} FROM '{subject.cluster}/copy_{name}'")
    return count / (trio.current_time() - began)


async def measure(plan: Plan) -> list[Row]:
    stream, small_stream = forum_events(), forum_events()
    ours, single, copies = [], [], []
    with data_directory() as data_dir:
        async with running_subject(data_dir) as subject, one_by_one(subject) as slow:
            beginning = list(islice(stream, WARM_UP))
            identities = await warm_up(subject, beginning)
            await slow.rate(list(islice(small_stream, WARM_UP)))
            last = beginning[-1]
            for _ in range(plan.rounds):
                events = list(islice(stream, plan.events))
                ours.append(await daemon_rate(subject, events))
                single.append(await slow.rate(list(islice(small_stream, max(plan.events // FEWER, 50)))))
                copies.append(await copy_rate(subject, last, plan.events))
                last = events[-1]
    rates, daemon_cpu, server_cpu = zip(*ours, strict=True)
    return [
        Row(name="ingest", values=rates, unit="events/s", wanted="≥ 8,000"),
        Row(name="ingest ÷ one transaction an event", values=ratios(rates, single), unit="×", wanted="≥ 25"),
        Row(name="one transaction an event", values=single, unit="events/s"),
        Row(name="bare COPY ÷ ingest", values=ratios(copies, rates), unit="×", wanted="≤ 6"),
        Row(name="CPU of the daemon", values=daemon_cpu, unit="µs an event"),
        Row(name="CPU of PostgreSQL", values=server_cpu, unit="µs an event"),
        Row(name="identities resolved besides", values=[identities], unit="accounts/s"),
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
