"""Manners towards servers, on a mock clock: spacing, pauses that are asked for, and the end of patience."""

import random
from collections.abc import Mapping
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from actors.hosts import HostGivenUp, HostParked, Hosts, RepoAway, exhausted_seconds, pause_seconds
from actors.web_client import Answer, WebClient
from forum.errors import BadInput, Unavailable

A, B = "https://a.example", "https://b.example"
FINE = Answer(200, b"{}", {})
BROKEN = Answer(503, b"", {})


class Scripted(WebClient):
    """Answers what the test says, the last answer again and again; `asked` are the moments."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, float]] = []

    async def get(self, url: str, *, params: Mapping[str, str] | None = None, max_bytes: int = 0) -> Answer:
        self.asked.append((url.partition("/xrpc/")[0], trio.current_time()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def times(self, origin: str) -> list[float]:
        return [at for asked, at in self.asked if asked == origin]


def limited(**headers: str) -> Answer:
    return Answer(429, b"", {name.replace("_", "-"): value for name, value in headers.items()})


async def ask(hosts: Hosts, origin: str = A) -> object:
    return await hosts.get(origin, "x.y", {})


async def fail(hosts: Hosts, times: int, origin: str = A) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable):
            await ask(hosts, origin)


async def parked_for(hosts: Hosts) -> float:
    with pytest.raises(HostParked) as parked:
        await ask(hosts)
    return parked.value.seconds


async def test_requests_are_spaced(autojump_clock: MockClock) -> None:
    """However many ask at once: one host is asked so often a second, another is not held up by it."""
    random.seed(1)
    client = Scripted(FINE)
    hosts = Hosts(client, per_second=4)
    async with trio.open_nursery() as nursery:
        for number in range(40):
            nursery.start_soon(ask, hosts, B if number % 10 == 0 else A)
    for origin, count in ((A, 36), (B, 4)):
        times = client.times(origin)
        gaps = [after - before for before, after in pairwise(times)]
        assert len(times) == count
        assert all(0.22 < gap < 0.28 for gap in gaps)
    assert len(set(client.times(A))) == 36  # jittered: no two wait alike


async def test_failing_host_is_parked(autojump_clock: MockClock) -> None:
    """Three failures in a row; nothing is asked of it meanwhile, and others are not concerned."""
    client = Scripted(BROKEN, Unavailable("refused"), BROKEN, FINE)
    hosts = Hosts(client, per_second=100)
    await fail(hosts, 3)
    assert list(hosts.parked) == [A]
    seconds = await parked_for(hosts)
    assert len(client.asked) == 3
    await ask(hosts, B)
    await trio.sleep(seconds)
    assert list(hosts.parked) == []
    await ask(hosts)


async def test_failures_between_good_answers_do_not_park(autojump_clock: MockClock) -> None:
    client = Scripted(*[BROKEN, BROKEN, FINE] * 5)
    hosts = Hosts(client, per_second=100)
    for _ in range(5):
        await fail(hosts, 2)
        await ask(hosts)
    assert hosts.parked == ()


async def test_failures_at_once_park_once(autojump_clock: MockClock) -> None:
    """Ten requests under way when the server falls over are one parking, not the end of patience."""

    class Slow(Scripted):
        async def get(self, url: str, *, params: Mapping[str, str] | None = None, max_bytes: int = 0) -> Answer:
            await trio.sleep(5)
            return await super().get(url)

    hosts = Hosts(Slow(*[BROKEN] * 12, FINE), per_second=100)
    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(fail, hosts, 1)
    await trio.sleep(await parked_for(hosts))
    await ask(hosts)


@pytest.mark.parametrize("answer", [BROKEN, limited(retry_after="5"), limited()])
async def test_host_that_never_recovers_is_given_up(autojump_clock: MockClock, answer: Answer) -> None:
    """Failing or refusing again after every pause: then it is no longer waited for."""
    client = Scripted(answer)
    hosts = Hosts(client, per_second=100)
    with pytest.raises(HostGivenUp):  # noqa: PT012 - a pause at a time
        for _ in range(100):
            try:
                await ask(hosts)
            except HostParked as parked:
                await trio.sleep(parked.seconds)
            except HostGivenUp:
                raise
            except Unavailable:
                continue
    assert len(client.asked) <= 12
    asked = len(client.asked)
    await fail(hosts, 2)
    assert len(client.asked) == asked


async def test_pauses_grow(autojump_clock: MockClock) -> None:
    hosts = Hosts(Scripted(BROKEN), per_second=100)
    pauses = []
    for _ in range(3):
        await fail(hosts, 3)
        pauses.append(await parked_for(hosts))
        await trio.sleep(pauses[-1])
    assert pauses[0] * 2 < pauses[1] < pauses[2] / 2


async def test_one_good_answer_is_not_yet_recovery(autojump_clock: MockClock) -> None:
    """Else a server that answers the first question and then asks for a pause would be waited for without end."""
    hosts = Hosts(Scripted(*[FINE, limited(retry_after="600")] * 50), per_second=100)
    with pytest.raises(HostGivenUp):  # noqa: PT012 - a pause at a time
        for _ in range(50):
            await ask(hosts)
            await trio.sleep(await parked_for(hosts))


async def test_long_good_behaviour_is(autojump_clock: MockClock) -> None:
    """A busy server may ask for a pause now and then, for ever."""
    hosts = Hosts(Scripted(*([FINE] * 100 + [limited(retry_after="9")]) * 20, FINE), per_second=100)
    for _ in range(20):
        for _ in range(100):
            await ask(hosts)
        await trio.sleep(await parked_for(hosts))
    await ask(hosts)


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry_after": "7"}, 6, 7),
        ({"ratelimit_reset": "12"}, 11, 12),
        ({"retry_after": "0"}, 0.5, 1),
        ({"retry_after": "-5"}, 0.5, 1),
        ({"retry_after": "99999999"}, 599, 600),
        ({"retry_after": "1e400"}, 599, 600),
        ({"retry_after": "nan"}, 29, 30),
        ({"retry_after": "nan", "ratelimit_reset": "8"}, 7, 8),
        ({"retry_after": "Wed, 21 Oct 2065 07:28:00 GMT"}, 29, 30),
        ({}, 29, 30),
    ],
)
async def test_pause_that_is_asked_for(
    autojump_clock: MockClock, headers: dict[str, str], low: float, high: float
) -> None:
    """It is kept, within reason."""
    client = Scripted(limited(**headers), FINE)
    hosts = Hosts(client, per_second=100)
    seconds = await parked_for(hosts)
    assert low < seconds <= high
    assert hosts.parked == (A,)
    await trio.sleep(seconds)
    await ask(hosts)


def test_reset_as_a_moment() -> None:
    """On some servers RateLimit-Reset is a moment, on others it is seconds."""
    assert pause_seconds({"ratelimit-reset": "1700000030"}, 1_700_000_000) == 30
    assert exhausted_seconds({"ratelimit-remaining": "0", "ratelimit-reset": "1700000030"}, 1_700_000_000) == 30
    assert exhausted_seconds({"ratelimit-remaining": "1", "ratelimit-reset": "1700000030"}, 1_700_000_000) == 0


async def test_last_answer_of_a_window(autojump_clock: MockClock) -> None:
    """It is a good answer, but the next question waits; whoever wants to ask is told so rather than held."""
    spent = Answer(200, b"{}", {"ratelimit-remaining": "0", "ratelimit-reset": "40"})
    client = Scripted(spent, FINE)
    hosts = Hosts(client, per_second=100)
    assert await ask(hosts) == {}
    assert hosts.parked == (A,)
    assert 39 < await parked_for(hosts) <= 40
    await trio.sleep(40)
    await ask(hosts)


async def test_who_queues_while_the_host_is_parked_does_not_ask(autojump_clock: MockClock) -> None:
    """Ten wait for their turn when the first is told to stay away: nine never knock."""
    client = Scripted(limited(retry_after="60"))
    hosts = Hosts(client, per_second=1)
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(fail, hosts, 1)
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(400, b'{"error": "RepoDeactivated"}', {}), RepoAway),
        (Answer(404, b'{"error": "RepoNotFound"}', {}), RepoAway),
        (Answer(400, b'{"error": "InvalidRequest"}', {}), BadInput),
        (Answer(400, b'{"error": 7}', {}), BadInput),
        (Answer(400, b"[]", {}), BadInput),
        (Answer(404, b"<html>", {}), BadInput),
        (Answer(301, b"", {"location": "https://elsewhere.example/"}), BadInput),
        (Answer(200, b"[" * 100_000, {}), BadInput),
        (Answer(200, b"", {}), BadInput),
    ],
)
async def test_answers(autojump_clock: MockClock, answer: Answer, error: type[Exception]) -> None:
    """A server that answers nonsense answers: it is not parked for it."""
    hosts = Hosts(Scripted(answer), per_second=100)
    for _ in range(5):
        with pytest.raises(error):
            await ask(hosts)
    assert hosts.parked == ()
