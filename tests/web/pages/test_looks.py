"""What pages are dressed in: by the policy and what readers choose, whoever wrote it, whatever becomes of it."""

import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.health import Board, Pulse
from actors.notifier import run_notifier
from daemon.pool import Pool
from forum import changes, ledger
from forum.changes import Changes
from forum.database import Connection, Database, DatabaseAway
from forum.presets import PRESETS, TOKENS
from forum.protocol.events import RecordOp
from forum.reads import themes
from forum.records.names import THEME, THEME_POLICY
from tests.support.forum import F, Index, gone, policy, put, theme, tid, uri
from tests.web.forum_rows import SITE, AwayDatabase, client_of
from tests.web.pages.conftest import HTML
from tests.web.pages.parsed import Parsed, parsed
from web.app import make_app
from web.looks import Looks, offer_of
from web.page_cache import PageCache
from web.pages.assets import assets
from web.pages.choices import LOOK_COOKIE, look_from
from web.pages.swatches import SHAPES, swatch_of

LIGHT, DARK = "screen and (prefers-color-scheme: light)", "screen and (prefers-color-scheme: dark)"
BUILT_IN = {"paper-light": LIGHT, "paper-dark": DARK}
DAWN, DUSK, NOON, NIGHT = 1, 2, 3, 4
FOUR = (
    put(F, DAWN, 1, theme("Dawn", "light", paper="#fed"), collection=THEME),
    put(F, DUSK, 2, theme("Dusk", "dark", paper="#112233"), collection=THEME),
    put(F, NOON, 3, theme("Noon", "light"), collection=THEME),
    put(F, NIGHT, 4, theme("Night", "dark"), collection=THEME),
)

Record = dict[str, Any]


@dataclass(frozen=True)
class Forum:
    """One whose looks are remembered, and told of changes as by the notifier."""

    index: Index
    looks: Looks
    browser: httpx.AsyncClient

    async def apply(self, *ops: RecordOp) -> None:
        self.looks.drop(changes.load(changes.dump((await self.index.apply(*ops)).changes)))

    async def settle(self, rev: int, record: Record) -> None:
        await self.apply(put(F, "self", rev, record, collection=THEME_POLICY))

    async def page(self, path: str = "/about", look: str = "") -> Parsed:
        response = await self.browser.get(path, headers={"Cookie": f"{LOOK_COOKIE}={look}"})
        assert response.status_code == 200, response.text
        return parsed(response.text)

    async def dressed(self, look: str = "") -> dict[str, str]:
        """The themes of a page, by key, and when it is in them."""
        return {path[7:].partition(".")[0]: media for path, media in sheets(await self.page(look=look)).items()}

    async def sheet(self, number: int) -> httpx.Response:
        """A theme's, at the address that a page gives."""
        [path] = [path for path in sheets(await self.page()) if tid(number) in path]
        return await self.browser.get(path)


def sheets(page: Parsed) -> dict[str, str]:
    links = [one.attributes for one in page.all("link", rel="stylesheet")]
    return {link["href"]: link["media"] for link in links if link["href"].startswith("/theme/")}


def keyed(*pairs: tuple[int, str]) -> dict[str, str]:
    return {tid(number): media for number, media in pairs}


@pytest.fixture
async def forum(database: Pool) -> AsyncIterator[Forum]:
    looks = Looks(database, F)
    async with client_of(make_app(database, Board(), SITE, looks=looks)) as browser:
        browser.headers.update(HTML)
        forum = Forum(Index(database), looks, browser)
        await forum.apply(*FOUR)
        yield forum


async def test_defaults(forum: Forum) -> None:
    """By the browser's preference; before there is a policy, in what is built in, whatever else there is."""
    assert await forum.dressed() == BUILT_IN
    await forum.settle(9, policy(DAWN, DUSK))
    assert await forum.dressed() == keyed((DAWN, LIGHT), (DUSK, DARK))
    page = await forum.page()
    assert page.one("meta", name="color-scheme").attributes["content"] == "light dark"
    assert list(sheets(page)) == [one.attributes["href"] for one in page.all("link", rel="stylesheet")[-2:]]


async def test_one_for_both(forum: Forum) -> None:
    """A forum that is always dark: one sheet, and nothing to choose where nothing would come of it."""
    await forum.settle(9, policy(DUSK, DUSK))
    assert await forum.dressed() == keyed((DUSK, "screen"))
    page = await forum.page("/settings")
    assert page.one("meta", name="color-scheme").attributes["content"] == "dark"
    assert {one.attributes["name"] for one in page.all("input", type="radio")} == set()


async def test_choices(forum: Forum) -> None:
    """Among what is offered, for light and for dark each; what is not is as if nothing had been chosen."""
    await forum.settle(9, policy(DAWN, DUSK, NOON))
    page = await forum.page("/settings")
    assert [one.attributes["value"] for one in page.all("input", name="light")] == [tid(DAWN), tid(NOON)]
    assert page.all("input", name="dark") == []
    assert [one.text.strip() for one in page.all("label", class_="choice")[-2:]] == ["Dawn", "Noon"]
    assert await forum.dressed(f"system.{tid(NOON)}.{tid(NIGHT)}") == keyed((NOON, LIGHT), (DUSK, DARK))
    assert await forum.dressed(f"light.{tid(NOON)}.") == keyed((NOON, "screen"))
    assert await forum.dressed(f"dark.{tid(NOON)}.{tid(NOON)}") == keyed((DUSK, "screen"))
    assert await forum.dressed("light.plum-light.plum-dark") == keyed((DAWN, "screen"))
    await forum.settle(10, policy(DAWN, DUSK))
    assert await forum.dressed(f"system.{tid(NOON)}.") == keyed((DAWN, LIGHT), (DUSK, DARK))


async def test_choosing(forum: Forum) -> None:
    """By the form. Who stays with a default goes along when that changes; who chose keeps it, while it is offered."""
    await forum.settle(9, policy(DAWN, DUSK, NOON, NIGHT))
    await forum.browser.post("/settings", data={"scheme": "system", "light": tid(NOON), "dark": tid(DUSK)})
    cookie = forum.browser.cookies[LOOK_COOKIE].strip('"')
    assert await forum.dressed(cookie) == keyed((NOON, LIGHT), (DUSK, DARK))
    await forum.settle(10, policy(DAWN, NIGHT, NOON, DUSK))
    assert await forum.dressed(cookie) == keyed((NOON, LIGHT), (NIGHT, DARK))
    await forum.settle(11, policy(DAWN, NIGHT))
    assert await forum.dressed(cookie) == keyed((DAWN, LIGHT), (NIGHT, DARK))


async def test_no_choice(forum: Forum) -> None:
    """Where the policy gives none, only light or dark is left, which is the reader's own affair."""
    await forum.settle(9, policy(DAWN, DUSK, NOON, NIGHT, allows_choice=False))
    page = await forum.page("/settings")
    assert {one.attributes["name"] for one in page.all("input", type="radio")} == {"scheme"}
    assert await forum.dressed(f"system.{tid(NOON)}.{tid(NIGHT)}") == keyed((DAWN, LIGHT), (DUSK, DARK))
    assert await forum.dressed(f"dark..{tid(NIGHT)}") == keyed((DUSK, "screen"))
    await forum.browser.post("/settings", data={"scheme": "system", "light": tid(NOON)})
    assert LOOK_COOKIE not in forum.browser.cookies


async def test_what_becomes_of_it(forum: Forum) -> None:
    """A default that is deleted behind our back, a pinned one that is changed, a policy that goes: what is built in."""
    record = policy(DAWN, DUSK)
    record["defaultDarkTheme"] = {**record["defaultDarkTheme"], "cid": FOUR[1].cid}
    await forum.settle(9, record)
    assert await forum.dressed() == keyed((DAWN, LIGHT), (DUSK, DARK))
    await forum.apply(put(F, DUSK, 10, theme("Dusk", "dark", paper="#000"), collection=THEME))
    assert await forum.dressed() == keyed((DAWN, LIGHT)) | {"paper-dark": DARK}
    await forum.apply(gone(F, DAWN, 11, collection=THEME))
    assert await forum.dressed() == BUILT_IN
    await forum.settle(12, policy(NOON, NIGHT))
    assert await forum.dressed() == keyed((NOON, LIGHT), (NIGHT, DARK))
    await forum.apply(RecordOp(did=F, collection=THEME_POLICY, rkey="self", rev=tid(13)))
    assert await forum.dressed() == BUILT_IN


async def test_others_policies_do_not_count(forum: Forum) -> None:
    op = put("did:plc:ann", "self", 9, policy(DAWN, DUSK), collection=THEME_POLICY)
    await forum.apply(op)
    assert await forum.dressed() == BUILT_IN


async def test_a_sheet(forum: Forum) -> None:
    """What the theme says over what is built in, kept for ever under a name that says what is in it."""
    await forum.settle(9, policy(DAWN, DUSK))
    response = await forum.sheet(DAWN)
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "--paper: #fed;" in response.text
    assert f"--ink: {PRESETS['paper-light'].tokens['ink']};" in response.text
    assert all(response.text.count(f"--{token}: ") == 1 for token in TOKENS)
    async with forum.browser.stream("GET", response.url, headers={"Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(b"".join([part async for part in packed.aiter_raw()])) == response.content


async def test_a_hostile_sheet(forum: Forum) -> None:
    """Written past us: what is not sound is in no sheet."""
    hostile = theme("Trap", "light", paper="url(//x.test)", ink="red;}@import 'x'", card="#111") | {
        "cssOverrides": "@import url(//x.test);",
        "fontUrls": ["https://fonts.test/a.css"],
    }
    await forum.apply(put(F, DAWN, 8, hostile, collection=THEME))
    await forum.settle(9, policy(DAWN, DUSK, NOON))
    css = (await forum.sheet(DAWN)).text
    assert "--card: #111" in css
    assert not {word for word in ("url", "import", "x.test", "fonts.test") if word in css}
    fills = [one.attributes["fill"] for one in (await forum.page("/settings")).all("path")]
    assert all(re.fullmatch("#[0-9a-f]{6}", fill) for fill in fills)


async def test_an_older_address(forum: Forum) -> None:
    """From a page that was made before: the sheet as it is by now, not to be kept under that name; or none at all."""
    await forum.settle(9, policy(DAWN, DUSK))
    older = await forum.sheet(DAWN)
    await forum.apply(put(F, DAWN, 10, theme("Dawn", "light", paper="#abc"), collection=THEME))
    newer = await forum.sheet(DAWN)
    response = await forum.browser.get(older.url)
    assert newer.url != older.url
    assert (response.text, response.headers["cache-control"]) == (newer.text, "no-store")
    await forum.apply(gone(F, DAWN, 11, collection=THEME))
    assert (await forum.browser.get(older.url)).status_code == 404


async def test_a_sheet_this_process_has_not_heard_of(forum: Forum) -> None:
    """Another process names it in a page first; also one that is not offered, as the panel shows it."""
    await forum.settle(9, policy(DAWN, DUSK))
    old = await forum.sheet(DAWN)
    await forum.index.apply(put(F, DAWN, 10, theme("Dawn", "light", paper="#abc"), collection=THEME))
    other = Looks(forum.index.database, F)
    offer = await other.now()
    assert offer is not None
    response = await forum.browser.get(offer.sheet(tid(DAWN)).path)
    assert "--paper: #abc" in response.text
    assert "immutable" in response.headers["cache-control"]
    assert (await forum.browser.get(old.url)).headers["cache-control"] != "no-store"  # as far as it has heard


@pytest.mark.parametrize("name", ["", ".css", "paper-light", "paper-light.css", "plum-dark.000000000000.css"])
async def test_addresses_that_are_not_whole(forum: Forum, name: str) -> None:
    response = await forum.browser.get(f"/theme/{name}")
    if "-" in name:
        assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    else:
        assert response.status_code == 404


@pytest.mark.parametrize("name", ["none.000000000000.css", f"{tid(99)}.000000000000.css", "a%00b.css", "é.css"])
async def test_no_such_sheet(forum: Forum, name: str) -> None:
    assert (await forum.browser.get(f"/theme/{name}")).status_code == 404


async def test_without_a_database() -> None:
    """Errors come in what is built in, sheets and all; nothing of it is kept for when there is one again."""
    database, cache = AwayDatabase(), PageCache()
    looks = Looks(database, F)
    async with client_of(make_app(database, Board(), SITE, cache=cache, looks=looks)) as browser:
        response = await browser.get("/about", headers=HTML)
        assert response.status_code == 503
        paths = sheets(parsed(response.text))
        assert len(paths) == 2
        for path in paths:
            assert (await browser.get(path)).status_code == 200
    assert (looks.known, len(cache.kept)) == (None, 0)


async def test_a_database_that_is_lost(forum: Forum) -> None:
    """Even what a change has made uncertain is nearer the truth than what is built in."""
    await forum.settle(9, policy(DAWN, DUSK))
    paths = sheets(await forum.page())
    forum.looks.database = AwayDatabase()
    forum.looks.drop(Changes(all=True))
    assert await forum.dressed() == keyed((DAWN, LIGHT), (DUSK, DARK))
    for path in paths:
        assert (await forum.browser.get(path)).status_code == 200
    assert forum.looks.known is None


async def test_a_database_that_does_not_answer(autojump_clock: MockClock) -> None:
    """Is not waited for long."""

    class Silent:
        @asynccontextmanager
        async def connection(self) -> AsyncIterator[Connection]:
            await trio.sleep_forever()
            yield

        transaction = connection

    assert await Looks(Silent(), F).now() is None
    assert trio.current_time() < 10


async def test_lost_while_a_page_is_made(forum: Forum) -> None:
    """A page whose looks nobody could say for certain is not kept."""

    @dataclass
    class Failing:
        database: Database
        fails: int = 0

        @asynccontextmanager
        async def connection(self) -> AsyncIterator[Connection]:
            self.fails -= 1
            if self.fails == 0:
                raise DatabaseAway("for a moment")
            async with self.database.connection() as connection:
                yield connection

        transaction = connection

    await forum.settle(9, policy(DAWN, DUSK))
    database, cache = Failing(forum.index.database), PageCache()
    looks = Looks(database, F, remembers=False)
    async with client_of(make_app(database, Board(), SITE, cache=cache, looks=looks)) as browser:
        database.fails = 2  # the cache has asked, the app asks again
        for kept in (0, 1):
            response = await browser.get("/about", headers=HTML)
            assert (response.status_code, len(cache.kept)) == (200, kept)


async def test_a_change_while_the_policy_is_read(forum: Forum) -> None:
    """What was read before is not remembered after."""

    @dataclass
    class Slow:
        database: Database
        has_read: trio.Event
        may_go_on: trio.Event

        @asynccontextmanager
        async def connection(self) -> AsyncIterator[Connection]:
            async with self.database.connection() as connection:
                yield connection
                self.has_read.set()
                await self.may_go_on.wait()

        transaction = connection

    slow = Slow(forum.index.database, trio.Event(), trio.Event())
    looks = Looks(slow, F)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(looks.now)
        await slow.has_read.wait()
        await forum.index.apply(put(F, "self", 9, policy(DAWN, DUSK), collection=THEME_POLICY))
        looks.drop(Changes(all=True))
        slow.may_go_on.set()
    assert looks.known is None
    offer = await looks.now()
    assert offer is looks.known is await looks.now()
    assert offer is not None
    assert offer.policy.light.theme.name == "Dawn"
    looks.drop(Changes(uris=frozenset({uri(F, 1)}), dids=frozenset({F}), jobs=True, ends=True))
    assert looks.known is offer


async def test_two_processes(database: Pool) -> None:
    """One changes themes and policy, the other's pages follow, kept ones too: by way of PostgreSQL."""
    index, cache, looks = Index(database), PageCache(), Looks(database, F)
    told = trio.Event()

    def tell(heard: Changes) -> None:
        nonlocal told
        looks.drop(heard)
        cache.drop(heard)
        told.set()

    async def write(*ops: RecordOp) -> None:
        """As any process does, and wait until this one has heard of it."""
        nonlocal told
        told = trio.Event()
        async with database.transaction() as tx:
            await ledger.take_lock(tx)
            await changes.notify(tx, (await ledger.apply(tx, ops, forum_did=F)).changes)
        await told.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_notifier, database, tell, Pulse("notifier"))
        await told.wait()
        async with client_of(make_app(database, Board(), SITE, cache=cache, looks=looks)) as browser:
            browser.headers.update(HTML)
            forum = Forum(index, looks, browser)
            assert await forum.dressed() == BUILT_IN
            await write(*FOUR, put(F, "self", 9, policy(DAWN, DUSK, NOON), collection=THEME_POLICY))
            assert await forum.dressed() == keyed((DAWN, LIGHT), (DUSK, DARK))
            before = await forum.sheet(DAWN)
            assert await forum.dressed(f"light.{tid(NOON)}.") == keyed((NOON, "screen"))
            kept = len(cache.kept)
            await forum.dressed("light.nonsense.nonsense")
            await forum.dressed(f"light.{tid(DAWN)}.{tid(NIGHT)}")
            assert len(cache.kept) == kept + 1  # nonsense is kept as what it comes to
            await write(put(F, DAWN, 10, theme("Dawn", "light", paper="#abc"), collection=THEME))
            assert (await forum.sheet(DAWN)).url != before.url
            await write(put(F, "self", 11, policy(DAWN, DUSK), collection=THEME_POLICY))
            assert await forum.dressed(f"light.{tid(NOON)}.") == keyed((DAWN, "screen"))
        nursery.cancel_scope.cancel()


KEYS = st.sampled_from(["", "system", "light", "dark", "paper-light", "plum-light", "plum-dark", "none", "é", "a b"])


@given(st.lists(KEYS, max_size=4).map(".".join) | st.text(max_size=40), st.booleans())
def test_a_look_is_what_its_cookie_says(cookie: str, allows_choice: bool) -> None:
    """The page cache hands on the look it has found as a cookie: the app finds the same."""
    offer = offer_of(replace(themes.BUILT_IN, allows_choice=allows_choice))
    look = look_from(cookie, offer)
    assert look_from(look.cookie, offer) == look
    assert {look.light, look.dark} <= offer.themes.keys()


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.rkey)
def test_swatches(preset: Any) -> None:
    """In the theme's own colours, as far as they can be told."""
    assert [colour for colour, _ in swatch_of(preset)] == [preset.tokens[token] for token, _ in SHAPES]


def test_paper_is_white() -> None:
    """Without any theme, as when printed, all is there and can be read."""
    style = assets()["style.css"].content.decode()
    assert {token for token in TOKENS if f"--{token}: " in style} == set(TOKENS)
    assert "--paper: #fff; --card: #fff; --ink: #000;" in style
