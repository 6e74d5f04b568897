"""Repositories on a real personal data server, as members would have filled them, and a bare client that reads them.

The client asks for what a snapshot asks for, with the daemon's own HTTP client, and forgets the answers once decoded.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import trio

from actors.snapshots import collections_of
from actors.web_client import open_web_client
from demo.network import Network
from demo.records import board, membership, named, reply, topic
from demo.xrpc import Account, Change, Pds, Ref
from forum.protocol.listing import PAGE
from forum.records.names import BOARD, CATEGORY, FORUM, MEMBERSHIP, POST
from forum.records.syntax import tid_of

RECORDS = 50  # of a repository
TOPICS = 10  # of these
AT_ONCE = 10
MOST_WRITES = 200  # of one commit
START = 1_750_000_000_000_000
TEXT = "What do you think of it? We had rain all week, and the seeds by the river wall are up. " * 2
PATIENCE = httpx.Timeout(600)  # a thousand accounts are made at once by a single process


@dataclass(frozen=True, slots=True, kw_only=True)
class Repos:
    """`dids` are all that hold records, the forum's own first; `members` those of the same size."""

    pds: str
    forum: str
    board: Ref
    members: tuple[str, ...]

    @property
    def dids(self) -> tuple[str, ...]:
        return (self.forum, *self.members)


@dataclass(frozen=True, slots=True)
class Settling:
    """Makes the repositories of a forum."""

    pds: Pds
    forum: Account
    itself: Ref
    board: Ref

    async def member(self, name: str, records: int) -> str:
        """A new account with so many records, its membership among them."""
        account = await self.pds.account(name)
        changes = [Change("create", MEMBERSHIP, tid_of(START, 0), {"$type": MEMBERSHIP, **membership(self.itself)})]
        changes += [Change("create", POST, tid_of(START + n, 0), self.post(n)) for n in range(1, records)]
        for first in range(0, records, MOST_WRITES):
            await account.apply_writes(changes[first : first + MOST_WRITES])
        return account.did

    def post(self, number: int) -> dict[str, Any]:  # Any: JSON
        if number <= TOPICS:
            return {"$type": POST, **topic(f"Topic {number}", TEXT, self.board)}
        root = Ref(f"at://{self.forum.did}/{POST}/{tid_of(START, 0)}", self.board.cid)  # which is nowhere: nobody looks
        return {"$type": POST, **reply(TEXT, root)}


@asynccontextmanager
async def settling(network: Network) -> AsyncIterator[Settling]:
    """A forum with a board, and nobody there."""
    address = network.pds
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        pds = Pds(address, http)
        forum = await pds.account("plaza")
        itself = await forum.put(FORUM, "self", named("Bench"))
        category = await forum.create(CATEGORY, named("Outdoors", sortOrder=0))
        yield Settling(pds, forum, itself, await forum.create(BOARD, board("Vegetables", category, sortOrder=0)))


async def settled(place: Settling, count: int) -> Repos:
    """So many members, each with the same number of records."""
    members = await side_by_side([partial(place.member, "member", RECORDS) for _ in range(count)])
    return Repos(pds=place.pds.address.url, forum=place.forum.did, board=place.board, members=tuple(members))


async def bare_seconds(repos: Repos) -> float:
    """What it takes to fetch and decode everything, and no more."""
    async with open_web_client(development=True) as client:

        async def ask(method: str, **params: str) -> Any:  # Any: JSON
            return (await client.get(f"{repos.pds}/xrpc/{method}", params=params, max_bytes=12_000_000)).json()

        async def read(did: str) -> int:
            await ask("com.atproto.sync.getLatestCommit", did=did)
            count = 0
            for collection in collections_of(did, repos.forum):
                page = {"cursor": ""}
                while "cursor" in page:
                    more = {"cursor": page["cursor"]} if page["cursor"] else {}
                    asked = {"repo": did, "collection": collection, "limit": str(PAGE), **more}
                    page = await ask("com.atproto.repo.listRecords", **asked)
                    count += len(page["records"])
            return count

        began = trio.current_time()
        counts = await side_by_side([partial(read, did) for did in repos.dids])
        assert sum(counts) >= len(repos.members) * RECORDS
        return trio.current_time() - began


async def side_by_side(calls: Sequence[Any]) -> list[Any]:  # Any: of whatever they return
    """The results, some at a time, in whichever order."""
    results: list[Any] = []
    waiting = list(calls)

    async def work() -> None:
        while waiting:
            results.append(await waiting.pop()())

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(work)
    return results
