"""Memory: the daemon's resident size over millions of record events, and while the database holds it up.

The events write a bounded forum again and again, each time at a higher rev: every one is checked, takes effect and is
committed, and the disk does not fill. The database is held up by its own lock, taken in another session.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import trio

from bench.events import AUTHORS, EVENT_MICROSECONDS, Event, again, forum_events
from bench.measure import Plan, Row, main
from bench.subject import Subject, data_directory, running_subject, warm_up
from forum import ledger

FULL, QUICK = Plan(events=5_000_000, rounds=1), Plan(events=200_000, rounds=1)
FORUM_EVENTS = 50_000
SAMPLE_SECONDS = 0.5
STILL_SECONDS = 3.0  # without a byte taken: the sender is held up
HELD_EVENTS = 40_000  # some 25 MB, if they were taken: a few times what sockets and inbox hold


@dataclass(frozen=True, slots=True)
class Sample:
    """How large the daemon was when it had committed this share of the events."""

    share: float
    megabytes: float


async def watched(subject: Subject, events: Iterator[Event], count: int) -> list[Sample]:
    """Send so many events; samples until all are committed."""
    began = await subject.cursor()
    samples = [Sample(0.0, subject.rss_megabytes)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(subject.send, islice(events, count))
        while samples[-1].share < 1:
            await trio.sleep(SAMPLE_SECONDS)
            done = (await subject.cursor() - began) / (count * EVENT_MICROSECONDS)
            samples.append(Sample(done, subject.rss_megabytes))
    return samples


async def held_up(subject: Subject, events: Iterator[Event]) -> tuple[float, float]:
    """What the daemon takes from the stream, and what it grows by, in MB, while it may not write."""
    before, taken_before = subject.rss_megabytes, subject.client.sent_bytes
    async with trio.open_nursery() as nursery, subject.database.transaction() as tx:
        await ledger.take_lock(tx)
        nursery.start_soon(subject.send, islice(events, HELD_EVENTS))
        await wait_still(subject)
        taken = (subject.client.sent_bytes - taken_before) / 1e6
        grown = subject.rss_megabytes - before
    return taken, grown


async def wait_still(subject: Subject) -> None:
    """Return when the sender has been held up for a while."""
    sent = 0
    while subject.client.sent_bytes > sent:
        sent = subject.client.sent_bytes
        await trio.sleep(STILL_SECONDS)


async def measure(plan: Plan) -> list[Row]:
    with data_directory() as data_dir:
        async with running_subject(data_dir) as subject:
            beginning = list(islice(forum_events(), max(min(FORUM_EVENTS, plan.events // 4), 2 * AUTHORS)))
            await warm_up(subject, beginning)
            rewritten = again(beginning)
            samples = await watched(subject, rewritten, plan.events)
            taken, grown = await held_up(subject, rewritten)
    sizes = [sample.megabytes for sample in samples]
    settled = [sample.megabytes for sample in samples if sample.share >= 0.1]
    return [
        Row(name=f"resident size over {plan.events:,} record events", values=sizes, unit="MB", wanted="< 200"),
        Row(name="at the end ÷ after a tenth", values=[settled[-1] / settled[0]], unit="×"),
        Row(name="highest − lowest after a tenth", values=[max(settled) - min(settled)], unit="MB", wanted="≤ 20"),
        Row(name="taken from the stream while the database is held up", values=[taken], unit="MB"),
        Row(name="growth meanwhile", values=[grown], unit="MB", wanted="≤ 10"),
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
