"""The kept pages: what is answered from them, for whom, until when, and that nothing in them is anybody's."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from forum.changes import Changes
from tests.web.forum_rows import client_of
from web.kept_pages import OVERHEAD, KeptPages, Key, finished
from web.looks import Offer, built_in
from web.page_cache import PageCache, cache_pages
from web.pages.choices import look_from
from web.pages.shown import EVERYTHING, SHOWN

TOPIC, BOARD, ANN = "at://did:plc:ann/topic", "at://did:plc:forum/board", "did:plc:ann"
PATH = "/t/ann.test/1"


@dataclass
class App:
    """Answers with how often it was asked, and shows what it is told to; waits before it does, if it is to."""

    shows: tuple[str, ...] = (TOPIC, ANN)
    status: int = 200
    text: str = "page"
    asked: list[dict[str, Any]] = field(default_factory=list)
    may_go_on: trio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope)
        text = f"{self.text} {len(self.asked)}".encode()
        scope.get(SHOWN, set()).update(self.shows)
        if self.may_go_on is not None:
            await self.may_go_on.wait()
        headers = [(b"Content-Type", b"text/html"), (b"Content-Length", b"99"), (b"Vary", b"Cookie")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": text[:3], "more_body": True})
        await send({"type": "http.response.body", "body": text[3:], "more_body": False})


@dataclass
class Forum:
    """`offer` is what visitors choose their looks among; None: nobody knows."""

    app: App
    cache: PageCache
    client: httpx.AsyncClient
    offer: Offer | None = field(default_factory=built_in)

    async def read(self, path: str = PATH, **headers: str) -> str:
        return (await self.client.get(path, headers=headers)).text


@pytest.fixture
async def forum() -> AsyncIterator[Forum]:
    app, cache = App(), PageCache()

    async def offered() -> Offer | None:
        return forum.offer

    async with client_of(cache_pages(cast(Any, app), cache, offered)) as client:
        del client.headers["accept-encoding"]
        forum = Forum(app, cache, client)
        yield forum


@asynccontextmanager
async def being_made(forum: Forum) -> AsyncIterator[trio.Nursery]:
    """While a page is on its way; it arrives at the end of the block."""
    forum.app.may_go_on = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(forum.read)
        await wait_all_tasks_blocked()
        yield nursery
        forum.app.may_go_on.set()


# What is answered -----------------------------------------------------------------------------------------------------


async def test_once_for_all(forum: Forum) -> None:
    first, second = await forum.client.get(PATH), await forum.client.get(PATH)
    assert (first.text, second.text, len(forum.app.asked)) == ("page 1", "page 1", 1)
    assert first.headers == second.headers
    assert first.headers["content-length"] == "6"
    assert first.headers["vary"] == "Cookie, Accept-Encoding"
    assert first.headers["content-type"] == "text/html"


async def test_packed(forum: Forum) -> None:
    """For who takes it so, and under a name of its own."""
    plain = await forum.client.get(PATH)
    packed = await forum.client.get(PATH, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    refused = await forum.client.get(PATH, headers={"Accept-Encoding": "gzip;q=0"})
    assert (packed.headers["content-encoding"], packed.text) == ("gzip", plain.text)
    assert "content-encoding" not in refused.headers
    assert plain.headers["etag"] == refused.headers["etag"] != packed.headers["etag"]
    assert not packed.headers["etag"].startswith("W/")


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
async def test_known_already(forum: Forum, known: str) -> None:
    """Told so without the page, packed or not."""
    for encoding in ("", "gzip"):
        page = await forum.client.get(PATH, headers={"Accept-Encoding": encoding})
        headers = {"Accept-Encoding": encoding, "If-None-Match": known.format(page.headers["etag"])}
        again = await forum.client.get(PATH, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["etag"], again.headers["vary"]) == (page.headers["etag"], page.headers["vary"])
        assert "content-length" not in again.headers
        assert "content-encoding" not in again.headers


async def test_known_otherwise(forum: Forum) -> None:
    assert (await forum.client.get(PATH, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_head(forum: Forum) -> None:
    """Is told what the page is, whether or not it was there."""
    first = await forum.client.head(PATH)
    assert (first.content, first.headers) == (b"", (await forum.client.get(PATH)).headers)
    assert len(forum.app.asked) == 1


# Which pages, and whose -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/api/forum", "/healthz", "/static/style.css", "/sign-in", "/settings", "/robots.txt",
        f"{PATH}?before=1", f"{PATH}?page=0", f"{PATH}?page=1&x=1", f"{PATH}?page=1&", f"{PATH}?sort=other",
        f"{PATH}?page=1234567890",
    ],
)  # fmt: skip
async def test_what_is_never_kept(forum: Forum, path: str) -> None:
    assert [await forum.read(path), await forum.read(path)] == ["page 1", "page 2"]
    assert dict(forum.app.asked[0]["headers"])[b"host"] == b"forum.test"
    assert SHOWN not in forum.app.asked[0]


@pytest.mark.parametrize(
    "path", ["/", "/about", "/feed.atom", "/@ann.test", "/b/1/name", f"{PATH}?page=2&sort=created"]
)
async def test_what_is_kept(forum: Forum, path: str) -> None:
    assert [await forum.read(path), await forum.read(path)] == ["page 1", "page 1"]


async def test_no_note_or_no_page(forum: Forum) -> None:
    """What does not say what it shows is not kept, nor is what is no page: a redirection, an error."""
    for shows, status in (((), 200), ((TOPIC,), 302), ((TOPIC,), 404), ((TOPIC,), 500)):
        forum.app.shows, forum.app.status = shows, status
        assert await forum.read() != await forum.read()
    assert (len(forum.app.asked), len(forum.cache.kept)) == (8, 0)


async def test_other_methods(forum: Forum) -> None:
    await forum.read()
    assert (await forum.client.post(PATH, content=b"x")).text == "page 2"


@pytest.mark.parametrize("cookie", ["atbb_session=x", "a=b; atbb_session=", "a=b;atbb_session =x"])
async def test_who_is_signed_in(forum: Forum, cookie: str) -> None:
    """Neither gets what is kept nor leaves anything there, and the app sees all that they sent."""
    await forum.read()
    assert [await forum.read(Cookie=cookie), await forum.read(Cookie=cookie)] == ["page 2", "page 3"]
    assert await forum.read() == "page 1"
    assert dict(forum.app.asked[1]["headers"])[b"cookie"] == cookie.encode()


async def test_cookies_that_come_apart(forum: Forum) -> None:
    """As HTTP/2 sends them."""
    await forum.read()
    headers = [("Cookie", "atbb_session=x"), ("Cookie", "theme=dark")]
    assert (await forum.client.get(PATH, headers=headers)).text == "page 2"


async def test_made_for_nobody(forum: Forum) -> None:
    """The app sees no more of the request than what the page is kept by."""
    await forum.client.get(
        PATH,
        headers={
            "Accept-Language": "de-AT,en;q=0.5",
            "Authorization": "Bearer secret",
            "Cookie": "strange=secret; atbb_look=dark..plum-dark",
            "Referer": "https://secret.example",
            "User-Agent": "secret",
            "X-Forwarded-For": "192.0.2.1",
        },
    )
    [scope] = forum.app.asked
    assert scope["client"] is None
    assert dict(scope["headers"]) == {
        b"host": b"forum.test",
        b"accept": b"*/*",
        b"accept-language": b"de",
        b"cookie": b"atbb_look=dark.paper-light.plum-dark",
    }


async def test_one_for_each(forum: Forum) -> None:
    """Language, looks, host and page are told apart; how one asks for them is not, and strange cookies do not count."""
    pages = [
        {},
        {"Accept-Language": "de"},
        {"Cookie": "atbb_look=dark..plum-dark"},
        {"Host": "elsewhere.example"},
    ]
    texts = [await forum.read(PATH, **headers) for headers in pages]
    assert texts == [f"page {number}" for number in range(1, 5)]
    assert await forum.read(f"{PATH}?page=2") == "page 5"
    alike = [
        {"Cookie": "visits=7"},
        {"Cookie": "atbb_look=none.such.theme"},
        {"Cookie": "atbb_look=system.paper-light.paper-dark"},
        {"Cookie": "atbb_look=system.plum-dark.plum-light"},
        {"Accept-Language": "xx"},
        {"Cookie": "atbb_language=en", "Accept-Language": "de"},
    ]
    assert {await forum.read(PATH, **headers) for headers in alike} == {"page 1"}
    assert await forum.read(PATH, Cookie="atbb_language=de") == "page 2"


async def test_while_nobody_knows_how_pages_look(forum: Forum) -> None:
    """Nothing is kept, and what is kept already is not given: whose looks those are, nobody can tell."""
    await forum.read()
    forum.offer = None
    assert [await forum.read(), await forum.read()] == ["page 2", "page 3"]
    assert SHOWN not in forum.app.asked[1]


# Until when -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "is_dropped"),
    [
        (Changes(uris=frozenset({TOPIC})), True),
        (Changes(dids=frozenset({ANN})), True),
        (Changes(all=True), True),
        (Changes(uris=frozenset({BOARD}), dids=frozenset({"did:plc:bob"})), False),
        (Changes(jobs=True, ends=True), False),
    ],
)
async def test_changes(forum: Forum, changes: Changes, is_dropped: bool) -> None:
    """Only what shows it is made anew."""
    await forum.read()
    forum.cache.drop(changes)
    assert await forum.read() == ("page 2" if is_dropped else "page 1")


async def test_what_shows_everything(forum: Forum) -> None:
    """Changes with whatever changes."""
    forum.app.shows = (EVERYTHING,)
    await forum.read()
    forum.cache.drop(Changes(jobs=True))
    assert await forum.read() == "page 1"
    forum.cache.drop(Changes(dids=frozenset({ANN})))
    assert await forum.read() == "page 2"


# At the same time -----------------------------------------------------------------------------------------------------


async def test_a_hundred_at_once(forum: Forum) -> None:
    """Cost one rendering."""
    texts: list[str] = []

    async def read() -> None:
        texts.append(await forum.read())

    async with being_made(forum) as nursery:
        for _ in range(100):
            nursery.start_soon(read)
        await wait_all_tasks_blocked()
    assert (len(forum.app.asked), texts) == (1, ["page 1"] * 100)


async def test_a_change_while_it_is_made(forum: Forum) -> None:
    """What began before is given to who asked before, never to who asks after, and never kept."""
    texts: list[str] = []

    async def read() -> None:
        texts.append(await forum.read())

    async with being_made(forum) as nursery:
        forum.cache.drop(Changes(uris=frozenset({TOPIC})))
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
    assert texts == ["page 2"]
    assert await forum.read() == "page 2"


async def test_what_is_not_to_be_kept(forum: Forum) -> None:
    """Is told to each by itself, at the same time."""
    forum.app.status = 404
    async with being_made(forum) as nursery:
        for _ in range(3):
            nursery.start_soon(forum.read)
        await wait_all_tasks_blocked()
        assert len(forum.app.asked) == 1
    assert len(forum.app.asked) == 4
    assert not forum.cache.making


async def test_who_had_it_made_leaves(forum: Forum) -> None:
    """Another has it made for all who wait."""
    texts: list[str] = []

    async def read() -> None:
        texts.append(await forum.read())

    forum.app.may_go_on = trio.Event()
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as first:
            first.start_soon(forum.read)
            await wait_all_tasks_blocked()
            nursery.start_soon(read)
            nursery.start_soon(read)
            await wait_all_tasks_blocked()
            first.cancel_scope.cancel()
        await wait_all_tasks_blocked()
        forum.app.may_go_on.set()
    assert texts == ["page 2", "page 2"]


async def test_an_app_that_fails(forum: Forum) -> None:
    """Leaves nothing behind that others would wait for."""

    class Broken(Exception):
        pass

    async def broken(*_: object) -> None:
        raise Broken

    async def offered() -> Offer:
        return built_in()

    cache = PageCache()
    async with client_of(cache_pages(cast(Any, broken), cache, offered)) as client:
        for _ in range(2):
            with pytest.raises(Broken):
                await client.get(PATH)
    assert not cache.making


# How much -------------------------------------------------------------------------------------------------------------


def key(path: str) -> Key:
    return Key(scheme="http", host=b"", path=path, query=b"", language="en", look=look_from("", built_in()))


def page(size: int, *shown: str) -> Any:
    return finished([], b"x" * size, shown)


def test_the_oldest_go() -> None:
    """Of too many, those that nobody asked for the longest."""
    one = page(1_000, TOPIC)
    kept = KeptPages(most_bytes=2 * one.size)
    kept.keep(key("/1"), one)
    kept.keep(key("/2"), one)
    assert kept.find(key("/1"))
    kept.keep(key("/3"), one)
    assert [bool(kept.find(key(path))) for path in ("/1", "/2", "/3")] == [True, False, True]
    kept.keep(key("/4"), page(3 * one.size))
    assert (len(kept), kept.size) == (0, 0)


def test_what_is_packed_can_be_unpacked() -> None:
    one = page(100)
    assert gzip.decompress(one.packed.body) == one.plain.body
    assert one.size > 100 + OVERHEAD


steps = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.integers(0, 9), st.sets(st.sampled_from("abcd"), min_size=1)),
        st.tuples(st.just("drop"), st.sampled_from("abcd")),
        st.tuples(st.just("find"), st.integers(0, 9)),
    )
)


@given(steps)
def test_nothing_is_left_behind(steps: list[Any]) -> None:
    """Whatever is kept and dropped, a page is there only while nothing it shows has changed, and the size is theirs."""
    kept, expected = KeptPages(most_bytes=4 * OVERHEAD), dict[int, set[str]]()
    for step in steps:
        match step:
            case "keep", number, shown:
                kept.keep(key(str(number)), page(1, *shown))
                expected[number] = shown
            case "drop", subject:
                kept.drop(Changes(uris=frozenset(subject)))
                expected = {number: shown for number, shown in expected.items() if subject not in shown}
            case "find", number:
                found = kept.find(key(str(number)))
                assert found is None or found.shown == expected[number]
        assert kept.size <= 4 * OVERHEAD
    kept.drop(Changes(all=True))
    assert (kept.size, len(kept), kept._showing, kept._pages) == (0, 0, {}, {})
