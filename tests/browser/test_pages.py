"""Every page in a browser: without barriers, alarms or sideways scrolling, in light and dark, on phones and desks."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import cast

import pytest
from playwright.sync_api import Browser

from daemon.pool import Pool
from forum.database import Database
from tests.browser.chromium import Chromium, Visitor, visitor
from tests.browser.furnished import ANN, BOARD, DELETED, EMPTY_BOARD, LOCKED, TOPIC, furnish
from tests.browser.looking import barriers, tab_stops
from tests.browser.serving import serving
from tests.web.forum_rows import FORUM_DID, AwayDatabase
from tests.web.signing_in import session_of
from web.signed_in import COOKIE

pytestmark = pytest.mark.slow

PAGES = {
    "home": "/",
    "board": BOARD,
    "board, second page": f"{BOARD}?sort=created&page=2",
    "board without topics": EMPTY_BOARD,
    "topic": TOPIC,
    "topic, last page": f"{TOPIC}?page=2",
    "locked topic": LOCKED,
    "deleted topic": DELETED,
    "profile": "/@ann.test",
    "profile without posts": "/@did:plc:cat",
    "profile of who is banned": "/@dan.test",
    "about": "/about",
    "sign-in": "/sign-in",
    "settings": "/settings",
    "no such page": "/nowhere",
    "no such number": f"{BOARD}?page=first",
}
BOXES = "all => all.map(one => one.getBoundingClientRect())"
GAPS = """all => all.map(
    one => one.getBoundingClientRect().top - one.previousElementSibling.getBoundingClientRect().bottom)"""

Arrive = Callable[[Visitor, str], None]


def go(someone: Visitor, path: str) -> None:
    someone.page.goto(path)


async def no_barriers(
    chromium: Chromium,
    database: Database,
    path: str,
    *,
    arrive: Arrive = go,
    session: str | None = None,
    locale: str = "en-GB",
) -> None:
    """None on the page that one has arrived at, as a guest or with a session."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, reduced_motion="reduce", locale=locale) as someone:
            if session is not None:
                someone.plant(COOKIE, session, forum)
            arrive(someone, path)
            assert barriers(someone.page) == []
            assert someone.alarms == []

    async with serving(database) as forum:
        await chromium.run(walk)


@pytest.fixture
async def furnished(database: Pool) -> Pool:
    await furnish(database)
    return database


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
async def test_page(furnished: Pool, chromium: Chromium, path: str) -> None:
    await no_barriers(chromium, furnished, path)


@pytest.mark.parametrize("path", ["/", TOPIC, "/@ann.test", "/settings"])
async def test_page_for_staff(furnished: Pool, chromium: Chromium, path: str) -> None:
    """Who may do everything sees most."""
    await no_barriers(chromium, furnished, path, session=await session_of(furnished, FORUM_DID))


@pytest.mark.parametrize("in_dialog", [True, False])
async def test_moderating(furnished: Pool, chromium: Chromium, in_dialog: bool) -> None:
    """On the page itself, or on one that is for it."""

    def arrive(someone: Visitor, path: str) -> None:
        someone.page.goto(path)
        deed = someone.page.get_by_role("link", name="Hide").first
        if in_dialog:
            deed.click()
            someone.page.get_by_role("dialog").get_by_role("heading").wait_for()
        else:
            someone.page.goto(str(deed.get_attribute("href")))

    await no_barriers(chromium, furnished, TOPIC, arrive=arrive, session=await session_of(furnished, FORUM_DID))


@pytest.mark.parametrize("theme", ["Harbour", "Meadow", "Plum", "High contrast"])
async def test_in_other_colours(furnished: Pool, chromium: Chromium, theme: str) -> None:
    """As chosen in the settings, which the next page shows already."""

    def arrive(someone: Visitor, path: str) -> None:
        page = someone.page
        page.goto("/settings")
        for choice in page.get_by_label(theme).all():
            choice.check()
        page.get_by_role("button", name="Save").click()
        page.wait_for_url("/settings?saved")
        page.goto(path)
        sheets = page.locator("link[href^='/theme/']").evaluate_all("all => all.map(one => one.sheet.cssRules.length)")
        assert sheets == [1, 1]

    await no_barriers(chromium, furnished, TOPIC, arrive=arrive)


@pytest.mark.parametrize("path", ["/", "/about"])
async def test_before_there_is_a_forum(database: Pool, chromium: Chromium, path: str) -> None:
    await no_barriers(chromium, database, path)


async def test_while_the_database_is_away(chromium: Chromium) -> None:
    await no_barriers(chromium, cast(Database, AwayDatabase()), "/")


@pytest.mark.parametrize("path", ["/", TOPIC, "/nowhere"])
async def test_in_german(furnished: Pool, chromium: Chromium, path: str) -> None:
    """Whose words are longer."""
    await no_barriers(chromium, furnished, path, locale="de-AT")


@pytest.mark.parametrize("path", ["/", BOARD, TOPIC, "/@ann.test"])
async def test_keyboard(furnished: Pool, chromium: Chromium, path: str) -> None:
    """Past the header first, if one likes; then to all there is, and one sees where one is."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as someone:
            page = someone.page
            page.goto(path)
            (first, _), *others = stops = tab_stops(page)
            assert 'href="#main"' in first
            assert [html for html, is_seen in stops if not is_seen] == []
            assert len(others) + 1 == page.locator("a[href]:visible, summary, [tabindex='0']").count()

            page.goto(path)
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.closest('main') !== null")

    async with serving(furnished) as forum:
        await chromium.run(walk)


@pytest.mark.parametrize(
    ("path", "above", "below"),
    [
        ("/settings", ".buttons", ".hint"),
        ("/settings", ".hint", ".sessions"),
        (f"{TOPIC}/delete", ".answers", ".prose"),
    ],
)
async def test_room(furnished: Pool, chromium: Chromium, path: str, above: str, below: str) -> None:
    """Between what does not belong to the line above it."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as someone:
            someone.plant(COOKIE, session, forum)
            someone.page.goto(path)
            [gap] = someone.page.locator(f"{above} + {below}").evaluate_all(GAPS)
            assert gap > 10

    session = await session_of(furnished, ANN)
    async with serving(furnished) as forum:
        await chromium.run(walk)


async def test_what_one_can_do_in_a_topic(furnished: Pool, chromium: Chromium) -> None:
    """Stands beside the count of posts, on every page; to reply is the button, where that can be done."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, viewport={"width": 1440, "height": 900}) as someone:
            someone.plant(COOKIE, session, forum)
            for path in (TOPIC, f"{TOPIC}?page=2"):
                someone.page.goto(path)
                boxes = someone.page.locator(".bar > div > *").evaluate_all(BOXES)
                assert len(boxes) == 3
                gaps = [after["left"] - before["right"] for before, after in pairwise(boxes)]
                assert max(gaps) < 24
                assert someone.page.locator(".bar > div > .button").inner_text() == "Reply"
            someone.page.goto(DELETED)
            assert someone.page.locator(".bar > div > *").count() == 2

    session = await session_of(furnished, FORUM_DID)
    async with serving(furnished) as forum:
        await chromium.run(walk)


@pytest.mark.parametrize("runs_scripts", [False, True])
async def test_finding_the_way(furnished: Pool, chromium: Chromium, runs_scripts: bool) -> None:
    """From the front page to what is newest, to who wrote it, and home; scripts or not."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, java_script_enabled=runs_scripts) as someone:
            page = someone.page
            page.goto("/")
            for link, there in (
                ("Outdoors", BOARD),
                ("Page 2", f"{BOARD}?page=2"),
                ("Page 1", BOARD),
                ("When to sow?", TOPIC),
                ("newest", f"{TOPIC}?page=2"),
            ):
                page.get_by_role("link", name=link).first.click()
                page.wait_for_url(re.compile(re.escape(forum + there)))
            page.locator("article").last.get_by_role("link").first.click()
            page.wait_for_url("/@**")
            page.get_by_role("link", name="The Potting Shed").click()
            page.wait_for_url("/")
            assert someone.alarms == []

    async with serving(furnished) as forum:
        await chromium.run(walk)
