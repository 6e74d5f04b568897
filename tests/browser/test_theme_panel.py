"""Themes in a browser: made in the panel with and without scripts, and worn by whoever visits."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, Route, expect

from actors.agent import ForumAccount
from daemon.pool import Pool
from demo.daemon import wait_until
from demo.records import grant, named
from forum.permissions import MANAGE_THEMES
from forum.records.names import GRANT, ROLE
from tests.browser.chromium import Chromium, Visitor, visitor
from tests.browser.furnished import TOPIC, furnish
from tests.browser.looking import barriers
from tests.browser.serving import serving
from tests.browser.signing_in import press, sign_in
from tests.e2e.scene import Scene
from tests.web.conftest import account, server
from tests.web.forum_rows import FORUM_DID
from tests.web.signing_in import session_of
from web.pages.assets import asset_path
from web.signed_in import COOKIE

__all__ = ["account", "server"]

pytestmark = pytest.mark.slow

PATH = "/admin/themes"
RED, BLUE = "rgb(170, 0, 0)", "rgb(0, 0, 170)"
BLOCKING = """() => performance.getEntriesByType("resource")
    .filter(one => one.name.includes("/theme/") && one.renderBlockingStatus === "blocking").length"""
SHIFTS = """() => new Promise(resolve => new PerformanceObserver(list => resolve(list.getEntries().length))
    .observe({type: "layout-shift", buffered: true}) ?? setTimeout(resolve, 300, 0))"""

Walk = Callable[[Visitor], None]


async def in_panel(database: Pool, account: ForumAccount, chromium: Chromium, walk: Walk, **options: object) -> None:
    """The walk of who runs the forum, which alarms nobody."""
    await furnish(database)
    session = await session_of(database, FORUM_DID)

    def whole(browser: Browser) -> None:
        with visitor(browser, forum, **options) as owner:
            owner.plant(COOKIE, session, forum)
            walk(owner)
            assert owner.alarms == []

    async with serving(database, account=account) as forum:
        await chromium.run(whole)


def sample(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def background(place: Page | FrameLocator) -> str:
    """Of the first button."""
    return str(place.locator(".button").first.evaluate("one => getComputedStyle(one).backgroundColor"))


def wear(page: Page, light: str, dark: str) -> None:
    """Have readers get these."""
    page.goto(PATH)
    page.get_by_label("prefers light").select_option(label=light)
    page.get_by_label("prefers dark").select_option(label=dark)
    page.locator("#policy").get_by_role("button", name="Save").click()
    page.get_by_role("status").get_by_text("Saved").wait_for()


async def test_no_barriers(database: Pool, account: ForumAccount, chromium: Chromium) -> None:
    """On any page of it: nothing there yet, something of everything, findings, what cannot be done."""

    def walk(owner: Visitor) -> None:
        page = owner.page
        for path in (PATH, f"{PATH}/new"):
            page.goto(path)
            assert barriers(page) == [], path
        page.get_by_label("Name").fill("Dusk")
        page.locator("#token-ink").fill("#999")
        page.locator("#token-card").fill("var(--x)")
        page.get_by_text("Fonts, shapes, and CSS").click()
        page.get_by_label("CSS", exact=True).fill("a { b: url(c) }")
        page.get_by_role("heading", name="This cannot be kept").wait_for()
        assert barriers(page) == []
        press(owner, "Save")
        page.get_by_role("alert").get_by_text("not been saved").wait_for()
        assert barriers(page) == []
        page.get_by_label("CSS", exact=True).fill("")
        press(owner, "Save")
        page.get_by_role("status").get_by_text("saved").wait_for()
        mine = page.url.partition("?")[0]
        assert barriers(page) == []
        page.goto(f"{mine}/delete")
        assert barriers(page) == []
        page.goto(PATH)
        page.get_by_label("Only this version").check()
        page.locator("#policy").get_by_label("Dusk").first.check()
        page.locator("#policy").get_by_role("button", name="Save").click()
        page.get_by_role("status").wait_for()
        assert barriers(page) == []
        page.goto(mine)
        page.get_by_text("only this version").wait_for()
        assert barriers(page) == []
        wear(page, "Paper light – Light", "Paper dark – Dark")
        page.goto(PATH)
        page.locator("li", has_text="default when light").get_by_role("link", name="Delete").click()
        page.get_by_text("Choose another default first").wait_for()
        assert barriers(page) == []
        page.goto("/settings")
        assert barriers(page) == []

    await in_panel(database, account, chromium, walk, reduced_motion="reduce")


async def test_while_one_edits(database: Pool, account: ForumAccount, chromium: Chromium) -> None:
    """Sample and findings follow what is typed or picked, the page stays; nothing but the sample wears it."""

    def walk(owner: Visitor) -> None:
        page = owner.page
        page.goto(f"{PATH}/new")
        page.locator("#token-accent").fill("#aa0000")
        expect(sample(page).locator(".button").first).to_have_css("background-color", RED)
        page.get_by_label("Accent").last.evaluate(
            "one => { one.value = '#0000aa'; one.dispatchEvent(new Event('input', {bubbles: true})) }"
        )
        expect(page.locator("#token-accent")).to_have_value("#0000aa")
        expect(sample(page).locator(".button").first).to_have_css("background-color", BLUE)
        page.locator("#token-ink").fill("#eeeeee")
        page.get_by_text("Text on Cards: 1.16 to 1").wait_for()
        page.get_by_text("Fonts, shapes, and CSS").click()
        page.get_by_label("CSS", exact=True).fill("main { display: none } body { background: url(//x.test) }")
        page.get_by_text("url() in the CSS").wait_for()
        expect(sample(page).locator("main")).to_be_visible()  # as a whole, such a sheet is not kept
        page.get_by_label("CSS", exact=True).fill("main { display: none }")
        expect(sample(page).locator("main")).to_be_hidden()
        assert page.locator("main").first.is_visible()
        assert page.url.endswith("/new")

    await in_panel(database, account, chromium, walk)


async def test_edited_before_the_script_came(database: Pool, account: ForumAccount, chromium: Chromium) -> None:
    """What was typed meanwhile is in the sample as well."""
    held: list[Route] = []

    def walk(owner: Visitor) -> None:
        page = owner.page
        page.route(f"**{asset_path('theme.js')}", lambda route: held.append(route))
        page.goto(f"{PATH}/new", wait_until="commit")
        page.locator("#token-accent").fill("#aa0000")
        while not held:
            page.wait_for_timeout(10)
        held[0].continue_()
        expect(sample(page).locator(".button").first).to_have_css("background-color", RED)

    await in_panel(database, account, chromium, walk)


async def test_without_scripts(database: Pool, account: ForumAccount, chromium: Chromium) -> None:
    """The same by buttons: previewed, saved, worn, and chosen by who likes another."""

    def walk(owner: Visitor) -> None:
        page = owner.page
        page.goto(PATH)
        page.locator("li", has_text="Harbour").get_by_role("button", name="Duplicate").first.click()
        page.locator("#token-accent").fill("#aa0000")
        press(owner, "Preview")
        page.wait_for_url("**#look")
        assert background(sample(page)) == RED
        press(owner, "Save")
        page.get_by_role("status").get_by_text("saved").wait_for()
        assert background(sample(page)) == RED
        wear(page, "Harbour light (copy) – Light", "Paper – Dark")
        page.goto("/settings")
        expect(page.get_by_role("button", name="Save")).to_have_css("background-color", RED)

    await in_panel(database, account, chromium, walk, java_script_enabled=False)


async def test_nothing_flashes(database: Pool, account: ForumAccount, chromium: Chromium) -> None:
    """The sheet that is worn is there before anything is painted, and nothing moves."""
    await furnish(database)

    def walk(browser: Browser) -> None:
        for scheme in ("light", "dark"):
            with visitor(browser, forum, color_scheme=scheme) as someone:
                for path in ("/", TOPIC, "/settings"):
                    someone.page.goto(path)
                    assert someone.page.evaluate(BLOCKING) == 1
                    assert someone.page.evaluate(SHIFTS) == 0

    async with serving(database) as forum:
        await chromium.run(walk)


@pytest.mark.network
async def test_from_end_to_end(scene: Scene, chromium: Chromium) -> None:
    """An admin duplicates a theme, changes its accent and makes it the default; a visitor elsewhere sees it."""
    ann = await scene.member("ann")
    role = await scene.forum.create(ROLE, named("Designer", permissions=[MANAGE_THEMES], priority=10))
    await scene.forum.create(GRANT, grant(ann.did, role, by=scene.forum.did))

    def walk(browser: Browser) -> None:
        with visitor(browser, url) as admin, visitor(browser, url) as guest:
            guest.page.goto("/")
            assert background(guest.page) != RED
            sign_in(admin, ann, next_path=PATH)
            admin.page.get_by_role("button", name="Duplicate").first.click()
            admin.page.locator("#token-accent").fill("#aa0000")
            expect(sample(admin.page).locator(".button").first).to_have_css("background-color", RED)
            press(admin, "Save")
            admin.page.get_by_role("status").get_by_text("saved").wait_for()
            wear(admin.page, "Paper light (copy) – Light", "Paper – Dark")
            while background(guest.page) != RED:  # the daemon keeps visitors' pages until it is told
                guest.page.reload()
            admin.page.goto("/")
            expect(admin.page.locator(".category h2").first).to_have_css("color", RED)
            assert admin.alarms == guest.alarms == []

    async with scene.daemon(FORUM_PASSWORD=scene.forum.password) as daemon:
        await wait_until(daemon.follows)
        await scene.wait_equal()
        url = daemon.url
        await chromium.run(walk)
        await scene.wait_equal()
