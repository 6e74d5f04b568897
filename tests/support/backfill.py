"""A backfill manager on a small network of stand-ins: start it, ask for jobs, see what came of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import trio

from actors.backfill import Backfill, run_backfill
from actors.health import Pulse
from actors.hosts import Patience
from actors.identity import WakeUp
from actors.resolver import Resolver
from actors.web_client import open_web_client
from daemon.pool import Pool
from forum import jobs, stream
from forum.protocol.events import GapFound
from forum.records.names import BOARD, FORUM, MEMBERSHIP, POST
from tests.standins.pds import LATEST, LIST, Net, Params, Repo, small_net
from tests.support.forum import STAMP, F, board, membership, tid, topic
from tests.support.site import Reply
from tests.support.waiting import until

LITTLE = Patience(first_parking_seconds=0.01, first_retry_seconds=0.0, first_mend_seconds=3600, records=150)


@dataclass
class Scene:
    """`manager` is what the actor is started with; its parts may be replaced before."""

    net: Net
    database: Pool
    manager: Backfill
    crashes: list[BaseException] = field(default_factory=list)

    def member(self, did: str, server: str = "home", *, posts: int = 2) -> Repo:
        """An account that has joined and written so much."""
        repo = self.net.add(did, server)
        repo.put(MEMBERSHIP, 1, membership())
        for number in range(posts):
            repo.put(POST, 100 + number, topic(f"{did} writes {number}"))
        return repo

    @asynccontextmanager
    async def running(self, **changes: Any) -> AsyncIterator[None]:  # Any: fields of the manager
        """The actor, until the block ends; a crash of it ends it, and is kept."""

        async def run() -> None:
            try:
                await run_backfill(replace(self.manager, **changes))
            except Exception as crash:  # noqa: BLE001 - whatever it was
                self.crashes.append(crash)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            yield
            nursery.cancel_scope.cancel()

    async def ask(self, kind: jobs.Type = "full_sync") -> int:
        """Ask for a job; its id."""
        async with self.database.transaction() as tx:
            job = await jobs.start(tx, kind)
        self.manager.wake_up.ring()
        return job.id

    async def job(self, job_id: int) -> jobs.Job:
        async with self.database.connection() as connection:
            found = await jobs.read(connection, job_id)
        assert found is not None
        return found

    async def ended(self, job_id: int) -> jobs.Job:
        """The job, once it is no longer in progress."""

        async def has_ended() -> bool:
            return (await self.job(job_id)).status != "in_progress"

        await until(has_ended)
        return await self.job(job_id)

    async def done(self, kind: jobs.Type = "full_sync", **changes: Any) -> jobs.Job:  # Any: as above
        """One whole job by an actor of its own."""
        job_id = await self.ask(kind)
        async with self.running(**changes):
            return await self.ended(job_id)

    async def history(self) -> list[jobs.Job]:
        async with self.database.connection() as connection:
            return await jobs.history(connection, limit=100)

    async def errors(self, job: jobs.Job) -> list[tuple[str, str | None, str]]:
        async with self.database.connection() as connection:
            found = await jobs.errors(connection, job.id)
        return [(error.did, error.collection, error.error_message) for error in found]

    async def gap(self, reason: str = "away_too_long", *, cursor: int = 1) -> None:
        """The stream lost something."""
        async with self.database.transaction() as tx:
            await stream.open_gaps(tx, "test", [GapFound(from_cursor=cursor, reason=reason)])
        self.manager.wake_up.ring()

    async def open_gaps(self) -> int:
        return int(await self.one("SELECT count(*) FROM gaps WHERE closed_at IS NULL"))

    async def one(self, query: str, *args: object) -> Any:  # Any: as the query says
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *args)

    async def do(self, statement: str, *args: object) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(statement, *args)

    async def stale(self) -> set[str]:
        async with self.database.connection() as connection:
            return {row["did"] for row in await connection.fetch("SELECT did FROM repos WHERE stale_since IS NOT NULL")}

    async def is_in(self, *repos: Repo) -> bool:
        """Whether the index holds of these repositories what they hold, and nothing else."""
        for repo in repos:
            async with self.database.connection() as connection:
                rows = await connection.fetch(
                    "SELECT collection, rkey, cid FROM ledger WHERE did = $1 AND cid IS NOT NULL", repo.did
                )
            held = {(row["collection"], row["rkey"]): row["cid"] for row in rows}
            entries = {(name, key): repo.entry(name, key)["cid"] for name in repo.records for key in repo.records[name]}
            if held != entries:
                return False
        return True

    def asked(self, method: str, *dids: str) -> list[str]:
        """Of whom this was asked, in order."""
        return [did for _, asked, did in self.net.log if asked == method and (not dids or did in dids)]

    def is_read(self, *dids: str) -> bool:
        """Whether all of them were asked for their last collection."""
        return all(self.asked(LIST, did).count(did) >= 3 for did in dids)


@asynccontextmanager
async def backfill_scene(
    database: Pool, *servers: str, stream_is_open: Callable[[], bool] = lambda: True, seconds: float = 120, **more: Any
) -> AsyncIterator[Scene]:  # Any: fields of the manager
    """The forum's account lives at the first server, "home"."""
    async with (
        small_net("home", *servers) as net,
        open_web_client(development=True, seconds=seconds) as client,
    ):
        resolver = Resolver(
            client=client,
            plc_url=net.servers["plc"].url,
            handle_resolver_url=net.servers["plc"].url,
            dns_server=None,
            development=True,
        )
        settings: dict[str, Any] = {
            "concurrency": 4,
            "per_second": 1000.0,
            "relay_url": net.servers["relay"].url,
            "servers": (),
            "dids": (),
            "patience": LITTLE,
        }
        manager = Backfill(
            database=database,
            resolver=resolver,
            pulse=Pulse("backfill", limit_seconds=60),
            wake_up=WakeUp(),
            forum_did=F,
            known=set(),
            stream_is_open=stream_is_open,
            **settings | more,
        )
        forum = net.add(F, "home")
        forum.put(FORUM, "self", {"name": "The forum", "createdAt": STAMP})
        forum.put(BOARD, tid(0), board())
        yield Scene(net, database, manager)


class Gate:
    """A script that keeps all who ask waiting, until it is opened."""

    def __init__(self) -> None:
        self.opened = trio.Event()
        self.waiting = 0

    async def __call__(self, params: Params) -> Reply | None:
        self.waiting += 1
        await self.opened.wait()
        self.waiting -= 1
        return None

    async def wait_full(self, count: int) -> None:
        async def is_full() -> bool:
            return self.waiting >= count

        await until(is_full)


def gated(scene: Scene, *repos: Repo) -> Gate:
    gate = Gate()
    for repo in repos:
        repo.scripts[LATEST] = gate
    return gate
