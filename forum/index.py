"""What each kind of record does to the tables: one statement to put many, one to drop many, per collection.

Called by `ledger.py` with operations that took effect; nobody else writes these tables. What changes visibility (a ban,
a hide, a lock, a grant, a role) changes `posts.shown` in the same transaction, by the one definition in schema.sql,
`is_shown()`.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from forum import visibility
from forum.changes import Changes
from forum.database import Connection
from forum.protocol.events import RecordOp
from forum.records import names
from forum.records.syntax import parse_datetime, tid_time

MARKDOWN = "space.atbb.post#markdown"

INSERT_ACCOUNTS = """
INSERT INTO accounts (did, banned, topics_until, replies_until)
SELECT i.did, in_force('ban', i.did) IS NOT NULL, l.topics_until, l.replies_until
  FROM unnest($1::text[]) AS i (did) CROSS JOIN LATERAL limits_of(i.did) AS l
 WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.did = i.did)
 ORDER BY i.did
    ON CONFLICT (did) DO NOTHING
RETURNING did
"""

PUT_POSTS = """
INSERT INTO posts AS p (uri, did, rkey, cid, board_uri, root_uri, parent_uri, title, text, markdown,
                        created_at, sorted_at, hidden, shown)
SELECT i.uri, i.did, i.rkey, i.cid, i.board_uri, i.root_uri, i.parent_uri, i.title, i.text, i.markdown,
       i.created_at, least(i.created_at, i.key_time, now()), h.hidden,
       is_shown(NULL, h.hidden, a.status, a.banned, i.rkey,
                CASE WHEN i.root_uri IS NULL THEN a.topics_until ELSE a.replies_until END, t.locked)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
              $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[])
       AS i (uri, did, rkey, cid, board_uri, root_uri, parent_uri, title, text, markdown, created_at, key_time)
  JOIN accounts a USING (did)
  LEFT JOIN topics t ON t.uri = i.root_uri
 CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM mod_actions m WHERE m.subject = i.uri)
                            AND in_force('delete', i.uri) IS NOT NULL AS hidden) AS h
    ON CONFLICT (uri) DO UPDATE
   SET cid = excluded.cid, board_uri = excluded.board_uri, root_uri = excluded.root_uri,
       parent_uri = excluded.parent_uri, title = excluded.title, text = excluded.text, markdown = excluded.markdown,
       created_at = excluded.created_at, sorted_at = least(excluded.sorted_at, p.seen_at), deleted_at = NULL,
       edited_at = CASE WHEN p.cid <> excluded.cid AND p.deleted_at IS NULL THEN now() ELSE p.edited_at END,
       hidden = excluded.hidden, shown = excluded.shown
"""

# Where others have answered, a deleted post leaves its place behind, without its text.
BURY_POSTS = """
UPDATE posts p SET deleted_at = now(), title = NULL, text = '', markdown = NULL, shown = false
  FROM unnest($1::text[]) AS i (uri)
 WHERE p.uri = i.uri
   AND (EXISTS (SELECT FROM topics t WHERE t.uri = p.root_uri AND t.board_uri IS NOT NULL)
        OR EXISTS (SELECT FROM topics t WHERE t.uri = p.uri AND t.reply_count > 0))
"""
DROP_POSTS = "DELETE FROM posts WHERE uri = ANY ($1::text[]) AND (deleted_at IS NULL OR uri = ANY ($2::text[]))"

DROP_RENDERINGS = "DELETE FROM renderings WHERE uri = ANY ($1::text[])"

PLACES_OF = "SELECT DISTINCT root_uri, board_uri FROM posts WHERE uri = ANY ($1::text[])"

PUT_MEMBERSHIPS = """
INSERT INTO memberships (did, rkey, joined_at)
SELECT i.did, i.rkey, least(i.joined_at, i.key_time, now())
  FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS i (did, rkey, joined_at, key_time)
    ON CONFLICT (did, rkey) DO UPDATE SET joined_at = excluded.joined_at
"""
DROP_MEMBERSHIPS = """
DELETE FROM memberships m USING unnest($1::text[], $2::text[]) AS i (did, rkey) WHERE m.did = i.did AND m.rkey = i.rkey
"""
DROP_MEMBERS = """
DELETE FROM members m
 WHERE m.did = ANY ($1::text[]) AND NOT EXISTS (SELECT FROM memberships s WHERE s.did = m.did)
"""
PUT_MEMBERS = """
INSERT INTO members AS m (did, joined_at)
SELECT did, min(joined_at) FROM memberships WHERE did = ANY ($1::text[]) GROUP BY did ORDER BY did
    ON CONFLICT (did) DO UPDATE SET joined_at = excluded.joined_at WHERE m.joined_at <> excluded.joined_at
"""

PUT_REACTIONS = """
INSERT INTO reactions (did, rkey, subject_uri, emoji, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
    ON CONFLICT (did, rkey) DO UPDATE
   SET subject_uri = excluded.subject_uri, emoji = excluded.emoji, created_at = excluded.created_at
"""
DROP_REACTIONS = """
DELETE FROM reactions r USING unnest($1::text[], $2::text[]) AS i (did, rkey) WHERE r.did = i.did AND r.rkey = i.rkey
"""

PUT_FORUM = """
INSERT INTO forum (uri, name, description, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
    ON CONFLICT (uri) DO UPDATE
   SET name = excluded.name, description = excluded.description, created_at = excluded.created_at
"""
PUT_CATEGORIES = """
INSERT INTO categories (uri, name, description, slug, sort_order, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])
    ON CONFLICT (uri) DO UPDATE
   SET name = excluded.name, description = excluded.description, slug = excluded.slug,
       sort_order = excluded.sort_order, created_at = excluded.created_at
"""
PUT_BOARDS = """
INSERT INTO boards (uri, category_uri, name, description, slug, sort_order, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[])
    ON CONFLICT (uri) DO UPDATE
   SET category_uri = excluded.category_uri, name = excluded.name, description = excluded.description,
       slug = excluded.slug, sort_order = excluded.sort_order, created_at = excluded.created_at
"""
# Permissions travel as JSON: an array of arrays of different lengths is no array in PostgreSQL.
PUT_ROLES = """
INSERT INTO roles (uri, name, description, permissions, priority, created_at)
SELECT i.uri, i.name, i.description, ARRAY(SELECT jsonb_array_elements_text(i.permissions::jsonb)),
       i.priority, i.created_at
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])
       AS i (uri, name, description, permissions, priority, created_at)
    ON CONFLICT (uri) DO UPDATE
   SET name = excluded.name, description = excluded.description, permissions = excluded.permissions,
       priority = excluded.priority, created_at = excluded.created_at
"""
PUT_GRANTS = """
INSERT INTO grants (rkey, subject, role_uri, created_by, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
    ON CONFLICT (rkey) DO UPDATE
   SET subject = excluded.subject, role_uri = excluded.role_uri, created_by = excluded.created_by,
       created_at = excluded.created_at
"""
PUT_MOD_ACTIONS = """
INSERT INTO mod_actions (rkey, pair, is_on, subject, reason, created_by, created_at, expires_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::text[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[])
    ON CONFLICT (rkey) DO UPDATE
   SET pair = excluded.pair, is_on = excluded.is_on, subject = excluded.subject, reason = excluded.reason,
       created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at,
       is_over = false
"""
MOD_SUBJECTS = "SELECT DISTINCT subject FROM mod_actions WHERE rkey = ANY ($1::text[])"
GRANT_SUBJECTS = "SELECT DISTINCT subject FROM grants WHERE rkey = ANY ($1::text[])"
WHAT_ROLES_GIVE = "SELECT uri, name, permissions FROM roles WHERE uri = ANY ($1::text[]) ORDER BY uri"
PUT_THEMES = """
INSERT INTO themes (rkey, name, color_scheme, tokens, css_overrides, font_urls, created_at)
SELECT i.rkey, i.name, i.color_scheme, i.tokens::jsonb, i.css_overrides,
       ARRAY(SELECT jsonb_array_elements_text(i.font_urls::jsonb)), i.created_at
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
       AS i (rkey, name, color_scheme, tokens, css_overrides, font_urls, created_at)
    ON CONFLICT (rkey) DO UPDATE
   SET name = excluded.name, color_scheme = excluded.color_scheme, tokens = excluded.tokens,
       css_overrides = excluded.css_overrides, font_urls = excluded.font_urls, created_at = excluded.created_at
"""
PUT_THEME_POLICY = """
INSERT INTO theme_policy (uri, policy)
SELECT i.uri, i.policy::jsonb FROM unnest($1::text[], $2::text[]) AS i (uri, policy)
    ON CONFLICT (uri) DO UPDATE SET policy = excluded.policy
"""

Record = Any  # a record that passed its lexicon; which fields it has, the lexicon says


@dataclass(frozen=True, slots=True)
class Table:
    """How one forum-owned collection is stored: the row of a record, and the statements that put and drop rows."""

    row: Callable[[RecordOp, Record], tuple[object, ...]]
    put: str
    drop: str
    key: Callable[[RecordOp], str] = lambda op: op.uri


def _theme_row(op: RecordOp, r: Record) -> tuple[object, ...]:
    fonts = _json(r.get("fontUrls", ()))
    tokens = _json(r["tokens"])
    return (op.rkey, r["name"], r["colorScheme"], tokens, r.get("cssOverrides"), fonts, _time(r))


def _grant_row(op: RecordOp, r: Record) -> tuple[object, ...]:
    role = r["role"]["role"]["uri"] if "role" in r else None
    return (op.rkey, r["subject"], role, r["createdBy"], _time(r))


FORUM_TABLES = {
    names.FORUM: Table(
        lambda op, r: (op.uri, r["name"], r.get("description"), _time(r) if "createdAt" in r else None),
        PUT_FORUM,
        "DELETE FROM forum WHERE uri = ANY ($1::text[])",
    ),
    names.CATEGORY: Table(
        lambda op, r: (
            op.uri,
            r["name"],
            r.get("description"),
            r.get("slug"),
            r.get("sortOrder", 0),
            _time(r),
        ),
        PUT_CATEGORIES,
        "DELETE FROM categories WHERE uri = ANY ($1::text[])",
    ),
    names.BOARD: Table(
        lambda op, r: (
            op.uri,
            r["category"]["category"]["uri"],
            r["name"],
            r.get("description"),
            r.get("slug"),
            r.get("sortOrder", 0),
            _time(r),
        ),
        PUT_BOARDS,
        "DELETE FROM boards WHERE uri = ANY ($1::text[])",
    ),
    names.ROLE: Table(
        lambda op, r: (
            op.uri,
            r["name"],
            r.get("description"),
            _json(r["permissions"]),
            r["priority"],
            _time(r),
        ),
        PUT_ROLES,
        "DELETE FROM roles WHERE uri = ANY ($1::text[])",
    ),
    names.GRANT: Table(_grant_row, PUT_GRANTS, "DELETE FROM grants WHERE rkey = ANY ($1::text[])", lambda op: op.rkey),
    names.THEME: Table(_theme_row, PUT_THEMES, "DELETE FROM themes WHERE rkey = ANY ($1::text[])", lambda op: op.rkey),
    names.THEME_POLICY: Table(
        lambda op, r: (op.uri, _json(r)),
        PUT_THEME_POLICY,
        "DELETE FROM theme_policy WHERE uri = ANY ($1::text[])",
    ),
    names.MOD_ACTION: Table(
        lambda op, r: _mod_row(op, r),
        PUT_MOD_ACTIONS,
        "DELETE FROM mod_actions WHERE rkey = ANY ($1::text[])",
        lambda op: op.rkey,
    ),
}

Put = list[tuple[RecordOp, Record]]


async def write(tx: Connection, ops: Sequence[RecordOp]) -> Changes:
    """Bring the tables in line with operations that took effect; one per key, in any order."""
    if not ops:
        return Changes()
    by_collection: defaultdict[str, list[RecordOp]] = defaultdict(list)
    for op in ops:
        by_collection[op.collection].append(op)
    authors = sorted({op.did for op in ops if op.record is not None})
    new = await tx.fetch(INSERT_ACCOUNTS, authors) if authors else ()
    changes = Changes(dids=frozenset(row["did"] for row in new))
    # Moderation before posts: what is put after it is born with the visibility it is to have.
    for collection, writer in WRITERS:
        if collection in by_collection:
            changes |= await writer(tx, by_collection[collection])
    return changes


async def _write_forum(tx: Connection, ops: Sequence[RecordOp]) -> Changes:
    """What the forum says of itself, its boards and its looks is on every page."""
    await _replace(tx, FORUM_TABLES[ops[0].collection], ops)
    return Changes(all=True)


async def _replace(tx: Connection, table: Table, ops: Sequence[RecordOp]) -> None:
    put, drop = _split(ops)
    if drop:
        await tx.execute(table.drop, [table.key(op) for op in drop])
    if put:
        await tx.execute(table.put, *_columns([table.row(op, record) for op, record in put]))


async def _write_roles(tx: Connection, ops: Sequence[RecordOp]) -> Changes:
    uris = [op.uri for op in ops]
    before = await tx.fetch(WHAT_ROLES_GIVE, uris)
    changes = await _write_forum(tx, ops)
    if await tx.fetch(WHAT_ROLES_GIVE, uris) == before:
        return changes
    return changes | await visibility.permit_everyone(tx)


async def _write_grants(tx: Connection, ops: Sequence[RecordOp]) -> Changes:
    subjects = await _replace_decisions(tx, GRANT_SUBJECTS, ops)
    return Changes(dids=frozenset(subjects)) | await visibility.permit(tx, subjects)


async def _write_mod_actions(tx: Connection, ops: Sequence[RecordOp]) -> Changes:
    ends = any(op.record is not None and "expiresAt" in op.record for op in ops)
    return Changes(ends=ends) | await visibility.decide(tx, await _replace_decisions(tx, MOD_SUBJECTS, ops))


async def _replace_decisions(tx: Connection, subjects_of: str, ops: Sequence[RecordOp]) -> list[str]:
    """Write records of which the newest on a subject decides; all subjects that they are on, or were before."""
    keys = [op.rkey for op in ops]
    before = await tx.fetch(subjects_of, keys)
    await _replace(tx, FORUM_TABLES[ops[0].collection], ops)
    after = await tx.fetch(subjects_of, keys)
    return sorted({row["subject"] for row in (*before, *after)})


async def _write_posts(tx: Connection, ops: Sequence[RecordOp]) -> Changes:
    put, drop = _split(ops)
    uris = [op.uri for op in ops]
    before = await tx.fetch(PLACES_OF, uris)
    roots = {row["root_uri"] for row in before if row["root_uri"]}
    boards = frozenset(row["board_uri"] for row in before if row["board_uri"])  # which a topic may leave
    if drop:
        await tx.execute(BURY_POSTS, [op.uri for op in drop if op.why is None])
        await tx.execute(DROP_POSTS, [op.uri for op in drop], [op.uri for op in drop if op.why is not None])
    if put:
        rows = [_post_row(op, record) for op, record in put]
        roots.update(row[5] or row[0] for row in rows)
        await tx.execute(PUT_POSTS, *_columns(rows))
    # Last: who keeps a rendering holds its post, so by now it is either here to be found or will not be made.
    await tx.execute(DROP_RENDERINGS, uris)
    return Changes(uris=boards) | await visibility.pages_of(tx, roots | {op.uri for op in drop})


async def _write_memberships(tx: Connection, ops: Sequence[RecordOp]) -> Changes:
    put, drop = _split(ops)
    if drop:
        await tx.execute(DROP_MEMBERSHIPS, *_columns([(op.did, op.rkey) for op in drop]))
    if put:
        rows = [(op.did, op.rkey, _time(r, "joinedAt", "createdAt"), tid_time(op.rkey)) for op, r in put]
        await tx.execute(PUT_MEMBERSHIPS, *_columns(rows))
    dids = sorted({op.did for op in ops})
    await tx.execute(DROP_MEMBERS, dids)
    await tx.execute(PUT_MEMBERS, dids)
    return Changes(dids=frozenset(dids))


async def _write_reactions(tx: Connection, ops: Sequence[RecordOp]) -> Changes:
    put, drop = _split(ops)
    if drop:
        await tx.execute(DROP_REACTIONS, *_columns([(op.did, op.rkey) for op in drop]))
    if put:
        rows = [(op.did, op.rkey, r["subject"]["uri"], r["emoji"], _time(r)) for op, r in put]
        await tx.execute(PUT_REACTIONS, *_columns(rows))
    return Changes()


DECIDING = {names.ROLE: _write_roles, names.GRANT: _write_grants, names.MOD_ACTION: _write_mod_actions}
WRITERS = (
    *((collection, _write_forum) for collection in FORUM_TABLES if collection not in DECIDING),
    *DECIDING.items(),
    (names.MEMBERSHIP, _write_memberships),
    (names.POST, _write_posts),
    (names.REACTION, _write_reactions),
)


def _post_row(op: RecordOp, r: Record) -> tuple[object, ...]:
    reply = r.get("reply")
    content = r.get("content") or {}
    return (
        op.uri,
        op.did,
        op.rkey,
        op.cid,
        None if reply else r["board"]["board"]["uri"],
        reply["root"]["uri"] if reply else None,
        reply["parent"]["uri"] if reply else None,
        None if reply else r.get("title"),
        r["text"],
        content.get("markdown") if content.get("$type") == MARKDOWN else None,
        _time(r),
        tid_time(op.rkey),
    )


def _mod_row(op: RecordOp, r: Record) -> tuple[object, ...]:
    action: str = r["action"].removeprefix(f"{names.MOD_ACTION}.")
    pair = action.removeprefix("un")
    subject = r["subject"].get("did") or r["subject"]["post"]["uri"]
    expires = parse_datetime(r["expiresAt"]) if "expiresAt" in r else None
    return (op.rkey, pair, pair == action, subject, r.get("reason"), r["createdBy"], _time(r), expires)


def _split(ops: Sequence[RecordOp]) -> tuple[Put, list[RecordOp]]:
    put = [(op, op.record) for op in ops if op.record is not None]
    return put, [op for op in ops if op.record is None]


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _time(record: Record, *fields: str) -> datetime:
    """The first of the fields that is there, `createdAt` unless others are named."""
    for name in fields or ("createdAt",):
        if name in record:
            return parse_datetime(record[name])
    raise KeyError(fields)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
