"""Pages: what readers of a forum of 10,000 topics with 20 replies each are answered a second, and how soon.

Fifty readers of one topic whose page is kept, against fifty who are told hello by the least an app can be, on the same
server. Then, with two processes: the same readers; a member, for whom each page is made; and, one after the other, the
pages that many rows stand behind.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import islice

import httpx
import trio

from bench.events import AUTHORS, forum_events
from bench.load import Load, read_often
from bench.measure import Plan, Row, main, ratios
from bench.subject import POLL_SECONDS, Subject, data_directory, running_subject, warm_up
from forum import sessions
from forum.records.syntax import parse_at_uri
from web.signed_in import COOKIE

FULL, QUICK = Plan(events=4_000), Plan(events=400, rounds=3)
WARM_UP = 3 * AUTHORS
REPLIES = 20
READERS = 50
PROCESSES = 2
TOPICS_A_REQUEST, LONG = 2.5, 5  # 10,000 topics, and 50,000 replies to one of them, of a full round of 4,000 requests
PAGE_SIZE = 25
PACKED = {"Accept-Encoding": "gzip", "Accept-Language": "en"}

FILL = """
WITH authors AS (SELECT array_agg(did) AS dids FROM accounts), one AS (SELECT uri FROM boards ORDER BY uri LIMIT 1)
INSERT INTO posts (uri, did, rkey, cid, board_uri, root_uri, parent_uri, title, text, created_at, sorted_at, shown)
SELECT 'at://' || did || '/space.atbb.post/' || rkey, did, rkey, 'cid', CASE WHEN root IS NULL THEN one.uri END, root,
       root, CASE WHEN root IS NULL THEN 'Beans or peas?' END,
       repeat('We had rain all week, and the seeds by the river wall are up. What do you think? ', 3), at, at, true
  FROM one, authors, LATERAL (
       SELECT dids[1 + n % cardinality(dids)] AS did, lpad(($3::bigint + n)::text, 13, '2') AS rkey, n,
              timestamptz '2025-07-01' + n * interval '1 second' AS at,
              CASE WHEN $4::text IS NOT NULL THEN $4
                   WHEN $3 > 0 THEN 'at://' || dids[1 + n % $2 % cardinality(dids)] || '/space.atbb.post/'
                                    || lpad((n % $2)::text, 13, '2') END AS root
         FROM generate_series(0, $1::bigint - 1) AS n) AS made
"""
TOPIC = "SELECT uri FROM posts WHERE root_uri IS NULL AND rkey = lpad($1, 13, '2')"
ANY_BOARD = "SELECT uri FROM boards ORDER BY uri LIMIT 1"
SETTLE = ("ANALYZE", "SELECT pg_notify('atbb_changes', 'all')")


async def fill(subject: Subject, topics: int) -> tuple[str, str, str, str]:
    """The paths of a topic, of one with very many replies, and of their board; a member's session."""
    async with subject.database.transaction() as tx:
        await tx.execute(FILL, topics, topics, 0, None)
        await tx.execute(FILL, topics * REPLIES, topics, topics, None)
        uris = [await tx.fetchval(TOPIC, "1"), await tx.fetchval(TOPIC, "2"), await tx.fetchval(ANY_BOARD)]
        await tx.execute(FILL, topics * LONG, topics, 10_000_000, uris[1])
        topic, long, board = map(parse_at_uri, uris)
        token = await sessions.create(tx, topic.did_or_handle, timedelta(days=1))
    async with subject.database.connection() as connection:
        for statement in SETTLE:
            await connection.execute(statement)
    one, other = (f"/t/{place.did_or_handle}/{place.rkey}" for place in (topic, long))
    return one, other, f"/b/{board.rkey}", token


@contextmanager
def saying_hello() -> Iterator[str]:
    """Its address."""
    command = [sys.executable, "-m", "bench.hello"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate()


async def measure(plan: Plan) -> list[Row]:
    topics = int(plan.events * TOPICS_A_REQUEST)
    last = -(-(topics * LONG + REPLIES + 1) // PAGE_SIZE)
    with data_directory() as data_dir, saying_hello() as hello:
        async with running_subject(data_dir) as subject:
            await warm_up(subject, list(islice(forum_events(), WARM_UP)))
            topic, long, board, token = await fill(subject, topics)
            signed_in = {"Cookie": f"{COOKIE}={token}"}
            alone = await rounds(
                plan, many(subject.daemon.url + topic, plan.events, PACKED), many(hello, plan.events, PACKED)
            )
        async with running_subject(data_dir, processes=PROCESSES) as subject:
            url = subject.daemon.url
            await wait_for_all(url)
            together = await rounds(
                plan,
                many(f"{url}{topic}", plan.events, PACKED),
                many(f"{url}{topic}", max(plan.events // 10, READERS), signed_in),
                *(few(f"{url}{path}", signed_in) for path in (board, long, f"{long}?page={last}")),
            )
    return rows(alone, together)


async def wait_for_all(url: str) -> None:
    """Until every process has told that it is there."""
    async with httpx.AsyncClient(trust_env=False) as client:
        while f'"process":{PROCESSES}' not in (await client.get(f"{url}/api/health")).text:  # noqa: ASYNC110
            await trio.sleep(POLL_SECONDS)


Read = Callable[[], Load]


def many(url: str, times: int, headers: dict[str, str]) -> Read:
    return partial(read_often, url, times=times, readers=READERS, headers=headers)


def few(url: str, headers: dict[str, str]) -> Read:
    """One after the other; by a member, for whom nothing is kept."""
    return partial(read_often, url, times=10, readers=1, headers=headers)


async def rounds(plan: Plan, *reads: Read) -> list[list[Load]]:
    """Of each read, what came of it in each round."""
    taken = [[await trio.to_thread.run_sync(read) for read in reads] for _ in range(plan.rounds)]
    return [list(of_one) for of_one in zip(*taken, strict=True)]


def rows(alone: list[list[Load]], together: list[list[Load]]) -> list[Row]:
    kept, made, board, first, last = together
    rates = [[load.a_second for load in of_one] for of_one in (*alone, kept, made)]
    slowest = [load.milliseconds(99) for load in kept]
    two = f"{PROCESSES} processes"
    return [
        Row(name="topic page, kept", values=rates[0], unit="requests/s"),
        Row(name="hello", values=rates[1], unit="requests/s"),
        Row(name="hello ÷ topic page, kept", values=ratios(rates[1], rates[0]), unit="×", wanted="≤ 1.3"),
        Row(name=f"topic page, kept, {two}", values=rates[2], unit="requests/s", wanted="≥ 1,000"),
        Row(name=f"the same, 99th percentile of {READERS} readers", values=slowest, unit="ms", wanted="< 60"),
        Row(name=f"topic page, signed in, {two}", values=rates[3], unit="requests/s", wanted="≥ 250"),
        *(
            Row(name=f"{name}, made", values=[load.milliseconds(50) for load in of_one], unit="ms", wanted="< 50")
            for name, of_one in (("board", board), ("first page of a long topic", first), ("its last page", last))
        ),
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
