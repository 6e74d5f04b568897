"""A forum of gardeners whose members write, each at a server of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import httpx

from actors.health import Board
from actors.oauth import OAuth
from actors.resolver import Resolver
from daemon.pool import Pool
from forum import ledger, sessions
from forum.database import Database
from forum.protocol.events import RecordOp
from forum.records.datamodel import cid_of
from forum.records.names import BOARD, CATEGORY, FORUM, MOD_ACTION, POST
from forum.records.syntax import tid_of
from forum.sealing import Seal, sealed
from tests.standins.member_servers import MemberServers
from tests.web.forum_rows import FORUM_DID, SITE, client_of
from web.app import make_app
from web.door import Door
from web.signed_in import COOKIE

ANN, BOB = "did:plc:ann", "did:plc:bob"
SEAL = Seal("s" * 40)
NOW = "2026-01-01T00:00:00Z"
SHELF_KEY = tid_of(2, 0)
SHELF = f"at://{FORUM_DID}/{BOARD}/{SHELF_KEY}"
TOPIC = {"title": "Tomatoes", "text": "Red ones?", "boardUri": SHELF}
Json = dict[str, Any]  # JSON


class Forum:
    """The forum's repository, as far as it is in the index, and clients of its members."""

    def __init__(self, database: Pool, servers: MemberServers) -> None:
        self.database, self.servers = database, servers
        self.commits = 0

    async def put(self, collection: str, rkey: str, record: Json) -> Json:
        """A record of the forum's own; the reference to it."""
        self.commits += 1
        full, rev = {"$type": collection, "createdAt": NOW, **record}, tid_of(1_600_000_000_000_000 + self.commits, 0)
        op = RecordOp(did=FORUM_DID, collection=collection, rkey=rkey, rev=rev, cid=cid_of(full), record=full)
        assert await self.apply(op) == 1
        return {"uri": op.uri, "cid": op.cid}

    async def apply(self, op: RecordOp) -> int:
        async with self.database.transaction() as tx:
            await ledger.take_lock(tx)
            return (await ledger.apply(tx, [op], forum_did=FORUM_DID)).effective

    async def act(self, action: str, subject: str, *, reason: str = "Because") -> None:
        """A moderator's, on a DID or the URI of a post."""
        about = {"did": subject} if subject.startswith("did:") else {"post": {"uri": subject, "cid": "any"}}
        record = {"action": f"{MOD_ACTION}.{action}", "subject": about, "createdBy": FORUM_DID, "reason": reason}
        await self.put(MOD_ACTION, tid_of(1_600_000_000_000_000 + self.commits, 1), record)

    @asynccontextmanager
    async def member(self, did: str, *, grant: bytes | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody who signed in, at a server of their own; with another grant than that server's if one is given."""
        async with self.client() as client:
            client.cookies.set(COOKIE, await self.session(did, grant=grant))
            yield client

    async def session(self, did: str, *, grant: bytes | None = None) -> str:
        """As a cookie has it."""
        own = sealed(SEAL, self.servers.grant(did))
        async with self.database.transaction() as tx:
            return await sessions.create(tx, did, timedelta(days=1), grant_sealed=own if grant is None else grant)

    def client(self, database: Database | None = None) -> httpx.AsyncClient:
        return client_of(make_app(database or self.database, Board(), SITE, door=self.door()))

    def door(self) -> Door:
        web = self.servers.web()
        resolver = Resolver(client=web, plc_url="", handle_resolver_url=None, dns_server=None, development=False)
        return Door(oauth=cast(OAuth, self.servers), seal=SEAL, resolver=resolver)

    def held_uris(self, did: str) -> list[str]:
        """Of the posts in a member's repository."""
        return [f"at://{did}/{POST}/{rkey}" for collection, rkey in self.servers.of(did).records if collection == POST]

    def held(self, did: str) -> list[Json]:
        """The posts in a member's repository."""
        return [record for (collection, _), record in self.servers.of(did).records.items() if collection == POST]


async def planted(database: Pool) -> Forum:
    """With a board."""
    forum = Forum(database, MemberServers())
    await forum.put(FORUM, "self", {"name": "Gardeners"})
    category = await forum.put(CATEGORY, tid_of(1, 0), {"name": "Outdoors"})
    await forum.put(BOARD, SHELF_KEY, {"name": "Vegetables", "category": {"category": category}})
    return forum
