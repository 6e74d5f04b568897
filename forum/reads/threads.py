"""A numbered page of a topic: its posts in order, tombstones in their places, and where a permalink leads.

Posts are numbered from the topic, which is 1; a page has so many numbers, the first one the topic's among them. Pages
are counted along `posts.shown`, by the index alone; what a banned author wrote is left out of the page, whose other
posts keep their numbers. What is hidden, or by who is banned, is told to moderators and its author, without a number.
"""

from dataclasses import dataclass
from datetime import datetime

from forum.database import Connection, Row
from forum.reads.accounts import Author
from forum.reads.bodies import BODY, RENDERING, Body, body_of
from forum.reads.named import NAMED
from forum.reads.window import BACKWARD, FORWARD, Window, window
from forum.records.names import POST

# Who is told of hidden posts: the public of none, `Insight` of all or of their own.
PUBLIC, INSIDER = "false", "($5::boolean OR p.did = $6::text)"

# The one topic of record key $2 that the name $1 means. A tombstone is served while it has replies.
_TOPIC = """
WITH named AS ({named})
SELECT {columns}
  FROM named
  JOIN posts p ON p.uri = 'at://' || named.did || '/{collection}/' || $2
  JOIN topics t ON t.uri = p.uri
  JOIN boards b ON b.uri = p.board_uri
  LEFT JOIN categories c ON c.uri = b.category_uri
  LEFT JOIN accounts a ON a.did = p.did
  LEFT JOIN forum f ON f.uri = $3
  {rendering}
 WHERE p.root_uri IS NULL
   AND (p.shown OR p.deleted_at IS NOT NULL AND t.reply_count > 0
                   AND is_shown(NULL, p.hidden, 'active', false, p.rkey, a.topics_until, NULL)
                OR {insider} AND p.deleted_at IS NULL AND (p.hidden OR coalesce(a.banned, false)))
   AND (a.did IS NULL OR a.status = 'active' AND (NOT a.banned OR {insider}))
 ORDER BY named.rank
 LIMIT 1
"""
_COLUMNS = """
       p.uri, p.cid, p.text, CASE WHEN $4 AND d.html IS NULL THEN p.markdown END AS markdown,
       CASE WHEN $4 THEN d.html END AS html, NULL AS parent_uri,
       p.did, a.shown_handle AS handle, p.title, p.created_at, p.edited_at, p.deleted_at IS NOT NULL AS deleted,
       p.hidden, coalesce(a.banned, false) AS banned, t.reply_count, t.activity_at, t.pinned, t.locked,
       b.uri AS board_uri, b.name AS board, b.slug AS board_slug, c.name AS category, f.name AS forum"""
TOPIC = {
    is_insider: _TOPIC.format(
        named=NAMED,
        collection=POST,
        rendering=RENDERING,
        columns=_COLUMNS,
        insider=INSIDER if is_insider else PUBLIC,
    )
    for is_insider in (False, True)
}

# The page's replies in the index alone, one before them included, where there is one: between two shown replies lie
# the buried, 250 of them at most. A tombstone is there if, but for being deleted, it would be shown.
# The second limit changes nothing but what the planner expects: a tenth of the topic where it does not know the first.
_REPLIES = """
WITH walked AS MATERIALIZED (
     SELECT uri, sorted_at
       FROM (SELECT r.uri, r.sorted_at
               FROM posts r
              WHERE r.root_uri = $1 AND r.shown
              ORDER BY r.sorted_at {direction}, r.uri {direction}
             OFFSET $2 LIMIT $3) AS part
      LIMIT 30
), low AS (
     SELECT '-infinity'::timestamptz AS sorted_at, '' AS uri WHERE $4
      UNION ALL (SELECT sorted_at, uri FROM walked WHERE NOT $4 ORDER BY sorted_at, uri LIMIT 1)
), high AS (
     SELECT 'infinity'::timestamptz AS sorted_at, '' AS uri WHERE $5
      UNION ALL (SELECT sorted_at, uri FROM walked WHERE NOT $5 ORDER BY sorted_at DESC, uri DESC LIMIT 1)
), buried AS (
     SELECT r.uri
       FROM posts r
       LEFT JOIN accounts a ON a.did = r.did
      WHERE r.root_uri = $1 AND {buried}
        AND (r.sorted_at, r.uri) > (SELECT sorted_at, uri FROM low)
        AND (r.sorted_at, r.uri) < (SELECT sorted_at, uri FROM high)
      ORDER BY r.sorted_at, r.uri
      LIMIT 250
)
SELECT {body}, p.did, a.shown_handle AS handle, p.created_at, p.edited_at, p.deleted_at IS NOT NULL AS deleted,
       p.hidden, coalesce(a.banned, false) AS banned, page.place,
       parent.uri AS parent_uri, parent.did AS parent_did, parent.handle AS parent_handle,
       left(parent.text, 300) AS parent_text
  FROM (SELECT uri, row_number() OVER (ORDER BY sorted_at, uri) AS place FROM walked
         UNION ALL SELECT uri, NULL FROM buried) AS page
  JOIN posts p USING (uri)
  LEFT JOIN accounts a ON a.did = p.did
  LEFT JOIN LATERAL (
       SELECT o.uri, o.did, o.text, oa.shown_handle AS handle
         FROM posts o
         LEFT JOIN accounts oa ON oa.did = o.did
        WHERE o.uri = p.parent_uri AND o.root_uri = p.root_uri AND o.shown
          AND (oa.did IS NULL OR oa.status = 'active' AND NOT oa.banned)) AS parent ON true
  {rendering}
 WHERE a.did IS NULL OR a.status = 'active' AND (NOT a.banned OR {insider})
 ORDER BY p.sorted_at, p.uri
"""
TOMBSTONE = """r.deleted_at IS NOT NULL
        AND is_shown(NULL, r.hidden, coalesce(a.status, 'active'), coalesce(a.banned, false), r.rkey,
                     a.replies_until, $6)"""
HIDDEN = "NOT r.shown AND r.deleted_at IS NULL AND (r.hidden OR a.banned) AND ($7::boolean OR r.did = $8::text)"
REPLIES = {
    (is_backward, is_insider): _REPLIES.format(
        direction=BACKWARD if is_backward else FORWARD,
        body=BODY,
        rendering=RENDERING,
        buried=f"({TOMBSTONE} OR {HIDDEN})" if is_insider else TOMBSTONE,
        insider="($7 OR p.did = $8)" if is_insider else PUBLIC,
    )
    for is_backward in (False, True)
    for is_insider in (False, True)
}

# How many shown replies stand before the one of that URI, one less for what is not shown itself after all of them: it
# has no page of its own. And the last reply, with all others before it.
_PLACE = """
SELECT topic.did, topic.uri, topic.handle, r.uri AS reply_uri,
       least(topic.reply_count - 1, (
              SELECT count(*) FROM posts b
               WHERE b.root_uri = r.root_uri AND b.shown AND (b.sorted_at, b.uri) < (r.sorted_at, r.uri))) AS before
  FROM ({topic}) AS topic
  JOIN posts r ON r.root_uri = topic.uri
  LEFT JOIN accounts ra ON ra.did = r.did
 WHERE r.uri = $4
   AND (r.shown OR NOT r.hidden AND r.deleted_at IS NOT NULL
                OR {insider} AND r.deleted_at IS NULL AND (r.hidden OR coalesce(ra.banned, false)))
   AND (ra.did IS NULL OR ra.status = 'active' AND (NOT ra.banned OR {insider}))
"""
_NEWEST = """
SELECT topic.did, topic.uri, topic.handle, r.uri AS reply_uri, topic.reply_count - 1 AS before
  FROM ({topic}) AS topic
  LEFT JOIN LATERAL (
       SELECT o.uri
         FROM posts o
         LEFT JOIN accounts oa ON oa.did = o.did
        WHERE o.root_uri = topic.uri AND o.shown AND (oa.did IS NULL OR oa.status = 'active' AND NOT oa.banned)
        ORDER BY o.sorted_at DESC, o.uri DESC
        LIMIT 1) AS r ON true
"""
_ITS_PLACE = {
    insider: _TOPIC.format(
        named=NAMED,
        collection=POST,
        rendering="",
        columns="p.did, p.uri, a.shown_handle AS handle, t.reply_count",
        insider=insider,
    )
    for insider in (PUBLIC, INSIDER)
}
PLACE = {
    is_insider: _PLACE.format(topic=_ITS_PLACE[insider], insider=insider.replace("p.did", "r.did"))
    for is_insider, insider in ((False, PUBLIC), (True, INSIDER))
}
NEWEST = _NEWEST.format(topic=_ITS_PLACE[PUBLIC])


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """Who reads what is hidden from others: everything of it, or what they wrote themselves."""

    did: str
    everything: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The reply another reply answers."""

    uri: str
    author: Author
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A topic's first post or a reply. Of one that is `deleted` only place and author are left.

    Without a number: not counted, for it is deleted, or others do not see it.
    """

    number: int | None
    deleted: bool
    hidden: bool
    banned: bool  # its author is
    uri: str
    author: Author
    body: Body
    created_at: datetime
    edited_at: datetime | None
    answers: Answered | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One page of a topic; `total` posts are shown in all. `opening` is told on every page, and stands on the first."""

    title: str | None
    pinned: bool
    locked: bool
    deleted: bool
    opening: Post
    replies: tuple[Post, ...]
    total: int
    last_at: datetime
    board_uri: str
    board: str
    board_slug: str | None
    category: str | None
    forum: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a reply stands: its topic, and its number there. Without a reply the topic itself is meant."""

    author: Author
    uri: str
    reply_uri: str | None
    number: int


async def thread(
    connection: Connection,
    name: str,
    rkey: str,
    *,
    forum_uri: str,
    number: int | None,
    size: int,
    insight: Insight | None = None,
) -> Thread | None:
    """Page `number`, from 1, of the topic that is named so, or its last `size` replies; None if there is no such topic.

    What the topic itself says is told with the first page only.
    """
    told = _told(insight)
    row = await connection.fetchrow(TOPIC[bool(told)], name, rkey, forum_uri, number == 1, *told)
    if row is None:
        return None
    return Thread(
        title=row["title"],
        pinned=row["pinned"],
        locked=row["locked"] is not None,
        deleted=row["deleted"],
        opening=_post(row, number=None if row["deleted"] else 1),
        replies=await _replies(connection, row, _part(number, size, row["reply_count"]), told),
        total=row["reply_count"] + 1,
        last_at=row["activity_at"],
        board_uri=row["board_uri"],
        board=row["board"],
        board_slug=row["board_slug"],
        category=row["category"],
        forum=row["forum"],
    )


def _part(number: int | None, size: int, total: int) -> Window:
    """The replies of a page, of which the first has one less."""
    if number is None:
        return window(low=max(total - size, 0), high=total, total=total)
    return window(low=max((number - 1) * size - 1, 0), high=number * size - 1, total=total)


async def _replies(
    connection: Connection, topic: Row, part: Window, told: tuple[bool, str] | tuple[()]
) -> tuple[Post, ...]:
    is_first = part.low == 0
    if part.limit == 0 and not is_first:
        return ()
    wider = part if is_first else part._replace(low=part.low - 1)
    rows = await connection.fetch(
        REPLIES[wider.is_nearer_the_end, bool(told)],
        topic["uri"],
        wider.offset,
        wider.limit,
        is_first,
        part.high == part.total,
        topic["locked"],
        *told,
    )
    posts = (_post(row, number=None if row["place"] is None else wider.low + row["place"] + 1) for row in rows)
    return tuple(post for post in posts if post.number is None or post.number > part.low + 1)


async def place_of(
    connection: Connection,
    name: str,
    rkey: str,
    *,
    forum_uri: str,
    reply_uri: str,
    insight: Insight | None = None,
) -> Place | None:
    """Where a reply stands in the topic of that name; None if it does not."""
    told = _told(insight)
    return _place(await connection.fetchrow(PLACE[bool(told)], name, rkey, forum_uri, reply_uri, *told))


async def newest_place(connection: Connection, name: str, rkey: str, *, forum_uri: str) -> Place | None:
    """Where the last reply stands, or the topic while nobody has answered."""
    return _place(await connection.fetchrow(NEWEST, name, rkey, forum_uri))


def _told(insight: Insight | None) -> tuple[bool, str] | tuple[()]:
    """What statements for insiders ask beyond the others."""
    return () if insight is None else (insight.everything, insight.did)


def _place(row: Row | None) -> Place | None:
    if row is None:
        return None
    return Place(
        author=Author(did=row["did"], handle=row["handle"]),
        uri=row["uri"],
        reply_uri=row["reply_uri"],
        number=max(row["before"] + 2, 1),
    )


def _post(row: Row, *, number: int | None) -> Post:
    return Post(
        number=number,
        deleted=row["deleted"],
        hidden=row["hidden"],
        banned=row["banned"],
        uri=row["uri"],
        author=Author(did=row["did"], handle=row["handle"]),
        body=body_of(row),
        created_at=row["created_at"],
        edited_at=row["edited_at"],
        answers=_answered(row),
    )


def _answered(row: Row) -> Answered | None:
    if row["parent_uri"] is None:
        return None
    author = Author(did=row["parent_did"], handle=row["parent_handle"])
    return Answered(uri=row["parent_uri"], author=author, text=row["parent_text"])
