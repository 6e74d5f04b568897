"""Who and what may be seen: bans, mutes, hides, locks, pins, roles, account status, carried into what they concern.

A decision is kept where it is read (an account's ban and limits, topics.locked and pinned, posts.hidden), and
`posts.shown` of every post it touches is set anew by `is_shown()`; triggers carry that into the counts.
"""

from collections.abc import Sequence

from forum.changes import Changes
from forum.database import Connection

MANY = 2_000  # posts: more take so long that nobody should be made to wait for them
SOME = 10_000  # of them in one transaction: each looks through all that its author wrote

DECIDE_ACCOUNTS = """
UPDATE accounts a SET banned = d.banned
  FROM (SELECT s AS did, in_force('ban', s) IS NOT NULL AS banned FROM unnest($1::text[]) AS s) AS d
 WHERE a.did = d.did AND a.banned <> d.banned
RETURNING a.did
"""

DECIDE_TOPICS = """
INSERT INTO topics AS t (uri, locked, pinned)
SELECT s, since_when('lock', s), in_force('pin', s) IS NOT NULL FROM unnest($1::text[]) AS s ORDER BY s
    ON CONFLICT (uri) DO UPDATE SET locked = excluded.locked, pinned = excluded.pinned
 WHERE (t.locked, t.pinned) IS DISTINCT FROM (excluded.locked, excluded.pinned)
RETURNING uri
"""

DECIDE_POSTS = """
UPDATE posts p SET hidden = d.hidden
  FROM (SELECT s AS uri, in_force('delete', s) IS NOT NULL AS hidden FROM unnest($1::text[]) AS s) AS d
 WHERE p.uri = d.uri AND p.hidden <> d.hidden
RETURNING p.uri, coalesce(p.root_uri, p.uri) AS topic_uri
"""

_LIMIT = """
UPDATE accounts a SET topics_until = l.topics_until, replies_until = l.replies_until
  FROM accounts b CROSS JOIN LATERAL limits_of(b.did) AS l
 WHERE a.did = b.did AND {which}
   AND (a.topics_until, a.replies_until) IS DISTINCT FROM (l.topics_until, l.replies_until)
RETURNING a.did
"""
LIMIT_ACCOUNTS = _LIMIT.format(which="b.did = ANY ($1::text[])")
LIMIT_EVERYONE = _LIMIT.format(which="true")

KEEP_SETTINGS = """
UPDATE settings SET forum_did = $1, default_role = $2
 WHERE (forum_did, default_role) IS DISTINCT FROM ($1::text, $2::text)
RETURNING true
"""

# Several statements rather than one with OR: each goes by its own index.
_SHOW = """
UPDATE posts p SET shown = NOT p.shown
  FROM (SELECT q.id
          FROM posts q JOIN accounts a USING (did) LEFT JOIN topics t ON t.uri = q.root_uri
         WHERE ({which})
           AND q.shown <> is_shown(q.deleted_at, q.hidden, a.status, a.banned, q.rkey,
                                   CASE WHEN q.root_uri IS NULL THEN a.topics_until ELSE a.replies_until END,
                                   t.locked)
         {part}) AS v
 WHERE p.id = v.id
RETURNING coalesce(p.root_uri, p.uri) AS topic_uri
"""
SHOW_BY_AUTHOR = _SHOW.format(which="q.did = ANY ($1::text[])", part="LIMIT ALL")
# Topic by topic, so that each is counted anew once and not in every transaction.
SHOW_SOME_BY_AUTHOR = _SHOW.format(which="q.did = ANY ($1::text[])", part=f"ORDER BY q.root_uri LIMIT {SOME}")
# Shown or not: said so that both of its partial indexes serve.
SHOW_IN_TOPIC = _SHOW.format(
    which="q.root_uri = ANY ($1::text[]) AND q.shown OR q.root_uri = ANY ($1::text[]) AND NOT q.shown",
    part="LIMIT ALL",
)
SHOW_POSTS = _SHOW.format(which="q.uri = ANY ($1::text[])", part="LIMIT ALL")

WROTE_MUCH = "SELECT count(*) = $2 FROM (SELECT FROM posts WHERE did = ANY ($1::text[]) LIMIT $2) AS p"
PUT_OFF = "INSERT INTO unsettled (did) SELECT s FROM unnest($1::text[]) AS s ORDER BY s ON CONFLICT DO NOTHING"
UNSETTLED = "SELECT did FROM unsettled ORDER BY did LIMIT 100"
SETTLED = "DELETE FROM unsettled WHERE did = ANY ($1::text[])"

BOARDS_OF = "SELECT DISTINCT board_uri FROM topics WHERE uri = ANY ($1::text[]) AND board_uri IS NOT NULL"


async def decide(tx: Connection, subjects: Sequence[str]) -> Changes:
    """Carry the moderation decisions on these subjects (DIDs and post URIs) into what they concern."""
    dids = [s for s in subjects if s.startswith("did:")]
    uris = [s for s in subjects if not s.startswith("did:")]
    topics: set[str] = set()
    changes = Changes(dids=frozenset(dids))
    if dids:
        banned = await tx.fetch(DECIDE_ACCOUNTS, dids)
        muted = await tx.fetch(LIMIT_ACCOUNTS, dids)
        changes |= await show_authors(tx, [row["did"] for row in (*banned, *muted)])
    if uris:
        marked = [row["uri"] for row in await tx.fetch(DECIDE_TOPICS, uris)]
        hidden = await tx.fetch(DECIDE_POSTS, uris)
        topics.update(marked, (row["topic_uri"] for row in hidden))
        topics |= await _show(tx, SHOW_IN_TOPIC, marked)
        topics |= await _show(tx, SHOW_POSTS, [row["uri"] for row in hidden])
    return changes | await pages_of(tx, topics)


async def permit(tx: Connection, subjects: Sequence[str]) -> Changes:
    """Carry what the grants of these accounts permit into what they wrote."""
    limited = await tx.fetch(LIMIT_ACCOUNTS, list(subjects))
    return await show_authors(tx, [row["did"] for row in limited])


async def permit_everyone(tx: Connection) -> Changes:
    """The same for all accounts: what a role permits, or which role newcomers have, is no longer what it was."""
    return await show_authors(tx, [row["did"] for row in await tx.fetch(LIMIT_EVERYONE)])


async def keep_settings(tx: Connection, *, forum_did: str, default_role: str) -> Changes:
    """Tell the database whose forum this is and what newcomers may; the caller holds the ledger's lock.

    Without a default role joining is by approval: an account may nothing until it is given a role.
    """
    is_new = await tx.fetchval(KEEP_SETTINGS, forum_did, default_role or None)
    return await permit_everyone(tx) if is_new else Changes()


async def show_authors(tx: Connection, dids: Sequence[str]) -> Changes:
    """Hide or show what these accounts wrote, after their status, their limits or a ban changed.

    Very many posts are left to the clock: reads ask the account, too, so what has to go is gone for readers at once.
    """
    if dids and await tx.fetchval(WROTE_MUCH, list(dids), MANY):
        await tx.execute(PUT_OFF, list(dids))
        return Changes(dids=frozenset(dids), all=True)
    return await pages_of(tx, await _show(tx, SHOW_BY_AUTHOR, dids), dids=frozenset(dids))


async def settle_some(tx: Connection) -> Changes:
    """Hide or show some of the posts that were left for later. The caller holds the ledger's lock."""
    dids = [row["did"] for row in await tx.fetch(UNSETTLED)]
    if not dids:
        return Changes()
    shown = await tx.fetch(SHOW_SOME_BY_AUTHOR, dids)
    if len(shown) < SOME:
        await tx.execute(SETTLED, dids)
    return Changes(all=bool(shown))


async def pages_of(tx: Connection, topics: set[str], *, dids: frozenset[str] = frozenset()) -> Changes:
    """The topics and the boards they are on, as changes for readers."""
    boards = await tx.fetch(BOARDS_OF, sorted(topics)) if topics else ()
    return Changes(uris=frozenset(topics) | {row["board_uri"] for row in boards}, dids=dids)


async def _show(tx: Connection, statement: str, keys: Sequence[str]) -> set[str]:
    if not keys:
        return set()
    return {row["topic_uri"] for row in await tx.fetch(statement, list(keys))}
