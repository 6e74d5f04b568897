"""A topic's page: the topic, and its replies in order.

Offsets count what `total` counts, the replies that are shown; tombstones ride along in their places, so reading page
after page until `total` meets every reply. An offset is turned into the place after that many replies, once, and from
there on paging by offset and by place are the same.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from forum.database import Connection, Row
from forum.reads.accounts import Author, author_of
from forum.reads.place import BEFORE_OLDEST, Place, cut, place_after
from forum.reads.topics import Topic, topic_from

# The topic by its primary key, and all beside it by theirs. A tombstone is served while it has replies.
# `before` is the last reply of the pages passed over by the offset: a walk along posts_in_topic.
TOPIC = """
SELECT p.id, p.did, p.rkey, p.uri, p.title, p.text, p.markdown, p.created_at, p.edited_at,
       p.deleted_at IS NOT NULL AS deleted, a.did AS author, a.shown_handle AS handle, b.id AS board_id,
       b.uri AS board_uri, t.reply_count, t.last_reply_at, t.pinned, t.locked IS NOT NULL AS locked, t.locked AS lock,
       false AS before_pinned, before.sorted_at AS before_at, before.uri AS before_uri
  FROM posts p
  JOIN topics t ON t.uri = p.uri
  JOIN boards b ON b.uri = p.board_uri
  LEFT JOIN accounts a ON a.did = p.did
  LEFT JOIN LATERAL (
       SELECT r.sorted_at, r.uri
         FROM posts r
         LEFT JOIN accounts a ON a.did = r.did
        WHERE $2::bigint > 0 AND r.root_uri = p.uri AND r.shown
          AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, r.rkey, a.replies_until, NULL))
        ORDER BY r.sorted_at, r.uri
        LIMIT 1 OFFSET greatest($2::bigint - 1, 0)) AS before ON true
 WHERE p.id = $1 AND p.root_uri IS NULL
   AND (p.shown OR p.deleted_at IS NOT NULL AND NOT p.hidden AND t.reply_count > 0)
   AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, p.rkey, a.topics_until, NULL))
"""

# Two walks along posts_in_topic from the place on: the page's replies and one more, which says that others follow;
# then the tombstones up to there, 250 at most, so that nobody fills a page without end by deleting.
# A tombstone is there if, but for being deleted, it would be shown.
REPLIES = """
WITH shown AS MATERIALIZED (
     SELECT r.id, r.sorted_at
       FROM posts r
       LEFT JOIN accounts a ON a.did = r.did
      WHERE r.root_uri = $1 AND (r.sorted_at, r.uri) > ($2, $3::text) AND r.shown
        AND (a.did IS NULL OR is_shown(NULL, false, a.status, a.banned, r.rkey, a.replies_until, NULL))
      ORDER BY r.sorted_at, r.uri
      LIMIT $4::bigint + 1
), deleted AS (
     SELECT r.id
       FROM posts r
       LEFT JOIN accounts a ON a.did = r.did
      WHERE r.root_uri = $1 AND (r.sorted_at, r.uri) > ($2, $3::text) AND r.deleted_at IS NOT NULL
        AND r.sorted_at <= (SELECT CASE WHEN count(*) > $4::bigint THEN max(sorted_at) ELSE 'infinity' END FROM shown)
        AND is_shown(NULL, r.hidden, coalesce(a.status, 'active'), coalesce(a.banned, false), r.rkey,
                     a.replies_until, $5)
      ORDER BY r.sorted_at, r.uri
      LIMIT 250
)
SELECT r.id, r.did, r.rkey, r.uri, r.text, r.markdown, r.created_at, r.edited_at,
       false AS pinned, r.sorted_at AS placed_at, r.deleted_at IS NOT NULL AS deleted, parent.id AS parent_id,
       a.did AS author, a.shown_handle AS handle
  FROM (SELECT id FROM shown UNION ALL SELECT id FROM deleted) AS page
  JOIN posts r ON r.id = page.id
  LEFT JOIN posts parent ON parent.uri = r.parent_uri
  LEFT JOIN accounts a ON a.did = r.did
 ORDER BY r.sorted_at, r.uri
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply; of a deleted one only its place and its author are left."""

    id: int
    did: str
    rkey: str
    uri: str
    text: str
    markdown: str | None
    parent_id: int | None  # None: the parent is not here
    created_at: datetime
    edited_at: datetime | None
    author: Author | None
    deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPage:
    """One page of a topic; `next` is where the following one begins, None on the last."""

    topic: Topic
    replies: tuple[Reply, ...]
    next: Place | None


async def topic_page(
    connection: Connection, topic_id: int, *, limit: int, offset: int, after: Place | None = None
) -> TopicPage | None:
    """A page of a topic, from `after` or after `offset` replies; None if there is no such topic to be seen."""
    row = await connection.fetchrow(TOPIC, topic_id, offset)
    if row is None:
        return None
    start = after or place_after(row, offset, BEFORE_OLDEST)
    rows = await connection.fetch(REPLIES, row["uri"], start.at, start.uri, limit, row["lock"]) if start else ()
    kept, following = cut(rows, limit, offset=offset)
    return TopicPage(topic=_topic(row), replies=tuple(map(_reply, kept)), next=following)


def _topic(row: Row) -> Topic:
    topic = topic_from(row, board_id=row["board_id"], board_uri=row["board_uri"])
    return replace(topic, markdown=row["markdown"], edited_at=row["edited_at"])


def _reply(row: Row) -> Reply:
    return Reply(
        id=row["id"],
        did=row["did"],
        rkey=row["rkey"],
        uri=row["uri"],
        text=row["text"],
        markdown=row["markdown"],
        parent_id=row["parent_id"],
        created_at=row["created_at"],
        edited_at=row["edited_at"],
        author=author_of(row),
        deleted=row["deleted"],
    )
