"""Promptness: how soon the actors' page tells of a trouble and its end, a backfill is cancelled, the daemon ends.

In each round a daemon of its own follows repositories on a real PDS, one at a time. `--events` is their number.
"""

import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import trio

from bench.backfill import Syncing, first_sync, following
from bench.events import chunks, topic, written
from bench.measure import Plan, Row, main, report
from bench.repos import Repos, settled, settling
from bench.stream import Client, Listener, listening
from daemon.postgres import holder
from demo.network import Network, running_network
from forum import jobs, sessions
from forum.database import DatabaseAway
from forum.records.names import POST
from forum.records.syntax import tid_of
from web.signed_in import COOKIE

FULL, QUICK = Plan(events=12), Plan(events=12, rounds=2)
SLOWLY = {"BACKFILL_RATE_LIMIT": "10", "BACKFILL_CONCURRENCY": "1"}  # there is a middle to cancel in
PATIENCE_SECONDS = 60
POLL_SECONDS = 0.005
AWAY, CRASHED = "The database does not answer.", "identity has crashed"
EVENTS = 20_000  # still on their way at the signal
UNREAD = 5_000  # answers that a client does not read

# What the identity actor asks about is not there under that name.
BREAK = "ALTER TABLE former_handles RENAME TO hidden; ALTER TABLE accounts RENAME refresh_failures TO failures"
MEND = "ALTER TABLE hidden RENAME TO former_handles; ALTER TABLE accounts RENAME failures TO refresh_failures"
WAKE = "NOTIFY atbb_changes, 'all'"


@dataclass(slots=True)
class Watched:
    """The actors' page as it is told to whoever has it open."""

    said: str = ""

    async def follow(self, url: str, token: str) -> None:
        """For ever, as a browser does: what ends is asked for again."""
        headers = {"Cookie": f"{COOKIE}={token}"}
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False, headers=headers) as http:
            while True:
                async with http.stream("GET", f"{url}/admin/actors/live") as response:
                    lines: list[str] = []
                    async for line in response.aiter_lines():
                        if line:
                            lines.append(line)
                        else:
                            self.said, lines = "\n".join(lines), []
                await trio.sleep(POLL_SECONDS)

    async def seconds_until(self, sentence: str, *, is_said: bool) -> float:
        async def holds() -> bool:
            return (sentence in self.said) == is_said

        return await seconds_until(holds)


async def seconds_until(holds: Callable[[], Awaitable[bool]]) -> float:
    """Raises `TooSlowError` if it never does."""
    began = trio.current_time()
    with trio.fail_after(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - the truth is in another process
            await trio.sleep(POLL_SECONDS)
    return trio.current_time() - began


async def do(syncing: Syncing, *statements: str) -> None:
    async with syncing.subject.database.connection() as connection:
        for statement in statements:
            await connection.execute(statement)


async def cancel_seconds(syncing: Syncing) -> float:
    """In the middle of a full_sync; as DELETE asks for it."""
    database = syncing.subject.database
    async with database.transaction() as tx:
        job = await jobs.start(tx, "full_sync")

    async def state() -> jobs.Job:
        async with database.connection() as connection:
            found = await jobs.read(connection, job.id)
        assert found is not None
        return found

    async def is_under_way() -> bool:
        return (await state()).dids_processed > 0

    async def is_over() -> bool:
        return (await state()).completed_at is not None

    await seconds_until(is_under_way)
    async with database.transaction() as tx:
        assert await jobs.ask_to_cancel(tx, job.id)
    seconds = await seconds_until(is_over)
    assert (await state()).status == "cancelled"
    return seconds


async def crash_seconds(syncing: Syncing, page: Watched) -> tuple[float, float]:
    """Until it is told that an actor crashed; and that it is well, once it could be: its next start waits a while."""
    await do(syncing, BREAK, WAKE)
    told = await page.seconds_until(CRASHED, is_said=True)
    await do(syncing, MEND, WAKE)
    return told, await page.seconds_until(CRASHED, is_said=False)


async def database_seconds(syncing: Syncing, page: Watched) -> tuple[float, float]:
    """Until it is told that the database is away, and that it is there, once it answers again."""
    vital = syncing.subject.cluster / "global" / "pg_control"
    aside, postmaster = vital.with_name("aside"), holder(syncing.subject.cluster)
    assert postmaster is not None
    vital.rename(aside)
    os.kill(postmaster, signal.SIGKILL)
    told = await page.seconds_until(AWAY, is_said=True)
    aside.rename(vital)

    async def answers() -> bool:
        try:
            await do(syncing, "SELECT 1")
        except DatabaseAway:
            return False
        return True

    await seconds_until(answers)
    return told, await page.seconds_until(AWAY, is_said=False)


async def stop_seconds(syncing: Syncing, client: Client) -> float:
    """From SIGTERM to the end, while events come and a client does not read its answers."""
    daemon, place, author, at = syncing.subject.daemon, syncing.repos.board.uri, syncing.repos.members[0], time_us()
    events = (
        written(author, at + n, POST, tid_of(at + n, 1), topic("More", "And more.", place)) for n in range(EVENTS)
    )
    address = urlsplit(daemon.url)
    assert address.hostname is not None
    assert address.port is not None

    def send() -> None:
        with suppress(OSError):  # the daemon hangs up, as it should
            client.send(chunks(events))

    async with await trio.open_tcp_stream(address.hostname, address.port) as idler, trio.open_nursery() as nursery:
        with trio.move_on_after(1):  # by then both sides are full
            await idler.send_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * UNREAD)
        nursery.start_soon(trio.to_thread.run_sync, send)
        await trio.sleep(0.5)
        began = trio.current_time()
        assert await daemon.end() == 0
        return trio.current_time() - began


def time_us() -> int:
    return time.time_ns() // 1_000


async def one_round(network: Network, listener: Listener, repos: Repos) -> tuple[float, ...]:
    async with following(network, listener, repos, **SLOWLY) as syncing:
        await first_sync(syncing)
        async with syncing.subject.database.transaction() as tx:
            token = await sessions.create(tx, repos.forum, timedelta(days=1))
        cancelled, page = await cancel_seconds(syncing), Watched()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(page.follow, syncing.subject.daemon.url, token)
            crash = await crash_seconds(syncing, page)
            database = await database_seconds(syncing, page)
            nursery.cancel_scope.cancel()
        client = await trio.to_thread.run_sync(listener.accept)  # it has come again since
        found = (cancelled, *crash, *database, await stop_seconds(syncing, client))
    report(" ".join(f"{seconds:.2f} s" for seconds in found))
    return found


async def measure(plan: Plan) -> list[Row]:
    with running_network() as network:
        async with settling(network) as place:
            repos = await settled(place, plan.events)
            with listening() as listener:
                rounds = [await one_round(network, listener, repos) for _ in range(plan.rounds)]
    names = {
        "a full_sync is cancelled": "< 2",
        "the page tells of a crashed actor": "< 2",
        "and that it is well, from when it could be": "",
        "the page tells of a database that is away": "< 2",
        "and that it is there, from when it answers": "< 2",
        "SIGTERM to the end, under load": "< 10",
    }
    columns = zip(*rounds, strict=True)
    return [
        Row(name=name, values=values, unit="s", wanted=wanted)
        for (name, wanted), values in zip(names.items(), columns, strict=True)
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
