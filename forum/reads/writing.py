"""What must be known before somebody writes: whether they may, and what they refer to."""

from collections.abc import Sequence
from dataclasses import dataclass

from forum.database import Connection, Row
from forum.posts import Ref
from forum.records.names import BOARD, FORUM, POST

# Both by primary keys.
FORUM_REF = "SELECT cid FROM ledger WHERE did = $1 AND collection = $2 AND rkey = 'self'"
BOARD_REF = """
SELECT l.cid FROM boards b JOIN ledger l ON l.did = $1 AND l.collection = $2 AND l.rkey = $3
 WHERE b.uri = 'at://' || $1 || '/' || $2 || '/' || $3
"""

# By the posts' primary key or their URI, and all beside them by theirs. Seen is what anybody can see, on a board that
# is there.
_POSTS = """
SELECT p.id, p.did, p.rkey, p.uri, p.cid, p.root_uri, p.deleted_at IS NOT NULL AS deleted,
       t.locked IS NOT NULL AS locked,
       p.shown AND b.uri IS NOT NULL
       AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, p.rkey,
                                      CASE WHEN p.root_uri IS NULL THEN a.topics_until ELSE a.replies_until END, NULL))
       AS seen
  FROM posts p
  LEFT JOIN topics t ON t.uri = coalesce(p.root_uri, p.uri)
  LEFT JOIN boards b ON b.uri = t.board_uri
  LEFT JOIN accounts a ON a.did = p.did
 WHERE {which}
"""
POSTS = _POSTS.format(which="p.id = ANY ($1::bigint[])")
POST_AT = _POSTS.format(which="p.uri = $1")

WRITTEN = "SELECT cid FROM ledger WHERE did = $1 AND collection = $2 AND rkey = $3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post as others are written below it, or its author changes it; `locked` is its topic."""

    id: int
    did: str
    rkey: str
    ref: Ref
    root_uri: str | None  # None: it is a topic
    locked: bool
    deleted: bool
    seen: bool

    @property
    def is_topic(self) -> bool:
        return self.root_uri is None

    @property
    def topic_uri(self) -> str:
        return self.root_uri or self.ref.uri


@dataclass(frozen=True, slots=True)
class Written:
    """That a record key was used; by a record that is gone if there is no CID."""

    cid: str | None


async def forum_ref(connection: Connection, forum_did: str) -> Ref | None:
    """The forum's own record; None before it is here."""
    cid = await connection.fetchval(FORUM_REF, forum_did, FORUM)
    return None if cid is None else Ref(f"at://{forum_did}/{FORUM}/self", cid)


async def board_ref(connection: Connection, forum_did: str, rkey: str) -> Ref | None:
    """A board of the forum; None if there is no such board."""
    cid = await connection.fetchval(BOARD_REF, forum_did, BOARD, rkey)
    return None if cid is None else Ref(f"at://{forum_did}/{BOARD}/{rkey}", cid)


async def posts_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Post]:
    """Those of the posts that are here, seen or not."""
    return {row["id"]: _post(row) for row in await connection.fetch(POSTS, ids)}


async def post_at(connection: Connection, uri: str) -> Post | None:
    """The post of that URI, if it is here, seen or not."""
    row = await connection.fetchrow(POST_AT, uri)
    return None if row is None else _post(row)


async def written_at(connection: Connection, did: str, rkey: str) -> Written | None:
    """What is known of a post that was to be written under this key; None: nothing is."""
    row = await connection.fetchrow(WRITTEN, did, POST, rkey)
    return None if row is None else Written(row["cid"])


def _post(row: Row) -> Post:
    return Post(
        id=row["id"],
        did=row["did"],
        rkey=row["rkey"],
        ref=Ref(row["uri"], row["cid"]),
        root_uri=row["root_uri"],
        locked=row["locked"],
        deleted=row["deleted"],
        seen=row["seen"],
    )
