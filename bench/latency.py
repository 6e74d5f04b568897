"""Latency: from an event on a quiet stream to its being read through the HTTP API.

A reply is sent, and its topic asked for every few milliseconds on a kept connection until the reply is counted. The
request alone, as the same loop pays for it, is what the latency is compared with.
"""

import json
import statistics
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection
from itertools import islice
from urllib.parse import urlsplit

import trio

from bench.events import AUTHORS, Event, chunks, forum_events, reply, written
from bench.measure import Plan, Row, main, ratios
from bench.stream import Client
from bench.subject import Subject, data_directory, running_subject, warm_up
from forum.records.names import POST
from forum.records.syntax import tid_of

FULL, QUICK = Plan(events=300), Plan(events=40, rounds=3)
WARM_UP = 3 * AUTHORS
QUIET_SECONDS = 0.03  # between two events
POLL_SECONDS = 0.002

ANY_TOPIC = "SELECT p.id, p.uri, p.did FROM topics t JOIN posts p USING (uri) WHERE t.shown LIMIT 1"


class Reader:
    """Asks for one topic, over and over."""

    def __init__(self, url: str, topic_id: int) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc)
        self._path = f"/api/topics/{topic_id}?limit=1"
        self.request_seconds: list[float] = []

    def total(self) -> int:
        """How many replies it has now."""
        began = time.perf_counter()
        self._connection.request("GET", self._path)
        answer = json.load(self._connection.getresponse())
        self.request_seconds.append(time.perf_counter() - began)
        return int(answer["total"])

    def wait_change(self, before: int) -> int:
        while (now := self.total()) == before:
            time.sleep(POLL_SECONDS)
        return now


def replies(did: str, topic_uri: str, at: int) -> Iterator[Event]:
    while True:
        at += 1_000
        yield written(did, at, POST, tid_of(at, 1), reply("Is it there yet?", topic_uri))


def latencies(client: Client, reader: Reader, events: Iterable[Event]) -> list[float]:
    """Seconds from sending to reading, for each event. Blocking."""
    seconds, total = [], reader.total()
    for event in events:
        time.sleep(QUIET_SECONDS)
        began = time.perf_counter()
        client.send(chunks([event]))
        total = reader.wait_change(total)
        seconds.append(time.perf_counter() - began)
    return seconds


async def one_round(subject: Subject, events: Iterator[Event], topic_id: int, count: int) -> tuple[float, float, float]:
    """Median and 99th percentile of the latency, and the median of a request, in milliseconds."""
    reader = Reader(subject.daemon.url, topic_id)
    seconds = await trio.to_thread.run_sync(latencies, subject.client, reader, list(islice(events, count)))
    slowest = sorted(seconds)[min(count - 1, count * 99 // 100)]
    return statistics.median(seconds) * 1e3, slowest * 1e3, statistics.median(reader.request_seconds) * 1e3


async def measure(plan: Plan) -> list[Row]:
    with data_directory() as data_dir:
        async with running_subject(data_dir) as subject:
            beginning = list(islice(forum_events(), WARM_UP))
            await warm_up(subject, beginning)
            async with subject.database.connection() as connection:
                topic = await connection.fetchrow(ANY_TOPIC)
            assert topic is not None
            events = replies(topic["did"], topic["uri"], beginning[-1].at)
            rounds = [await one_round(subject, events, topic["id"], plan.events) for _ in range(plan.rounds)]
    medians, slowest, requests = zip(*rounds, strict=True)
    return [
        Row(name="stream to API, median", values=medians, unit="ms", wanted="≤ 50"),
        Row(name="stream to API, 99th percentile", values=slowest, unit="ms", wanted="≤ 200"),
        Row(name="stream to API ÷ the request alone", values=ratios(medians, requests), unit="×"),
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
