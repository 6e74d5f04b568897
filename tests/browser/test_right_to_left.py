"""Every page for readers of a language that is written from right to left: nothing sideways, nothing on top of another.

There is no such language here yet. The pages' own English stands for one: each page says, on its way to the browser,
that it is in Arabic, so that it is laid out from the right from the first paint on.
"""

import pytest
from playwright.sync_api import Browser, Page, Route

from actors.agent import ForumAccount
from daemon.pool import Pool
from tests.browser.chromium import Chromium, visitor
from tests.browser.furnished import BOARD, LOCKED, TOPIC, furnish
from tests.browser.looking import TOO_WIDE
from tests.browser.serving import serving
from tests.browser.test_moderating import HAPPENED
from tests.web.conftest import account, server
from tests.web.forum_rows import FORUM_DID
from tests.web.signing_in import session_of
from web.signed_in import COOKIE

__all__ = ["account", "server"]

pytestmark = pytest.mark.slow

PAGES = {
    "guest": (
        "/", BOARD, f"{BOARD}?page=2", TOPIC, f"{TOPIC}?page=2", LOCKED, "/@ann.test", "/@did:plc:cat", "/about",
        "/sign-in", "/settings", "/nowhere",
    ),
    "staff": (
        "/", TOPIC, f"{BOARD}/new", f"{TOPIC}/reply", "/@ann.test", "/settings", "/admin", "/admin/members",
        "/admin/log", "/admin/audit", "/admin/backfill", "/admin/backfill/1", "/admin/themes", "/admin/themes/new",
        "/moderate/ban/did:plc:ann",
    ),
}  # fmt: skip
LEFT, RIGHT = '<html lang="en" dir="ltr">', '<html lang="ar" dir="rtl">'
ALIGNED = """() => [...document.querySelectorAll("main :is(h1, h2, dd)[dir]")]
    .map(one => getComputedStyle(one).textAlign)"""
# Pieces of text that share a place on the page, though neither is clipped away.
OVERLAPS = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), pieces = []
    const isClipped = one => one && (getComputedStyle(one).clipPath !== "none" || isClipped(one.parentElement))
    while (walker.nextNode()) {
        const node = walker.currentNode, range = document.createRange()
        if (!node.data.trim() || !node.parentElement.checkVisibility() || isClipped(node.parentElement)) continue
        range.selectNodeContents(node)
        for (const box of range.getClientRects()) pieces.push([node.data.trim().slice(0, 40), box])
    }
    return pieces.flatMap(([text, box], at) => pieces.slice(at + 1).filter(([, other]) =>
        Math.min(box.right, other.right) - Math.max(box.left, other.left) > 3 &&
        Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top) > 6
    ).map(([other]) => `${text} / ${other}`))
}"""


def turn(route: Route) -> None:
    """A page as if its words were Arabic."""
    if route.request.resource_type != "document":
        route.continue_()
        return
    response = route.fetch()
    assert LEFT in response.text()
    route.fulfill(response=response, body=response.text().replace(LEFT, RIGHT))


def faults(page: Page) -> list[str]:
    found = []
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        if (excess := page.evaluate(TOO_WIDE)) > 0:
            found.append(f"{excess} px too wide at {width}")
        found += [f"{pair} at {width}" for pair in page.evaluate(OVERLAPS)]
    return found


@pytest.mark.parametrize("who", PAGES)
async def test_pages(database: Pool, account: ForumAccount, chromium: Chromium, who: str) -> None:
    """On phones and desks; names in other scripts stand where the others do."""
    await furnish(database)
    async with database.connection() as connection:
        await connection.execute(HAPPENED)
    session = await session_of(database, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as someone:
            page = someone.page
            page.route("**/*", turn)
            if who == "staff":
                someone.plant(COOKIE, session, forum)
            for path in PAGES[who]:
                page.goto(path)
                assert page.evaluate("getComputedStyle(document.body).direction") == "rtl"
                assert faults(page) == [], path
                assert set(page.evaluate(ALIGNED)) <= {"right"}, path
            page.evaluate("document.querySelector('h1').style.marginBlockEnd = '-30px'")
            assert faults(page)  # they would be seen

    async with serving(database, account=account) as forum:
        await chromium.run(walk)
