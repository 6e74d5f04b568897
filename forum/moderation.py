"""Moderators' decisions: what is in force on an account or a post, what would change it, and who may act on whom.

An act is a record in the forum's repository, and for each pair (ban and unban, …) the newest not yet expired decides.
`visibility.py` carries a decision into what it concerns when an act comes; here it is carried when one has ended.
"""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from forum import visibility
from forum.changes import Changes
from forum.database import Connection
from forum.permissions import rank_of
from forum.reads.members import is_known_here
from forum.records.syntax import tid_of, tid_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

STANDING = """
SELECT (SELECT max(rkey) FROM mod_actions WHERE subject = $2) AS newest, m.rkey, m.expires_at
  FROM (SELECT in_force($1, $2) AS rkey) AS f
  LEFT JOIN mod_actions m USING (rkey)
"""
POST = "SELECT uri, cid, did, root_uri IS NULL AS is_topic FROM posts WHERE id = $1"

# Whoever was ever acted on stays within reach, also when all they wrote is gone. Replies may be of other forums.
HAS_LEFT_TRACES = """
SELECT EXISTS (SELECT FROM mod_actions WHERE subject = $1)
    OR EXISTS (SELECT FROM posts p JOIN topics t ON t.uri = coalesce(p.root_uri, p.uri)
                WHERE p.did = $1 AND t.board_uri IS NOT NULL)
"""

# Both by mod_actions_due.
NEXT_DUE = """
SELECT CASE WHEN EXISTS (SELECT FROM unsettled) THEN 0
            ELSE extract(epoch FROM min(expires_at) - statement_timestamp()) END::float8
  FROM mod_actions WHERE expires_at IS NOT NULL AND NOT is_over
"""
END = """
UPDATE mod_actions SET is_over = true
 WHERE rkey IN (SELECT rkey FROM mod_actions
                 WHERE expires_at <= statement_timestamp() AND NOT is_over ORDER BY expires_at LIMIT $1)
RETURNING subject
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds for a subject, of one pair."""

    key: str | None  # of the action in force; None: nothing is
    until: datetime | None  # when that ends by itself; None: never
    newest: str | None  # the highest key of all actions on the subject, of any pair, over or not

    def is_already(self, is_on: bool, until: datetime | None) -> bool:
        """Whether one more action would change nothing: a ban for an hour ends no ban for good, but not the reverse."""
        if not is_on:
            return self.key is None
        return self.key is not None and (self.until is None or (until is not None and until <= self.until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post as one acts on it, whether it is shown or not."""

    uri: str
    cid: str
    did: str
    is_topic: bool


async def standing_of(connection: Connection, pair: str, subject: str) -> Standing:
    """What is in force on a DID or the URI of a post."""
    row = await connection.fetchrow(STANDING, pair, subject)
    assert row is not None
    return Standing(key=row["rkey"], until=row["expires_at"], newest=row["newest"])


def key_after(newest: str | None) -> str:
    """A key for a new action: of now, or of the moment after the newest known, should a clock have run ahead."""
    moment = time.time_ns() // 1000
    if newest is not None:
        moment = max(moment, (tid_time(newest) - EPOCH) // MICROSECOND + 1)
    return tid_of(moment, secrets.randbelow(1024))


async def post_by_id(connection: Connection, post_id: int) -> Post | None:
    row = await connection.fetchrow(POST, post_id)
    if row is None:
        return None
    return Post(uri=row["uri"], cid=row["cid"], did=row["did"], is_topic=row["is_topic"])


async def is_member_or_author(connection: Connection, did: str, *, forum_did: str) -> bool:
    """Whether there is anybody here to act on."""
    if await is_known_here(connection, did, forum_did=forum_did):
        return True
    return bool(await connection.fetchval(HAS_LEFT_TRACES, did))


async def outranks(connection: Connection, actor: str, target: str, *, forum_did: str) -> bool:
    """Whether one may act on the other: nobody on the as strong or stronger; so not on themself, nor on the forum."""
    own = await rank_of(connection, actor, forum_did=forum_did)
    theirs = await rank_of(connection, target, forum_did=forum_did)
    return own < theirs


async def seconds_to_next(connection: Connection) -> float | None:
    """How long until there is something for the clock to do, at most 0 if there is; None: never."""
    seconds: float | None = await connection.fetchval(NEXT_DUE)
    return seconds


async def end_expired(tx: Connection, limit: int) -> Changes:
    """Decide anew about the subjects of actions that have ended. The caller holds the ledger's lock."""
    subjects = {row["subject"] for row in await tx.fetch(END, limit)}
    return await visibility.decide(tx, sorted(subjects))
