"""Every page goes by its indexes, first, middle and last: PostgreSQL's own plans for what the pages really ask."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from actors.health import Board
from daemon.pool import Pool
from forum.database import Connection, Database, Row
from tests.web.forum_rows import NOON, SITE, Rows, board_uri, client_of
from tests.web.pages.conftest import ANN, BOB, HTML
from tests.web.test_plans import ACCOUNT_ROWS, nodes_of
from web.app import make_app

# A board of 12,000 topics, of which the first has 4,000 replies, every tenth a tombstone.
TOPIC_ROWS = """
INSERT INTO posts (uri, did, rkey, cid, board_uri, title, text, created_at, sorted_at, shown)
SELECT 'at://' || $1 || '/space.atbb.post/' || lpad(n::text, 13, '0'), $1, lpad(n::text, 13, '0'), 'cid', $2, 'Title',
       'Text', at, at, true
  FROM (SELECT n, $3::timestamptz + n * interval '1 minute' AS at FROM generate_series(1, 12000) AS n) AS i
"""
REPLY_ROWS = """
INSERT INTO posts (uri, did, rkey, cid, root_uri, parent_uri, text, created_at, sorted_at, shown, deleted_at)
SELECT 'at://' || $1 || '/space.atbb.post/' || lpad((100000 + n)::text, 13, '0'), $1, lpad((100000 + n)::text, 13, '0'),
       'cid', $2, $2, 'Text', at, at, n % 10 > 0, CASE WHEN n % 10 = 0 THEN at END
  FROM (SELECT n, $3::timestamptz + n * interval '1 minute' AS at FROM generate_series(1, 4000) AS n) AS i
"""
TOPIC = "/t/ann.test/0000000000001"
PATHS = (
    "/", "/b/0000000000001", "/b/0000000000001?page=240", "/b/0000000000001?page=480", "/b/0000000000001?sort=created",
    TOPIC, f"{TOPIC}?page=70", f"{TOPIC}?page=145", f"{TOPIC}/newest", f"{TOPIC}/p/{BOB}/0000000102345",
    "/@ann.test", "/@bob.test", "/feed.atom", "/b/0000000000001/feed.atom", f"{TOPIC}/feed.atom",
)  # fmt: skip


@dataclass(slots=True)
class Recording:
    """A database that remembers what it was asked, with which values."""

    database: Database
    asked: dict[str, tuple[object, ...]] = field(default_factory=dict)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with self.database.connection() as connection:
            yield RecordingConnection(self.asked, connection)

    transaction = connection


@dataclass(slots=True)
class RecordingConnection:
    asked: dict[str, tuple[object, ...]]
    connection: Connection

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        self.asked[query] = args
        return await self.connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        self.asked[query] = args
        return await self.connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:  # Any: as in Connection
        self.asked[query] = args
        return await self.connection.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> None:
        await self.connection.execute(query, *args)


@pytest.mark.slow
async def test_no_page_reads_a_whole_table(database: Pool, forum: Rows) -> None:
    """Neither posts nor topics are read from end to end, planned for these values or for any."""
    await forum.run(ACCOUNT_ROWS)
    await forum.run(TOPIC_ROWS, ANN, board_uri(1), NOON)
    await forum.run(REPLY_ROWS, BOB, f"at://{ANN}/space.atbb.post/0000000000001", NOON)
    await forum.run("ANALYZE")
    recording = Recording(database)
    async with client_of(make_app(recording, Board(), SITE)) as client:
        for path in PATHS:
            assert (await client.get(path, headers=HTML)).status_code in (200, 302), path
    async with database.connection() as connection:
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET plan_cache_mode = {mode}")
            for query, args in recording.asked.items():
                whole = [node for node in await nodes_of(connection, query, *args) if node["Node Type"] == "Seq Scan"]
                assert not {"posts", "topics"} & {node["Relation Name"] for node in whole}, query
