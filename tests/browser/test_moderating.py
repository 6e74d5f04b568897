"""Moderating and the panel in a browser: nothing in the way of anybody, on phones and desks, in light and dark."""

import pytest
from playwright.sync_api import Browser, expect

from daemon.pool import Pool
from tests.browser.chromium import Chromium, visitor
from tests.browser.furnished import TOPIC, furnish
from tests.browser.looking import barriers
from tests.browser.serving import serving
from tests.web.forum_rows import FORUM_DID
from tests.web.signing_in import session_of
from web.signed_in import COOKIE

pytestmark = pytest.mark.slow

PANEL = ("/admin", "/admin/members", "/admin/log", "/admin/audit", "/admin/backfill", "/admin/backfill/1")
BELOW = "one => one.getBoundingClientRect().top - one.previousElementSibling.getBoundingClientRect().bottom"
HAPPENED = """
WITH banned AS (INSERT INTO members VALUES ('did:plc:bob', now()), ('did:plc:cat', now())),
     noted AS (INSERT INTO audit (actor, act, subject, after)
               VALUES ('did:plc:ann', 'ban', 'did:plc:dan', '{"reason": "Nothing but spam, again and again"}')),
     acted AS (INSERT INTO mod_actions (rkey, pair, is_on, subject, reason, created_by, created_at, expires_at)
               VALUES ('3k2', 'ban', true, 'did:plc:dan', 'Nothing but spam', 'did:plc:ann', now(), now() + '1 day'))
INSERT INTO backfills (type, status, dids_total, dids_processed, error_count)
VALUES ('full_sync', 'in_progress', 100, 40, 1)
"""
# The topic itself, with something of everything in it, and a reply that answers another one.
UNSEEN = (
    "UPDATE accounts SET banned = true WHERE did = 'did:plc:ann'",
    "UPDATE posts SET shown = false WHERE did = 'did:plc:ann'",
    "UPDATE posts SET hidden = true, shown = false WHERE did = 'did:plc:cat'",
    "INSERT INTO mod_actions (rkey, pair, is_on, subject, reason, created_by, created_at)"
    " SELECT '3k3' || id, CASE WHEN hidden THEN 'delete' ELSE 'ban' END, true, CASE WHEN hidden THEN uri ELSE did END,"
    " 'Off topic', 'did:plc:forum', now() FROM posts WHERE NOT shown AND deleted_at IS NULL",
)


async def test_panel(database: Pool, chromium: Chromium) -> None:
    """Every page of it, with something on it; the running backfill is followed without alarm."""
    await furnish(database)
    async with database.connection() as connection:
        await connection.execute(HAPPENED)
    session = await session_of(database, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, reduced_motion="reduce") as someone:
            someone.plant(COOKIE, session, forum)
            for path in PANEL:
                someone.page.goto(path)
                assert barriers(someone.page) == [], path
            assert someone.alarms == []

    async with serving(database) as forum:
        await chromium.run(walk)


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
async def test_room_on_a_desk(database: Pool, chromium: Chromium, locale: str) -> None:
    """All cards, for who has them all, in one line; what belongs to no button touches none."""
    await furnish(database)
    session = await session_of(database, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, locale=locale, viewport={"width": 1440, "height": 900}) as someone:
            someone.plant(COOKIE, session, forum)
            for path, selector in (("/admin/backfill", ".buttons + .hint"), ("/admin/themes", ".buttons + .search")):
                someone.page.goto(path)
                tops = someone.page.eval_on_selector_all(".cards li", "all => all.map(one => one.offsetTop)")
                assert len(set(tops)) == 1, path
                assert someone.page.eval_on_selector(selector, BELOW) >= 10, path

    async with serving(database) as forum:
        await chromium.run(walk)


async def test_what_others_do_not_see(database: Pool, chromium: Chromium) -> None:
    """Hidden, and by who is banned: what moderators have to judge can be read, and stands beside its author."""
    await furnish(database)
    async with database.connection() as connection:
        for statement in UNSEEN:
            await connection.execute(statement)
    session = await session_of(database, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, reduced_motion="reduce") as someone:
            someone.plant(COOKIE, session, forum)
            page = someone.page
            page.goto(TOPIC)
            expect(page.locator(".veiled")).to_have_count(2)
            assert barriers(page) == []
            for part in page.locator(".veiled > :not(header)").all():
                box, author = part.bounding_box(), page.locator(".veiled > header").first.bounding_box()
                assert box is not None
                assert author is not None
                assert box["x"] >= author["x"] + author["width"], part.inner_html()

    async with serving(database) as forum:
        await chromium.run(walk)


async def test_dialog_is_left_by_keyboard(database: Pool, chromium: Chromium) -> None:
    """The deed's form opens over the page, takes the reader in, and is gone with Escape."""
    await furnish(database)
    session = await session_of(database, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as someone:
            someone.plant(COOKIE, session, forum)
            page = someone.page
            page.goto(TOPIC)
            page.get_by_role("link", name="Lock").first.press("Enter")
            dialog = page.get_by_role("dialog")
            dialog.get_by_role("textbox").wait_for()
            assert page.evaluate("document.activeElement.name") == "reason"
            page.keyboard.press("Escape")
            dialog.wait_for(state="hidden")
            assert page.url == forum + TOPIC
            assert someone.alarms == []

    async with serving(database) as forum:
        await chromium.run(walk)
