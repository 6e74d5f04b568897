"""A forum written straight into the tables, for tests of reading; the triggers of schema.sql keep the counts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import httpx
import trio
from quart_trio import QuartTrio

from actors.agent import account_of
from actors.health import Board
from actors.trends import Trends
from actors.vitals import take
from forum.database import Connection, Database, DatabaseAway, Row
from web.app import make_inner_app
from web.door import CLOSED
from web.live import Live
from web.looks import Looks
from web.parts import Parts
from web.site import Site

FORUM_DID = "did:plc:forum"
SITE = Site(forum_did=FORUM_DID)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

ADD_POST = """
INSERT INTO posts (uri, did, rkey, cid, board_uri, root_uri, parent_uri, title, text, markdown, created_at, sorted_at,
                   edited_at, deleted_at, hidden, shown)
VALUES ($1, $2, $3, 'cid', $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14)
RETURNING id
"""


def minute(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def post_uri(did: str, number: int) -> str:
    return f"at://{did}/space.atbb.post/{number:013}"


def board_uri(number: int) -> str:
    return f"at://{FORUM_DID}/space.atbb.forum.board/{number:013}"


def category_uri(number: int) -> str:
    return f"at://{FORUM_DID}/space.atbb.forum.category/{number:013}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    id: int
    uri: str


@dataclass(slots=True)
class Rows:
    """Adds rows one by one; keys and times grow with every post."""

    database: Database
    numbers: count = field(default_factory=lambda: count(1))

    async def run(self, query: str, *args: object) -> Any:  # Any: whatever the query returns
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *args)

    async def forum(self) -> None:
        await self.run("INSERT INTO forum VALUES ($1, 'Cats', 'All about cats', $2)", SITE.forum_uri, NOON)

    async def category(self, number: int, *, sort_order: int = 0) -> int:
        return await self.run(
            "INSERT INTO categories (uri, name, slug, sort_order, created_at)"
            " VALUES ($1, $2, 'slug', $3, $4) RETURNING id",
            category_uri(number), f"Category {number}", sort_order, NOON,
        )  # fmt: skip

    async def board(self, number: int, *, category: int = 1, sort_order: int = 0) -> int:
        return await self.run(
            "INSERT INTO boards (uri, category_uri, name, description, sort_order, created_at)"
            " VALUES ($1, $2, $3, 'About', $4, $5) RETURNING id",
            board_uri(number), category_uri(category), f"Board {number}", sort_order, NOON,
        )  # fmt: skip

    async def account(self, did: str, handle: str | None = None) -> None:
        await self.run("INSERT INTO accounts (did, handle) VALUES ($1, $2)", did, handle)

    async def topic(self, did: str, *, board: int = 1, **changes: object) -> Post:
        number = next(self.numbers)
        values = {"board_uri": board_uri(board), "title": f"Topic {number}", "text": f"text {number}"}
        return await self.post(did, number, values | changes)

    async def reply(self, did: str, topic: Post, *, parent: Post | None = None, **changes: object) -> Post:
        number = next(self.numbers)
        values = {"root_uri": topic.uri, "parent_uri": (parent or topic).uri, "text": f"text {number}"}
        return await self.post(did, number, values | changes)

    async def post(self, did: str, number: int, values: dict[str, Any]) -> Post:
        gone = bool(values.get("hidden") or values.get("deleted_at"))
        uri = post_uri(did, number)
        post_id = await self.run(
            ADD_POST, uri, did, f"{number:013}", values.get("board_uri"), values.get("root_uri"),
            values.get("parent_uri"), values.get("title"), values["text"], values.get("markdown"),
            values.get("at", minute(number)), values.get("edited_at"), values.get("deleted_at"),
            values.get("hidden", False), values.get("shown", not gone),
        )  # fmt: skip
        return Post(id=post_id, uri=uri)

    async def delete(self, post: Post) -> None:
        """Leave a tombstone, as apply() does."""
        await self.run(
            "UPDATE posts SET deleted_at = now(), title = NULL, text = '', markdown = NULL, shown = false"
            " WHERE id = $1",
            post.id,
        )

    async def pin(self, topic: Post) -> None:
        await self.run("UPDATE topics SET pinned = true WHERE uri = $1", topic.uri)

    async def lock(self, topic: Post, key: str) -> None:
        await self.run("UPDATE topics SET locked = $2 WHERE uri = $1", topic.uri, key)

    async def ban(self, did: str) -> None:
        """The decision alone, before `posts.shown` and the counts have followed."""
        await self.run("UPDATE accounts SET banned = true WHERE did = $1", did)


class AwayDatabase:
    """A database that cannot be reached."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        raise DatabaseAway("no route to did:plc:secret")
        yield

    transaction = connection


@dataclass(slots=True)
class CountingDatabase:
    """A database that counts the statements sent to it."""

    database: Database
    statements: int = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with self.database.connection() as connection:
            yield CountingConnection(self, connection)

    transaction = connection


@dataclass(slots=True)
class CountingConnection:
    owner: CountingDatabase
    connection: Connection

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        self.owner.statements += 1
        return await self.connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        self.owner.statements += 1
        return await self.connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:  # Any: as in Connection
        self.owner.statements += 1
        return await self.connection.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> None:
        self.owner.statements += 1
        await self.connection.execute(query, *args)


def inner_app() -> QuartTrio:
    """The app without its covers and without a database, for its routes."""
    database = AwayDatabase()
    own = partial(take, Board(), Trends(), None)
    parts = Parts(
        database=database,
        site=SITE,
        account=account_of(None),
        door=CLOSED,
        own=own,
        looks=Looks(database, FORUM_DID),
        stop=trio.Event(),
    )
    return make_inner_app(parts, Live())


def client_of(app: object) -> httpx.AsyncClient:
    """A client that calls the app in this process, covers and all."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://forum.test")
