"""Flood: how fast events of accounts nobody here knows are dropped, against the bare receive rate of the library.

In each round, in this process and over the same frames: the library alone, which receives and forgets; and the
firehose, up to the one event after them that it hands on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path

import trio

from actors.firehose import run_firehose
from actors.frames import open_frames
from actors.health import Pulse
from actors.inbox import open_inbox
from bench.events import FORUM_DID, chunks, flood_events, forum_events
from bench.measure import Plan, Row, main, ratios
from bench.stream import Listener, listening
from bench.subject import data_directory, no_key
from daemon.pool import Pool, open_pool
from daemon.postgres import embedded_postgres
from daemon.schema import apply_schema
from forum.protocol.events import CommitSeen, StreamEvent
from forum.protocol.sources import source_of

FULL, QUICK = Plan(events=200_000), Plan(events=40_000, rounds=3)


@asynccontextmanager
async def empty_index(data_dir: Path) -> AsyncIterator[Pool]:
    """The firehose begins by looking for its place in one."""
    async with (
        embedded_postgres(data_dir, pulse=Pulse("postgres")) as dsn,
        open_pool(dsn, size=1, pulse=Pulse("pool")) as database,
    ):
        await apply_schema(database)
        yield database


async def library_seconds(listener: Listener, payload: bytes, count: int) -> float:
    """From the first byte sent to the last frame received."""
    async with trio.open_nursery() as nursery:
        sending = Sending(listener, payload)
        nursery.start_soon(sending.run)
        async with open_frames(listener.url) as frames:
            for _ in range(count):
                await frames.receive()
            return trio.current_time() - sending.began


async def firehose_seconds(listener: Listener, payload: bytes, database: Pool) -> float:
    """From the first byte sent to the one event handed on."""
    outlet, inbox = open_inbox()
    source = source_of(listener.url)
    read = partial(run_firehose, forum_did=FORUM_DID, known=set(), key_of=no_key, max_age=timedelta.max)
    async with trio.open_nursery() as nursery:
        sending = Sending(listener, payload)
        nursery.start_soon(sending.run)
        nursery.start_soon(read, source, outlet, database, Pulse("firehose"))
        event: StreamEvent | None = None
        while not isinstance(event, CommitSeen):
            (event,) = await inbox.receive_some(1)
        nursery.cancel_scope.cancel()
        return trio.current_time() - sending.began


class Sending:
    """The next reader is sent the payload; `began` is when."""

    def __init__(self, listener: Listener, payload: bytes) -> None:
        self._listener = listener
        self._payload = payload
        self.began = 0.0

    async def run(self) -> None:
        client = await trio.to_thread.run_sync(self._listener.accept)
        self.began = trio.current_time()
        await trio.to_thread.run_sync(client.send, [self._payload])


async def measure(plan: Plan) -> list[Row]:
    flood = [*islice(flood_events(), plan.events - 1), *islice(forum_events(), 1)]
    payload = b"".join(chunks(flood))  # in one piece: one system call, and no thread of ours beside the reader
    library, firehose = [], []
    with data_directory() as data_dir, listening() as listener:
        async with empty_index(data_dir) as database:
            for _ in range(plan.rounds):
                library.append(plan.events / await library_seconds(listener, payload, plan.events))
                firehose.append(plan.events / await firehose_seconds(listener, payload, database))
    return [
        Row(name="flood dropped ÷ library alone", values=ratios(firehose, library), unit="×", wanted="≥ 0.8"),
        Row(name="flood dropped", values=firehose, unit="events/s"),
        Row(name="library alone", values=library, unit="frames/s"),
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
