"""Writing: a reply through the API, against what the account's own server takes for the same record.

In turns, so that both meet the same machine: a record put straight at the server, with the grant that the daemon has
and a proof for each request; then a reply through the API, and one read of its topic, which must have it. The daemon
follows the server's stream as always, and hears of all of it once more.
"""

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from actors.health import Pulse
from actors.oauth import Grant, OAuth
from actors.pds_client import PdsClient
from actors.repository import Repository
from actors.resolver import Resolver
from actors.web_client import open_web_client
from bench.measure import Plan, Row, main, ratios
from bench.repos import settling
from bench.subject import data_directory, dsn_of
from daemon.pool import open_pool
from demo.daemon import running_daemon, settings_for, wait_until
from demo.network import Network, running_network
from demo.oauth import open_page
from demo.records import reply
from demo.xrpc import Account, Ref
from forum.posts import new_rkey
from forum.records.names import POST
from forum.sealing import Seal, opened

FULL, QUICK = Plan(events=200), Plan(events=30, rounds=3)
SECRET = "of this measurement, and longer than thirty-two characters"
SECONDS = 60
TEXT = "What do you think of it? We had rain all week, and the seeds by the river wall are up. "
GRANT = "SELECT grant_sealed FROM sessions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A member signed in at the forum, with a topic; and the member's own server, by the same grant."""

    forum: httpx.AsyncClient
    repository: Repository
    topic: Ref
    topic_id: str

    async def put(self, number: int) -> None:
        """What a reply is at the server."""
        record = {"$type": POST, **reply(f"{TEXT}{number}", self.topic)}
        await self.repository.put_new(POST, new_rkey(), record)

    async def post(self, number: int) -> None:
        """The same by the API."""
        body = {"text": f"{TEXT}{number}", "rootPostId": self.topic_id, "parentPostId": self.topic_id}
        headers = {"Idempotency-Key": f"{time.time_ns()}"}
        (await self.forum.post("/api/posts", json=body, headers=headers)).raise_for_status()

    async def total(self) -> int:
        """How many replies the topic has in a read of now."""
        return int((await self.forum.get(f"/api/topics/{self.topic_id}?limit=1")).json()["total"])


async def milliseconds(act: Awaitable[None]) -> float:
    began = time.perf_counter()
    await act
    return (time.perf_counter() - began) * 1e3


async def one_round(writing: Writing, count: int) -> tuple[list[float], list[float], int]:
    """What each took straight and by the API, and how many were not in the next read."""
    straight, by_api, unseen = [], [], 0
    for number in range(count):
        straight.append(await milliseconds(writing.put(number)))
        before = await writing.total()
        by_api.append(await milliseconds(writing.post(number)))
        unseen += await writing.total() <= before
    return straight, by_api, unseen


@asynccontextmanager
async def writing_member(network: Network) -> AsyncIterator[Writing]:
    async with settling(network) as place:
        account = await place.pds.account("writer")
        with data_directory() as data_dir, (data_dir / "daemon.log").open("w") as log:
            settings = settings_for(network, place.forum.did, data_dir, SESSION_SECRET=SECRET)
            async with (
                running_daemon(settings, log=log) as daemon,
                httpx.AsyncClient(base_url=daemon.url, timeout=SECONDS, trust_env=False) as forum,
                open_web_client(development=True) as web,
                open_pool(dsn_of(data_dir / "postgres"), size=1, pulse=Pulse("bench")) as database,
            ):
                await wait_until(daemon.follows)  # before that the door may be closed
                await sign_in(forum, account)
                topic = await first_topic(forum, place.board.uri)
                [listed] = (await forum.get("/api/boards/1/topics")).json()["topics"]
                async with database.connection() as connection:
                    grant = opened(Seal(SECRET), await connection.fetchval(GRANT), Grant)
                resolver = Resolver(
                    client=web, plc_url=network.plc, handle_resolver_url=None, dns_server=None, development=True
                )
                oauth = OAuth(web, resolver, None)
                repository = Repository(PdsClient(web, grant.pds), grant.did, lambda *asked: oauth.post(grant, *asked))
                yield Writing(forum=forum, repository=repository, topic=topic, topic_id=listed["id"])


async def sign_in(forum: httpx.AsyncClient, account: Account) -> None:
    """As people do it, by the page of their server."""
    begun = await forum.get("/api/auth/login", params={"handle": account.handle})
    async with open_page(begun.headers["location"]) as page:
        done = await forum.get(await page.allow(account))
    assert done.status_code == 303, done.text


async def first_topic(forum: httpx.AsyncClient, board: str) -> Ref:
    """Begun as soon as the daemon knows the board, and nothing else is under way."""

    async def is_ready() -> bool:
        boards = (await forum.get("/api/boards")).json()["boards"]
        return [found["uri"] for found in boards] == [board]

    await wait_until(is_ready)
    made = await forum.post("/api/topics", json={"title": "Seeds", "text": TEXT, "boardUri": board})
    made.raise_for_status()
    return Ref(made.json()["uri"], made.json()["cid"])


def slowest(values: Sequence[float]) -> float:
    """The 99th percentile."""
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


async def measure(plan: Plan) -> list[Row]:
    with running_network() as network:
        async with writing_member(network) as writing:
            await one_round(writing, 3)  # connections, nonces, caches
            rounds = [await one_round(writing, plan.events) for _ in range(plan.rounds)]
    straight, by_api, unseen = zip(*rounds, strict=True)
    middles = [statistics.median(values) for values in by_api], [statistics.median(values) for values in straight]
    ends = [slowest(values) for values in by_api], [slowest(values) for values in straight]
    return [
        Row(name="a reply by the API, median", values=middles[0], unit="ms"),
        Row(name="a reply by the API, 99th percentile", values=ends[0], unit="ms"),
        Row(name="the server's own write, median", values=middles[1], unit="ms"),
        Row(name="the server's own write, 99th percentile", values=ends[1], unit="ms"),
        Row(name="by the API ÷ the server's own, median", values=ratios(*middles), unit="×"),
        Row(name="by the API ÷ the server's own, 99th percentile", values=ratios(*ends), unit="×", wanted="< 2"),
        Row(name="replies that the next read did not have", values=unseen, wanted="0"),
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
