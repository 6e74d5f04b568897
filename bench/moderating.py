"""Moderating: how soon a ban of somebody who wrote very much takes effect, and the log and the member list when long.

The forum has 100,000 posts by one member, in every topic and with as many by others between them; a million members;
and a million acts of moderators. The ban comes by the stream and is applied as a moderator's click is. A topic is asked
for by the API and as a page until neither has anything by the member; then the boards are, until they count what is
left. All topics are recounted after that. The end of the ban is measured in the same way.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from itertools import count, islice
from urllib.parse import urlsplit

import trio

from bench.events import AUTHORS, FORUM_DID, STAMP, Event, chunks, forum_events, written
from bench.load import Load, read_often
from bench.measure import Plan, Row, main, report
from bench.subject import Subject, data_directory, running_subject, warm_up
from forum import sessions
from forum.database import Connection
from forum.records.names import MOD_ACTION
from forum.records.syntax import parse_at_uri, tid_of
from web.signed_in import COOKIE

FULL, QUICK = Plan(events=100_000), Plan(events=5_000, rounds=2)
WARM_UP = 3 * AUTHORS
ROWS_A_POST = 10  # a million members, and acts, of a full 100,000 posts
AT_ONCE = 100_000  # rows in a statement, which has a minute
POSTS_A_TOPIC = 20  # of the member's
READS = 300  # of each list in a round: three of them are slower than the 99th percentile
POLL_SECONDS, COUNTS_POLL_SECONDS = 0.002, 0.05
PATIENCE_SECONDS = 120
MEMBER = "did:plc:spamspamspamspamspamspam"
TOLD = "Cheap watches"
LISTS = {
    "moderation log, API": "/api/admin/modlog",
    "moderation log, page": "/admin/log",
    "member list, API": "/api/admin/members",
    "member list, page": "/admin/members",
}

JOIN = """
WITH numbered AS (
    SELECT 'did:plc:' || lpad(n::text, 24, 'm') AS did, 'member-' || n || '.bench.test' AS handle,
           timestamptz '2024-01-01' + n * interval '1 second' AS joined_at
      FROM generate_series($1::bigint, $2::bigint - 1) AS n),
known AS (INSERT INTO accounts (did, handle, resolved_at, refresh_at) SELECT did, handle, now(), NULL FROM numbered)
INSERT INTO members (did, joined_at) SELECT did, joined_at FROM numbered
"""
# Each is banned and let in again, or a post hidden and shown again, in turn, so that nothing is in force.
ACT = """
WITH known AS (SELECT array_agg(uri) AS uris FROM (SELECT uri FROM posts ORDER BY uri LIMIT 10000) AS first)
INSERT INTO mod_actions (rkey, pair, is_on, subject, reason, created_by, created_at)
SELECT lpad(n::text, 13, '0'), CASE WHEN n % 4 < 2 THEN 'ban' ELSE 'delete' END, n % 2 = 0,
       CASE WHEN n % 4 < 2 THEN 'did:plc:' || lpad((n / 2)::text, 24, 'm') ELSE uris[1 + n / 2 % cardinality(uris)] END,
       'Sells watches', (SELECT forum_did FROM settings), timestamptz '2024-01-01' + n * interval '1 second'
  FROM generate_series($1::bigint, $2::bigint - 1) AS n, known
"""
AUTHORS_HERE = "SELECT array_agg(DISTINCT did) FROM posts"
KNOW = "INSERT INTO accounts (did, handle, resolved_at, refresh_at) VALUES ($1, 'spam.bench.test', now(), NULL)"
# So many posts by these accounts in turn, with keys from a number on, a second apart; each place has its share.
_WRITE = """
INSERT INTO posts (uri, did, rkey, cid, board_uri, root_uri, parent_uri, title, text, created_at, sorted_at, shown)
SELECT 'at://' || did || '/space.atbb.post/' || rkey, did, rkey, 'cid', {there}, $4, at, at, true
  FROM (SELECT n, ($1::text[])[1 + n % cardinality($1)] AS did, lpad(($3::bigint + n)::text, 13, '0') AS rkey,
               timestamptz '2025-07-01' + n * interval '1 second' AS at
          FROM generate_series(0, $2::bigint - 1) AS n) AS made
  JOIN (SELECT uri, row_number() OVER (ORDER BY uri) - 1 AS place, count(*) OVER () AS places
          FROM {places}) AS place ON place = n % places
"""
WRITE_TOPICS = _WRITE.format(there="uri, NULL, NULL, 'Beans or peas?'", places="boards")
WRITE_REPLIES = _WRITE.format(there="NULL, uri, uri, NULL", places="posts WHERE root_uri IS NULL")
SETTLE = ("ANALYZE", "SELECT pg_notify('atbb_changes', 'all')")

TOPIC = """
SELECT t.id, t.uri FROM posts t JOIN posts r ON r.root_uri = t.uri
 WHERE t.did <> $1 AND r.did = $1 ORDER BY t.uri LIMIT 1
"""
# What the boards have to count when nothing by that account is left.
BOARDS_WITHOUT = """
SELECT b.id, count(DISTINCT t.uri) AS topics, count(r.uri) AS replies
  FROM boards b
  LEFT JOIN posts t ON t.board_uri = b.uri AND t.did <> $1
  LEFT JOIN posts r ON r.root_uri = t.uri AND r.did <> $1
 GROUP BY b.id
"""
MISCOUNTED = """
SELECT count(*)
  FROM topics t
  LEFT JOIN (SELECT root_uri, count(*) AS replies FROM posts JOIN accounts USING (did)
              WHERE root_uri IS NOT NULL AND NOT banned GROUP BY root_uri) AS r ON r.root_uri = t.uri
 WHERE t.reply_count <> coalesce(r.replies, 0)
"""

Counts = Mapping[str, tuple[int, int]]  # topics and replies, by a board's id


class Reader:
    """Someone who is not signed in, on a kept connection."""

    def __init__(self, url: str, topic_id: int, topic_uri: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc)
        place = parse_at_uri(topic_uri)
        self._topic = (f"/api/topics/{topic_id}", f"/t/{place.did_or_handle}/{place.rkey}")

    def sees(self) -> int:
        """In how many of the two there is something by the member."""
        return sum(TOLD.encode() in self._get(path) for path in self._topic)

    def counts(self) -> Counts:
        boards = json.loads(self._get("/api/boards"))["boards"]
        return {board["id"]: (board["topicCount"], board["replyCount"]) for board in boards}

    def _get(self, path: str) -> bytes:
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered with {answer.status}")
        return body


async def fill(subject: Subject, posts: int) -> tuple[Reader, str]:
    """A reader of a topic to which the member replied; a session of the forum's own account."""
    async with subject.database.transaction() as tx:
        others = await tx.fetchval(AUTHORS_HERE)
        await tx.execute(KNOW, MEMBER)
        topics, own = posts // POSTS_A_TOPIC, posts // 100
        await tx.execute(WRITE_TOPICS, others, topics, 0, "What do you think?")
        await tx.execute(WRITE_TOPICS, [MEMBER], own, 0, TOLD)
        await tx.execute(WRITE_REPLIES, others, posts, topics, "We had rain all week, and the seeds are up.")
        await tx.execute(WRITE_REPLIES, [MEMBER], posts - own, own, TOLD)
    for first in range(0, posts * ROWS_A_POST, AT_ONCE):
        async with subject.database.transaction() as tx:
            for statement in (JOIN, ACT):
                await tx.execute(statement, first, min(first + AT_ONCE, posts * ROWS_A_POST))
    async with subject.database.connection() as connection:
        for statement in SETTLE:
            await connection.execute(statement)
        topic = await connection.fetchrow(TOPIC, MEMBER)
        assert topic is not None
        token = await sessions.create(connection, FORUM_DID, timedelta(days=1))
    return Reader(subject.daemon.url, topic["id"], topic["uri"]), token


def acts(at: int) -> Iterator[Event]:
    """The member is banned, and let in again, and so on."""
    about = {"subject": {"$type": f"{MOD_ACTION}#subject", "did": MEMBER}, "createdBy": FORUM_DID, "createdAt": STAMP}
    for number in count():
        at += 1_000_000
        action = {"action": f"{MOD_ACTION}.{'unban' if number % 2 else 'ban'}"}
        yield written(FORUM_DID, at, MOD_ACTION, tid_of(at, 1), {**action, **about})


def wait(holds: Callable[[], bool], poll_seconds: float) -> None:
    """Raises `RuntimeError` if it never will."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError("what was done has not taken effect")
        time.sleep(poll_seconds)


def effect(subject: Subject, reader: Reader, act: Event, seen: int, counts: Counts) -> tuple[float, float]:
    """Seconds from the act until the reader sees the member's in so many, and until the boards count so. Blocking."""
    began = time.perf_counter()
    subject.client.send(chunks([act]))
    wait(lambda: reader.sees() == seen, POLL_SECONDS)
    seen_seconds = time.perf_counter() - began
    wait(lambda: reader.counts() == counts, COUNTS_POLL_SECONDS)
    return seen_seconds, time.perf_counter() - began


async def one_round(subject: Subject, reader: Reader, events: Iterator[Event]) -> tuple[float, ...]:
    """Of the ban and of its end: when it is seen, and counted."""
    taken: list[float] = []
    async with subject.database.connection() as connection:
        for seen, left_out in ((0, MEMBER), (2, "")):
            counts = await counts_without(connection, left_out)
            taken += await trio.to_thread.run_sync(effect, subject, reader, next(events), seen, counts)
            assert not await connection.fetchval(MISCOUNTED)
    report(" ".join(f"{seconds:.2f} s" for seconds in taken))
    return tuple(taken)


async def counts_without(connection: Connection, did: str) -> Counts:
    found = await connection.fetch(BOARDS_WITHOUT, did)
    return {str(row["id"]): (row["topics"], row["replies"]) for row in found}


async def measure(plan: Plan) -> list[Row]:
    with data_directory() as data_dir:
        async with running_subject(data_dir) as subject:
            beginning = list(islice(forum_events(), WARM_UP))
            await warm_up(subject, beginning)
            reader, token = await fill(subject, plan.events)
            events = acts(beginning[-1].at)
            lists = {name: partial(read_list, subject.daemon.url + path, token) for name, path in LISTS.items()}
            loads = [[await trio.to_thread.run_sync(read) for read in lists.values()] for _ in range(plan.rounds)]
            effects = [await one_round(subject, reader, events) for _ in range(plan.rounds)]
    banned, counted, back, counted_again = zip(*effects, strict=True)
    return [
        Row(name="ban to readers", values=banned, unit="s", wanted="< 1"),
        Row(name="ban to all counts", values=counted, unit="s", wanted="< 10"),
        Row(name="end of the ban to readers", values=back, unit="s"),
        Row(name="end of the ban to all counts", values=counted_again, unit="s", wanted="< 10"),
        *(row for name, of_one in zip(LISTS, zip(*loads, strict=True), strict=True) for row in list_rows(name, of_one)),
    ]


def read_list(url: str, token: str) -> Load:
    """One request after the other."""
    return read_often(url, times=READS, readers=1, headers={"Cookie": f"{COOKIE}={token}"})


def list_rows(name: str, loads: tuple[Load, ...]) -> Iterator[Row]:
    for percentile, word in ((50, "median"), (99, "99th percentile")):
        values = [load.milliseconds(percentile) for load in loads]
        yield Row(name=f"{name}, {word}", values=values, unit="ms", wanted="< 50")


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
