"""What "equal" means: two indexes compared, counts recounted, and an index built from repositories alone.

Compared: uris, cids, visible fields, the order of topics and replies, counts. Not compared: our ids, revs, tombstones,
and what depends on when we first saw something.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from forum import ledger
from forum.database import Connection, Database
from forum.protocol.events import RecordOp
from forum.visibility import keep_settings

Repos = Mapping[str, Mapping[str, Mapping[str, RecordOp]]]  # did → collection → rkey → what is there

STATE = {
    "topics": """
        SELECT p.uri, p.cid, p.did, p.title, p.text, p.markdown, p.board_uri, p.created_at, t.pinned, t.locked,
               t.reply_count, t.last_reply_at, t.activity_at
          FROM posts p JOIN topics t USING (uri)
         WHERE p.root_uri IS NULL AND p.shown
         ORDER BY p.board_uri, t.pinned DESC, t.activity_at DESC, p.uri DESC""",
    "replies": """
        SELECT p.uri, p.cid, p.did, p.title, p.text, p.markdown, p.root_uri, p.parent_uri, p.created_at
          FROM posts p JOIN topics t ON t.uri = p.root_uri JOIN posts root ON root.uri = p.root_uri
         WHERE p.shown AND root.deleted_at IS NULL AND root.root_uri IS NULL
         ORDER BY p.root_uri, p.sorted_at, p.uri""",
    "hidden": "SELECT uri, cid FROM posts WHERE NOT shown AND deleted_at IS NULL ORDER BY uri",
    "boards": """
        SELECT b.uri, b.name, b.description, b.slug, b.sort_order, b.category_uri,
               coalesce(c.topic_count, 0) AS topics, coalesce(c.reply_count, 0) AS replies
          FROM boards b LEFT JOIN board_counts c USING (uri) ORDER BY b.uri""",
    "categories": "SELECT uri, name, description, slug, sort_order FROM categories ORDER BY uri",
    "forum": "SELECT uri, name, description FROM forum",
    "roles": "SELECT uri, name, permissions, priority FROM roles ORDER BY uri",
    "grants": "SELECT rkey, subject, role_uri FROM grants ORDER BY rkey",
    "mod_actions": "SELECT rkey, pair, is_on, subject, reason, expires_at FROM mod_actions ORDER BY rkey",
    "members": "SELECT did, joined_at FROM members ORDER BY did",
    "member_count": "SELECT member_count FROM forum_counts",
    "reactions": "SELECT did, rkey, subject_uri, emoji FROM reactions ORDER BY did, rkey",
}

# Each finds rows that differ from a recount of what they count.
MISCOUNTS = {
    "topics": """
        SELECT t.uri, t.reply_count, count(p.uri) AS recount
          FROM topics t LEFT JOIN posts p ON p.root_uri = t.uri AND p.shown
         GROUP BY t.uri
        HAVING t.reply_count <> count(p.uri) OR t.last_reply_at IS DISTINCT FROM max(p.sorted_at)""",
    "boards": """
        SELECT coalesce(c.uri, r.board_uri) AS uri, c.topic_count, r.topics, c.reply_count, r.replies
          FROM board_counts c
          FULL JOIN (SELECT t.board_uri, count(*) AS topics, sum(t.reply_count) AS replies
                       FROM topics t WHERE t.shown AND t.board_uri IS NOT NULL GROUP BY t.board_uri) AS r
            ON r.board_uri = c.uri
         WHERE coalesce(c.topic_count, 0) <> coalesce(r.topics, 0)
            OR coalesce(c.reply_count, 0) <> coalesce(r.replies, 0)""",
    "topic_rows": """
        SELECT p.uri FROM posts p LEFT JOIN topics t USING (uri)
         WHERE p.root_uri IS NULL
           AND (t.board_uri, t.shown, t.deleted, t.sorted_at, t.activity_at)
               IS DISTINCT FROM (p.board_uri, p.shown, p.deleted_at IS NOT NULL, p.sorted_at,
                                 greatest(p.sorted_at, t.last_reply_at))""",
    "orphans": """
        SELECT t.uri FROM topics t
         WHERE (t.board_uri IS NOT NULL OR t.deleted)
           AND NOT EXISTS (SELECT FROM posts p WHERE p.uri = t.uri AND p.root_uri IS NULL)""",
    "shown": """
        SELECT p.uri FROM posts p JOIN accounts a USING (did) LEFT JOIN topics t ON t.uri = p.root_uri
         WHERE p.shown <> is_shown(p.deleted_at, p.hidden, a.status, a.banned, p.rkey,
                                   CASE WHEN p.root_uri IS NULL THEN a.topics_until ELSE a.replies_until END, t.locked)
            OR p.hidden <> (in_force('delete', p.uri) IS NOT NULL)
            OR a.banned <> (in_force('ban', a.did) IS NOT NULL)""",
    "limits": """
        SELECT a.did FROM accounts a CROSS JOIN LATERAL limits_of(a.did) AS l
         WHERE (a.topics_until, a.replies_until) IS DISTINCT FROM (l.topics_until, l.replies_until)""",
    "members": """
        SELECT member_count FROM forum_counts WHERE member_count <> (SELECT count(DISTINCT did) FROM memberships)""",
    "actions": """
        SELECT action_count FROM forum_counts WHERE action_count <> (SELECT count(*) FROM mod_actions)""",
}


async def state_of(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All that readers could see, comparable."""
    return {name: [tuple(row) for row in await connection.fetch(query)] for name, query in STATE.items()}


async def miscounts_of(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Counts that are not what a recount says; empty when all is well."""
    found = {name: [tuple(row) for row in await connection.fetch(query)] for name, query in MISCOUNTS.items()}
    return {name: rows for name, rows in found.items() if rows}


async def build(database: Database, forum_did: str, repos: "Repos", *, rev: str, default_role: str = "Member") -> None:
    """Fill an empty index from repositories alone, by snapshots."""
    async with database.transaction() as tx:
        await ledger.take_lock(tx)
        await keep_settings(tx, forum_did=forum_did, default_role=default_role)
    for did, collections in repos.items():
        async with database.transaction() as tx:
            await ledger.take_lock(tx)
            snapshot = ledger.Snapshot(did=did, rev=rev, collections=tuple(collections))
            marks = await ledger.begin_snapshots(tx, [snapshot])
            for collection, records in collections.items():
                page = ledger.Page(
                    did=did, collection=collection, rev=rev, low="", high=None, ops=list(records.values())
                )
                await ledger.apply_pages(tx, [page], forum_did=forum_did)
            await ledger.finish_snapshots(tx, [(snapshot, marks[did])])


def repos_of(history: Sequence[RecordOp]) -> Repos:
    """What the repositories hold in the end."""
    repos: dict[str, dict[str, dict[str, RecordOp]]] = {}
    for op in history:
        records = repos.setdefault(op.did, {}).setdefault(op.collection, {})
        records[op.rkey] = op
        if op.record is None:
            del records[op.rkey]
    return repos


def op(did: str, collection: str, rkey: str, rev: str, record: dict[str, Any] | None, cid: str | None) -> RecordOp:
    """An operation, with less to type."""
    return RecordOp(did=did, collection=collection, rkey=rkey, rev=rev, record=record, cid=cid)
