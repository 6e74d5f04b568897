"""A forum with something of everything, and the built-in roles: each call of the API can succeed in it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import trio
from hypercorn.typing import ASGIFramework
from msgspec.structs import replace

from actors.agent import ForumAccount
from actors.health import Board as HealthBoard
from daemon.pool import Pool
from forum import reports, sign_ins
from forum.forum_records import built_in_roles
from forum.protocol.events import RecordOp
from forum.records.datamodel import cid_of
from forum.records.names import BOARD, CATEGORY, THEME
from forum.records.syntax import tid_of
from forum.sealing import sealed
from tests.standins.account_server import AccountServer
from tests.standins.member_servers import MemberServers
from tests.support.forum import (
    ANN,
    BOB,
    CAT,
    STAMP,
    F,
    Index,
    Record,
    act,
    grant,
    membership,
    put,
    ref,
    reply,
    theme,
    topic,
    uri,
)
from tests.web.forum_rows import SITE, client_of
from tests.web.writers import SEAL, Forum
from web.app import make_app
from web.cookies import SIGN_IN_COOKIE
from web.signed_in import COOKIE

MODERATOR, ADMIN, OWNER, BANNED = (f"did:plc:{name}" for name in ("moderator", "admin", "owner", "banned"))
RANKS = {OWNER: "Owner", ADMIN: "Admin", MODERATOR: "Moderator", BANNED: "Moderator"}
MAIN, SPARE = 1, 2  # keys: what people use, and what nothing hangs on
TOPIC, QUIET_TOPIC = uri(ANN, MAIN), uri(ANN, SPARE)
STATE, BROWSER = "state", "browser"  # of a sign-in under way

IDS = """
SELECT (SELECT id FROM categories WHERE uri = $1) AS category, (SELECT id FROM boards WHERE uri = $2) AS board,
       (SELECT id FROM roles WHERE name = 'Spare') AS role, (SELECT max(id) FROM reports) AS report,
       (SELECT id FROM posts WHERE uri = $3) AS topic, (SELECT id FROM posts WHERE uri = $4) AS quiet_topic,
       (SELECT id FROM posts WHERE uri = $5) AS reply, (SELECT max(id) FROM posts WHERE did = $6) AS own,
       (SELECT max(id) FROM backfills) AS job, (SELECT max(id) FROM sessions) AS session
"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Ann's topics, Bob's reply, which Ann has reported, and one by each of Cat and RANKS; a backfill that has ended,
    a sign-in under way."""

    index: Index
    server: AccountServer
    writers: Forum
    app: ASGIFramework

    @asynccontextmanager
    async def client(self, did: str | None) -> AsyncIterator[httpx.AsyncClient]:
        """With a session of its own, or nobody's."""
        async with client_of(self.app) as client:
            client.cookies.set(SIGN_IN_COOKIE, BROWSER)
            if did is not None:
                client.cookies.set(COOKIE, await self.writers.session(did))
            yield client

    async def ids(self, did: str | None) -> Mapping[str, str]:
        """Of what there is: `own` is a post of who asks, or of Cat; of backfills and sessions the newest."""
        places = uri(F, SPARE, CATEGORY), uri(F, SPARE, BOARD), TOPIC, QUIET_TOPIC, uri(BOB, MAIN)
        async with self.index.database.connection() as connection:
            row = await connection.fetchrow(IDS, *places, did or CAT)
        assert row is not None
        return {name: str(value) for name, value in row.items()}


async def whole_forum(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    """In an empty database."""
    index, writers = Index(database), Forum(database, MemberServers())
    stop = trio.Event()
    stop.set()  # what streams ends with its first word
    app = make_app(database, HealthBoard(), SITE, account=account, door=writers.door(), stop=stop)
    await index.settings()
    ops = [written(number, op) for number, op in enumerate((*of_the_forum(), *of_its_people()))]
    await index.apply(*ops)
    for op in ops:
        writers.servers.grant(op.did)
        home = server if op.did == F else writers.servers.of(op.did)
        home.records[op.collection, op.rkey] = dict(op.record or {})
    await begin_things(index, writers.servers)
    return Scene(index=index, server=server, writers=writers, app=app)


def written(number: int, op: RecordOp) -> RecordOp:
    """As a server has it, and from before all that the stand-ins will write."""
    record = {"$type": op.collection, **(op.record or {})}
    return replace(op, rev=tid_of(1_600_000_000_000_000 + number, 0), cid=cid_of(record), record=record)


def of_the_forum() -> Iterator[RecordOp]:
    """What it is made of."""
    named: Record = {"name": "Cats", "createdAt": STAMP}
    in_main: Record = {**named, "category": {"category": ref(uri(F, MAIN, CATEGORY))}}
    yield put(F, "self", 0, named)
    for key in (MAIN, SPARE):
        yield put(F, key, 0, named, collection=CATEGORY)
        yield put(F, key, 0, in_main)
        yield put(F, key, 0, theme("Plain", "light"), collection=THEME)
    for role in (*built_in_roles(), {**named, "name": "Spare", "permissions": [], "priority": 40}):
        yield put(F, role["priority"], 0, role)
    for key, (did, name) in enumerate(RANKS.items()):
        priority = next(role["priority"] for role in built_in_roles() if role["name"] == name)
        yield put(F, key, 0, grant(did, priority))
    yield put(F, MAIN, 0, act("ban", BANNED))


def of_its_people() -> Iterator[RecordOp]:
    for key in (MAIN, SPARE):
        yield put(ANN, key, 0, topic(board=uri(F, MAIN, BOARD)))
    yield put(BOB, MAIN, 0, membership())
    for did in (BOB, CAT, *RANKS):
        yield put(did, MAIN, 0, reply(TOPIC))


async def begin_things(index: Index, servers: MemberServers) -> None:
    """What is nobody's record."""
    await index.do("UPDATE leader SET heartbeat_at = clock_timestamp()")  # there is who would do a backfill
    await index.do("INSERT INTO backfills (type, status) VALUES ('full_sync', 'completed')")
    sign_in = await servers.begin("cat.example.org")
    async with index.database.transaction() as tx:
        await sign_ins.keep(tx, state=STATE, browser=BROWSER, sealed=sealed(SEAL, sign_in), next_path="/")
        await reports.send(tx, ANN, reports.Reported(uri=uri(BOB, MAIN), cid="cid", author=BOB), "Rude")
