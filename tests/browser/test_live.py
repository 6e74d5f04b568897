"""Open pages, as their readers see them: others' replies come in, and reading on needs no new page."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from playwright.sync_api import Browser, Locator, expect

from daemon.pool import Pool
from demo.daemon import wait_until
from forum.changes import Changes
from tests.browser.chromium import Chromium, Visitor, visitor
from tests.browser.looking import barriers
from tests.browser.serving import serving
from tests.web.forum_rows import Post, Rows, board_uri
from web.live import Live

pytestmark = pytest.mark.slow

ANN, BOB = "did:plc:ann", "did:plc:bob"
UPDATE = "UPDATE posts SET markdown = $2, cid = 'edited' WHERE uri = $1"
UPDATE_LAST = """
UPDATE posts SET text = $2, cid = 'edited'
 WHERE uri = (SELECT uri FROM posts WHERE root_uri = $1 ORDER BY sorted_at DESC LIMIT 1)
"""
LOOK = """away => {
    Object.defineProperty(document, "hidden", {value: away, configurable: true})
    document.dispatchEvent(new Event("visibilitychange"))
}"""
# What is told until its reader has had time for it is told until then, however long we take to look.
TOLD_ON = """const setTimer = setTimeout
window.setTimeout = (act, wait, ...rest) => wait < 4000 ? setTimer(act, wait, ...rest) : 0"""
LAST_READ = "number => JSON.parse(localStorage.read ?? '[]').at(-1)?.[1] === number"
STORAGE = {
    "full": "Storage.prototype.setItem = () => { throw new DOMException('full') }",
    "forbidden": "Object.defineProperty(window, 'localStorage', {get: () => { throw new DOMException('no') }})",
    "spoilt": "localStorage.read = '{'",
    "long": "localStorage.read ??= JSON.stringify([...Array(500).keys()].map(n => [`/t/${n}`, 9]))",
}
BOARD = f"/b/{1:013}"
ARRIVED, NEWER = "New replies have come in.", "There are newer replies."


class Forum:
    """One topic with some replies, and whoever has it open."""

    def __init__(self, rows: Rows, topic: Post, url: str, live: Live) -> None:
        self.rows, self.topic, self.url, self.live = rows, topic, url, live
        self.path = f"/t/ann.test/{topic.uri.rpartition('/')[2]}"

    async def reply(self, text: str) -> None:
        """By somebody else, once the page that is open listens."""
        await self.wait_heard(True)
        await self.rows.reply(BOB, self.topic, text=text)
        self.tell()

    async def wait_heard(self, by_somebody: bool) -> None:
        """Until some page listens, or until none does any more."""

        async def is_so() -> bool:
            return (self.live.listeners > 0) == by_somebody

        await wait_until(is_so)

    async def change(self, statement: str, text: str) -> None:
        await self.rows.run(statement, self.topic.uri, text)
        self.tell()

    def tell(self) -> None:
        self.live.tell(Changes(uris=frozenset({self.topic.uri, board_uri(1)})))


@asynccontextmanager
async def forum_with(database: Pool, *, replies: int) -> AsyncIterator[Forum]:
    rows, live = Rows(database), Live()
    await rows.forum()
    await rows.category(1)
    await rows.board(1)
    await rows.account(ANN, "ann.test")
    await rows.account(BOB, "bob.test")
    topic = await rows.topic(ANN)
    for _ in range(replies):
        await rows.reply(BOB, topic)
    async with serving(database, live=live) as url:
        yield Forum(rows, topic, url, live)


async def meanwhile(
    chromium: Chromium, forum: Forum, walk: Callable[[Visitor], None], *texts: str, **options: str
) -> None:
    """The walk, while others reply."""

    def whole(browser: Browser) -> None:
        with visitor(browser, forum.url, **options) as someone:
            walk(someone)
            assert someone.alarms == []

    async with trio.open_nursery() as nursery:
        nursery.start_soon(chromium.run, whole)
        for text in texts:
            await forum.reply(text)


async def test_a_reply_arrives(database: Pool, chromium: Chromium) -> None:
    """At the end of the page, counted, said aloud, and without a barrier."""

    def walk(someone: Visitor) -> None:
        someone.page.add_init_script(TOLD_ON)
        someone.page.goto(forum.path)
        someone.page.locator("article").get_by_text("Just now").wait_for()
        someone.page.get_by_role("status").get_by_text(ARRIVED).wait_for()
        assert someone.page.locator("article").count() == 3
        assert someone.page.get_by_text("3 posts").is_visible()
        assert barriers(someone.page) == []

    async with forum_with(database, replies=1) as forum:
        await meanwhile(chromium, forum, walk, "Just now")


@pytest.mark.parametrize("goes_by_link", [True, False])
async def test_a_reply_arrives_out_of_sight(database: Pool, chromium: Chromium, goes_by_link: bool) -> None:
    """Its reader hears of it until it is in sight; the link leads there without fetching the page anew."""

    def walk(someone: Visitor) -> None:
        page = someone.page
        if goes_by_link:
            page.add_init_script(TOLD_ON)  # so that it is the click that ends it
        page.goto(forum.path)
        said, last = page.get_by_role("status").get_by_text(ARRIVED), page.locator("article").last
        said.wait_for()
        expect(last).not_to_be_in_viewport()
        page.evaluate("window.is_still_this = true")
        if goes_by_link:
            page.get_by_role("link", name="Go to the newest").click()
        else:
            last.scroll_into_view_if_needed()
        expect(said).to_be_hidden()
        expect(last).to_be_in_viewport()
        assert "Just now" in last.inner_text()
        assert page.evaluate("window.is_still_this")

    async with forum_with(database, replies=10) as forum:
        await meanwhile(chromium, forum, walk, "Just now")


async def test_what_readers_did(database: Pool, chromium: Chromium) -> None:
    """Stays as it is while posts change around it, themselves included."""

    def walk(someone: Visitor) -> None:
        page = someone.page
        page.goto(forum.path)
        spoiler = page.locator("details.spoiler")
        spoiler.locator("summary").click()
        page.locator("article p").get_by_text("First").select_text()
        trio.from_thread.run(forum.reply, "Just now", trio_token=token)
        page.get_by_text("Just now").wait_for()
        assert spoiler.get_attribute("open") is not None
        assert page.evaluate("getSelection().toString()") == "First"
        trio.from_thread.run(forum.change, UPDATE_LAST, "Later", trio_token=token)
        page.get_by_text("Later").wait_for()
        assert page.locator("article").count() == 3

    token = trio.lowlevel.current_trio_token()
    async with forum_with(database, replies=1) as forum:
        await forum.change(UPDATE, "First\n\n::: spoiler The end\nAll die.\n:::")
        await meanwhile(chromium, forum, walk)


@pytest.mark.parametrize(
    ("zone", "locale", "moment", "title"),
    [
        ("Europe/Berlin", "en-US", "1 Jan 2026, 13:0{}", "1 Jan 2026, 12:0{} UTC"),
        ("America/New_York", "de", "01.01.2026, 07:0{}", "01.01.2026, 12:0{} UTC"),
        ("UTC", "en", "1 Jan 2026, 12:0{}", ""),
    ],
)
async def test_hours(database: Pool, chromium: Chromium, zone: str, locale: str, moment: str, title: str) -> None:
    """Are the reader's, also of what arrives and what changes; those of the page are kept beside them."""
    shown = [(moment.format(number), title.format(number)) for number in (1, 2, 3)]

    def told(times: Locator) -> list[tuple[str, str]]:
        return [(one.inner_text(), one.get_attribute("title") or "") for one in times.all()]

    def walk(someone: Visitor) -> None:
        page, times = someone.page, someone.page.locator(".meta time")
        page.goto(forum.path)
        page.get_by_text("Just now").wait_for()
        assert told(times) == shown
        trio.from_thread.run(forum.change, UPDATE_LAST, "Changed", trio_token=token)
        page.get_by_text("Changed").wait_for()
        assert told(times) == shown
        assert page.locator("#zone").is_visible() == (zone == "UTC")

    token = trio.lowlevel.current_trio_token()
    async with forum_with(database, replies=1) as forum:
        await meanwhile(chromium, forum, walk, "Just now", timezone_id=zone, locale=locale)


async def test_a_page_that_nobody_looks_at(database: Pool, chromium: Chromium) -> None:
    """Holds no connection, and finds what it has missed when somebody does."""

    def walk(someone: Visitor) -> None:
        page = someone.page
        page.goto(forum.path)
        wait(is_listening, 1)
        page.evaluate(LOOK, True)
        wait(is_listening, 0)
        trio.from_thread.run(partial(forum.rows.reply, BOB, forum.topic, text="Unseen"), trio_token=token)
        page.evaluate(LOOK, False)
        page.get_by_text("Unseen").wait_for()
        assert forum.live.listeners == 1

    def wait(listeners: Callable[[], int], number: int) -> None:
        async def is_so() -> bool:
            return listeners() == number

        trio.from_thread.run(wait_until, is_so, trio_token=token)

    def is_listening() -> int:
        return forum.live.listeners

    token = trio.lowlevel.current_trio_token()
    async with forum_with(database, replies=1) as forum:
        await meanwhile(chromium, forum, walk)


async def test_a_reply_on_a_page_to_come(database: Pool, chromium: Chromium) -> None:
    """Is told of, with the way to it."""

    def walk(someone: Visitor) -> None:
        someone.page.goto(forum.path)
        someone.page.get_by_text(NEWER).wait_for()
        assert someone.page.locator("article").count() == 25
        someone.page.get_by_role("link", name="Go to the newest").click()
        someone.page.get_by_text("On page two").wait_for()
        assert someone.page.url.partition("#")[0] == f"{forum.url}{forum.path}?page=2"

    async with forum_with(database, replies=24) as forum:
        await meanwhile(chromium, forum, walk, "On page two")


async def test_a_board(database: Pool, chromium: Chromium) -> None:
    """Says that something is new, and moves nothing under its reader's hands."""

    def walk(someone: Visitor) -> None:
        someone.page.goto(BOARD)
        someone.page.get_by_role("status").get_by_role("link", name="Show it").click()
        someone.page.get_by_text("2 replies").wait_for()
        assert barriers(someone.page) == []

    async with forum_with(database, replies=1) as forum:
        await meanwhile(chromium, forum, walk, "Just now")


async def test_unread(database: Pool, chromium: Chromium) -> None:
    """What has come into a topic since it was read to its end is marked on its board, and gone to from there."""

    def walk(someone: Visitor) -> None:
        page, mark = someone.page, someone.page.get_by_role("link", name="New", exact=True)
        page.goto(forum.path)  # but not to its end
        page.goto(BOARD)
        expect(page.get_by_text("Topic 1")).to_be_visible()
        expect(mark).to_be_hidden()
        page.goto(f"{forum.path}/newest")
        trio.from_thread.run(forum.reply, "While it is open", trio_token=token)
        page.wait_for_function(LAST_READ, arg=27)
        page.goto("/about")
        trio.from_thread.run(forum.wait_heard, False, trio_token=token)
        page.goto(BOARD)
        expect(page.get_by_text("26 replies")).to_be_visible()
        expect(mark).to_be_hidden()
        trio.from_thread.run(forum.reply, "Later", trio_token=token)
        page.get_by_role("link", name="Show it").click()
        expect(mark).to_be_visible()
        assert barriers(page) == []
        mark.click()
        page.get_by_text("Later").wait_for()
        page.wait_for_function(LAST_READ, arg=28)
        page.goto(BOARD)
        expect(page.get_by_text("27 replies")).to_be_visible()
        expect(mark).to_be_hidden()

    token = trio.lowlevel.current_trio_token()
    async with forum_with(database, replies=25) as forum:
        await meanwhile(chromium, forum, walk)


@pytest.mark.parametrize("storage", ["full", "forbidden", "spoilt", "long"])
async def test_what_was_read_is_kept_with_care(database: Pool, chromium: Chromium, storage: str) -> None:
    """Of so many topics at most; where nothing can be kept, pages are as they were."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum.url) as someone:
            someone.context.add_init_script(STORAGE[storage])
            someone.page.goto(forum.path)
            someone.page.goto(BOARD)
            expect(someone.page.locator(".unread")).to_be_hidden()
            if storage == "long":
                read = someone.page.evaluate("JSON.parse(localStorage.read)")
                assert (len(read), read[0], read[-1]) == (500, ["/t/1", 9], [forum.path, 2])
            assert someone.alarms == []

    async with forum_with(database, replies=1) as forum:
        await chromium.run(walk)


async def test_reading_on(database: Pool, chromium: Chromium) -> None:
    """The next page comes below this one, and the address is that of where one is."""

    def walk(someone: Visitor) -> None:
        page = someone.page
        page.goto(forum.path)
        for number, posts in ((2, 50), (3, 62)):
            page.get_by_role("link", name="Show more").click()
            page.wait_for_url(f"{forum.path}?page={number}")
            assert page.locator("article").count() == posts
            expect(page.locator("article").nth(25 * (number - 1))).to_be_focused()
            if number == 2:
                trio.from_thread.run(forum.reply, "Just now", trio_token=token)
                page.get_by_text(NEWER).wait_for()
        assert page.get_by_role("link", name="Show more").count() == 0
        expect(page.get_by_text(NEWER)).to_be_hidden()
        assert len(set(page.locator("article").evaluate_all("all => all.map(one => one.id)"))) == 62
        page.reload()
        assert page.locator("article").count() == 12

    token = trio.lowlevel.current_trio_token()
    async with forum_with(database, replies=60) as forum:
        await meanwhile(chromium, forum, walk)


async def test_without_scripts(database: Pool, chromium: Chromium) -> None:
    """The same link leads to the next page."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum.url, java_script_enabled=False) as someone:
            someone.page.goto(forum.path)
            someone.page.get_by_role("link", name="Show more").click()
            expect(someone.page.locator("article")).to_have_count(5)
            assert someone.page.get_by_role("status").inner_text() == ""

    async with forum_with(database, replies=29) as forum:
        await chromium.run(walk)
