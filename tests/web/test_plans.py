"""Every page goes by its indexes: PostgreSQL's own plans for a forum that is big enough to tell."""

import json
from typing import Any

import pytest

from daemon.pool import Pool
from forum.database import Connection
from forum.reads.boards import BOARDS
from forum.reads.pages import REPLIES, TOPIC
from forum.reads.place import BEFORE_NEWEST, BEFORE_OLDEST
from forum.reads.subjects import SUBJECTS
from forum.reads.topics import TOPICS

# Eight boards with 250 topics each, and twenty replies to each topic.
BOARD_ROWS = """
INSERT INTO boards (uri, category_uri, name, sort_order, created_at)
SELECT 'at://b' || n, 'at://c', 'Board', n, now() FROM generate_series(1, 8) AS n
"""
ACCOUNT_ROWS = "INSERT INTO accounts (did) SELECT 'did:plc:' || n FROM generate_series(1, 500) AS n"
TOPIC_ROWS = """
INSERT INTO posts (uri, did, rkey, cid, board_uri, title, text, created_at, sorted_at, shown)
SELECT 'at://t' || n, 'did:plc:' || n % 500 + 1, n::text, 'cid', 'at://b' || n % 8 + 1, 'Title', 'Text', at, at, true
  FROM (SELECT n, timestamptz '2026-01-01' + n * interval '1 minute' AS at FROM generate_series(1, 2000) AS n) AS i
"""
REPLY_ROWS = """
INSERT INTO posts (uri, did, rkey, cid, root_uri, parent_uri, text, created_at, sorted_at, shown)
SELECT 'at://r' || n, 'did:plc:' || n % 500 + 1, n::text, 'cid', root, root, 'Text', at, at, n % 10 > 0
  FROM (SELECT n, 'at://t' || n % 2000 + 1 AS root, timestamptz '2026-02-01' + n * interval '1 minute' AS at
          FROM generate_series(1, 40000) AS n) AS i
"""

CASES = {
    BOARDS: (None, None),
    TOPICS["activity"]: ("at://b1", BEFORE_NEWEST.at, BEFORE_NEWEST.uri, 25, True),
    TOPICS["created"]: ("at://b1", BEFORE_NEWEST.at, BEFORE_NEWEST.uri, 25),
    TOPIC: (8, 10),
    REPLIES: ("at://t8", BEFORE_OLDEST.at, BEFORE_OLDEST.uri, 25, None),
    SUBJECTS: (f"{{{','.join(f'at://r{number}' for number in range(50))}}}",),
}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_no_page_reads_a_whole_table(database: Pool, mode: str) -> None:
    """Neither posts nor topics are read from end to end, and a place is where an index is entered."""
    async with database.connection() as connection:
        for statement in (BOARD_ROWS, ACCOUNT_ROWS, TOPIC_ROWS, REPLY_ROWS, "ANALYZE"):
            await connection.execute(statement)
        await connection.execute(f"SET plan_cache_mode = {mode}")
        plans = {query: await nodes_of(connection, query, *args) for query, args in CASES.items()}

    for query, nodes in plans.items():
        whole = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
        assert not {"posts", "topics"} & set(whole), query
    assert all("pinned = " in entry for entry in entries(plans[BOARDS], "topics_by_activity"))
    assert all("sorted_at <= " in entry for entry in entries(plans[BOARDS], "posts_in_topic"))
    for sort, key in (("activity", "ROW(pinned"), ("created", "ROW(sorted_at")):
        for index in ("by", "buried_by"):
            name = f"topics_{index}_{'age' if sort == 'created' else sort}"
            assert all(key in entry for entry in entries(plans[TOPICS[sort]], name))
    assert all("ROW(sorted_at" in entry for entry in entries(plans[REPLIES], "posts_in_topic"))


async def nodes_of(connection: Connection, query: str, *args: object) -> list[dict[str, Any]]:
    """The nodes of the plan PostgreSQL would follow for a prepared statement, as all of ours are."""
    values = ", ".join("NULL" if arg is None else f"'{arg}'" for arg in args)
    await connection.execute(f"PREPARE probe AS {query}")
    [plan] = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE probe ({values})"))
    await connection.execute("DEALLOCATE probe")
    nodes, waiting = [], [plan["Plan"]]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting.extend(node.get("Plans", ()))
    return nodes


def entries(nodes: list[dict[str, Any]], index: str) -> list[str]:
    """Where each scan of the index begins and ends; fails if there is none."""
    found = [node["Index Cond"] for node in nodes if node.get("Index Name") == index]
    assert found, index
    return found
