"""Running the forum in a browser: from an owner's first sign-in to what a visitor sees of it, on the real network."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from daemon.pool import Pool
from demo.daemon import wait_until
from demo.records import grant, named
from demo.xrpc import Account
from forum.permissions import BUILT_IN
from forum.records.names import BOARD, CATEGORY, FORUM, GRANT, ROLE
from tests.browser.chromium import Chromium, Visitor, visitor
from tests.browser.furnished import furnish
from tests.browser.looking import barriers, tab_stops
from tests.browser.serving import serving
from tests.browser.signing_in import press, sign_in
from tests.e2e.scene import Scene
from tests.web.forum_rows import FORUM_DID
from tests.web.signing_in import session_of
from web.signed_in import COOKIE

pytestmark = pytest.mark.slow

PLACE, PERSON = "0000000000001", "0000000000009"
ROW = ".rows > li"  # of whatever the panel lists
PAGES = (
    "/admin",
    "/admin/forum",
    "/admin/structure",
    "/admin/structure/categories/new",
    f"/admin/structure/categories/{PLACE}/delete",
    f"/admin/structure/boards/{PLACE}",
    f"/admin/structure/boards/{PLACE}/delete",
    "/admin/roles",
    f"/admin/roles/{PERSON}",
    f"/admin/roles/{PERSON}/delete",
    "/admin/members?waiting=1",
    f"/admin/members?role={PERSON}",
)
RANKS = """
WITH joined AS (INSERT INTO members VALUES ('did:plc:bob', now()), ('did:plc:cat', now())),
     approving AS (UPDATE settings SET default_role = NULL),
     given AS (INSERT INTO grants VALUES ('3k', 'did:plc:ann', $1, 'did:plc:forum', now()))
INSERT INTO roles (uri, name, description, permissions, priority, created_at)
VALUES ($1, 'Keeper of the Donaudampfschifffahrtselektrizitätenhauptbetriebswerke', 'Keeps them in order',
        '{space.atbb.permission.lockTopics, space.atbb.permission.createPosts, com.example.sing}', 20, now())
"""


@pytest.fixture
async def furnished(database: Pool) -> Pool:
    """A forum with a role, somebody who has it, and others who wait to be let in."""
    await furnish(database)
    async with database.connection() as connection:
        await connection.execute(RANKS, f"at://{FORUM_DID}/{ROLE}/{PERSON}")
    return database


@pytest.mark.parametrize("locale", ["en-GB", "de-AT"])
async def test_pages(furnished: Pool, chromium: Chromium, locale: str) -> None:
    """No barriers, nor alarms, on phones and desks, in light and dark; also where something was refused."""
    session = await session_of(furnished, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, reduced_motion="reduce", locale=locale) as someone:
            someone.plant(COOKIE, session, forum)
            for path in PAGES:
                someone.page.goto(path)
                assert barriers(someone.page) == [], path
            for path in (f"/admin/structure/boards/new?category={PLACE}", "/admin/roles/new"):
                someone.page.goto(path)
                someone.page.locator("#name").fill("x" * 101)
                someone.page.locator("main form.form button").click()
                someone.page.locator("#name-fault").wait_for()
                assert barriers(someone.page) == [], path
            assert someone.alarms == []

    async with serving(furnished) as forum:
        await chromium.run(walk)


@pytest.mark.parametrize("path", ["/admin/structure", "/admin/roles", f"/admin/structure/boards/{PLACE}"])
async def test_keyboard(furnished: Pool, chromium: Chromium, path: str) -> None:
    """To everything there is, and one sees where one is."""
    session = await session_of(furnished, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as someone:
            someone.plant(COOKIE, session, forum)
            someone.page.goto(path)
            stops = tab_stops(someone.page)
            assert [html for html, is_seen in stops if not is_seen] == []
            focusable = "a[href]:visible, summary, button:enabled:visible, :is(input, select, textarea):enabled:visible"
            assert len(stops) == someone.page.locator(focusable).count()

    async with serving(furnished) as forum:
        await chromium.run(walk)


@asynccontextmanager
async def open_forum(scene: Scene, owner: Account) -> AsyncIterator[str]:
    """The address of a daemon that can write as the forum, which has the roles it is founded with, and an owner."""
    roles = {}
    for name, rights in BUILT_IN.items():
        fields = named(name, permissions=sorted(rights.permissions), priority=rights.priority)
        roles[name] = await scene.forum.create(ROLE, fields)
    await scene.forum.create(GRANT, grant(owner.did, roles["Owner"], by=scene.forum.did))
    async with scene.daemon(FORUM_PASSWORD=scene.forum.password) as daemon:
        await wait_until(daemon.follows)
        await scene.wait_equal()

        async def can_write() -> bool:
            return bool((await daemon.get("/api/health"))["services"]["forumAgent"]["authenticated"])

        await wait_until(can_write)
        yield daemon.url


def session_by_hand(browser: Browser, url: str, account: Account) -> str:
    """Signed in at one's own server, whose pages do not do without scripts."""
    with visitor(browser, url) as someone:
        sign_in(someone, account, next_path="/admin")
        return str((someone.cookie(COOKIE) or {})["value"])


def fill(page: Page, **fields: str) -> None:
    for label, text in fields.items():
        page.get_by_label(label, exact=True).fill(text)


def go(page: Page, link: str) -> None:
    page.get_by_role("link", name=link, exact=True).first.click()


@pytest.mark.network
@pytest.mark.parametrize("has_scripts", [True, False])
async def test_an_owner_arranges_the_forum(scene: Scene, chromium: Chromium, has_scripts: bool) -> None:
    """Opens a category and boards, puts them in order, edits a role, renames the forum: and a visitor sees it."""
    owner = await scene.pds.account("owner")

    def walk(browser: Browser) -> None:
        session = session_by_hand(browser, url, owner)
        with visitor(browser, url, java_script_enabled=has_scripts, viewport={"width": 360, "height": 700}) as someone:
            someone.plant(COOKIE, session, url)
            someone.page.goto("/admin")
            arrange(someone.page)
            change_role(someone.page)
            rename(someone.page)
            assert someone.alarms == []
        with visitor(browser, url) as someone:
            see(someone)

    async with open_forum(scene, owner) as url:
        await chromium.run(walk)
        await scene.wait_equal()
    [(_, itself)] = await scene.pds.records(scene.forum.did, FORUM)
    assert (itself["name"], itself["description"]) == ("The Greenhouse", "Gardeners and their tools")
    boards = [record for _, record in await scene.pds.records(scene.forum.did, BOARD)]
    assert {board["category"]["$type"] for board in boards} <= {f"{BOARD}#categoryRef"}
    assert len(boards) == 3
    assert len(await scene.pds.records(scene.forum.did, CATEGORY)) == 2


def arrange(page: Page) -> None:
    go(page, "Categories and boards")
    go(page, "New category")
    fill(page, Name="Indoors", Description="Under a roof")
    press_save(page, "Create")
    for name in ("House plants", "Windowsills", "Mistake"):
        go(page, "New board in Indoors")
        fill(page, Name=name, Slug=name.lower().replace(" ", "-"))
        press_save(page, "Create")
    page.get_by_role("button", name="Move Windowsills up").click()
    expect(page.get_by_role("heading", level=3)).to_have_text(["Vegetables", "Windowsills", "House plants", "Mistake"])
    page.get_by_role("button", name="Move Indoors up").click()
    expect(page.get_by_role("heading", level=2)).to_have_text(["Indoors", "Outdoors"])
    go(page, "Delete: Mistake")
    press_save(page, "Delete")
    expect(page.get_by_role("heading", level=2)).to_have_text(["Indoors", "Outdoors"])
    expect(page.get_by_role("heading", level=3)).to_have_text(["Windowsills", "House plants", "Vegetables"])
    go(page, "Delete: Outdoors")
    expect(page.get_by_text("The category still has 1 board.")).to_be_visible()


def change_role(page: Page) -> None:
    go(page, "Roles")
    go(page, "Edit: Moderator")
    fill(page, Name="Gardener", Description="Keeps the peace")
    page.get_by_label("Ban and mute").uncheck()
    press_save(page, "Save")
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Gardener"))
    expect(row).to_contain_text("Hide posts, Lock topics, Pin topics, Begin topics, Write replies")


def rename(page: Page) -> None:
    page.get_by_role("navigation", name="Running the forum").get_by_role("link", name="Forum", exact=True).click()
    fill(page, Name="The Greenhouse")
    press_save(page, "Save")
    expect(page.get_by_role("status")).to_have_text("It is saved.")


def press_save(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def see(someone: Visitor) -> None:
    someone.page.goto("/")
    expect(someone.page.get_by_role("heading", level=1)).to_have_text("The Greenhouse")
    expect(someone.page.get_by_role("heading", level=2)).to_have_text(["Indoors", "Outdoors"])
    expect(someone.page.get_by_role("heading", level=3)).to_have_text(["Windowsills", "House plants", "Vegetables"])
    someone.page.get_by_role("link", name="House plants").click()
    someone.page.wait_for_url(re.compile("/b/[^/]+/house-plants$"))


@pytest.mark.network
async def test_two_at_the_same_time(scene: Scene, chromium: Chromium) -> None:
    """The second to save is shown what the first has written, with their own beside it, and decides."""
    owner = await scene.pds.account("owner")

    def walk(browser: Browser) -> None:
        session = session_by_hand(browser, url, owner)
        with visitor(browser, url) as first, visitor(browser, url) as second:
            for someone in (first, second):
                someone.plant(COOKIE, session, url)
                someone.page.goto("/admin/structure")
                go(someone.page, "Edit: Vegetables")
            fill(first.page, Name="Roots")
            press_save(first.page, "Save")
            expect(first.page.get_by_role("heading", level=3)).to_have_text(["Roots"])
            page = second.page
            fill(page, Name="Leaves")
            press_save(page, "Save")
            expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed this since you began.")
            expect(page.get_by_role("definition").first).to_have_text("Roots")
            expect(page.get_by_label("Name", exact=True)).to_have_value("Leaves")
            assert barriers(page) == []
            press(second, "Save")
            expect(page.get_by_role("heading", level=3)).to_have_text(["Leaves"])

    async with open_forum(scene, owner) as url:
        await chromium.run(walk)
        await scene.wait_equal()
    [(_, board)] = await scene.pds.records(scene.forum.did, BOARD)
    assert board["name"] == "Leaves"


@pytest.mark.network
async def test_an_owner_sees_to_members_and_the_index(scene: Scene, chromium: Chromium) -> None:
    """Gives a member a role, has every repository fetched once more, and finds both in the audit."""
    owner, ann = await scene.pds.account("owner"), await scene.member("ann")

    def walk(browser: Browser) -> None:
        session = session_by_hand(browser, url, owner)
        with visitor(browser, url) as someone:
            someone.plant(COOKIE, session, url)
            page = someone.page
            page.goto("/admin")
            go(page, "Members")
            page.get_by_role("searchbox").fill(ann.handle)
            press_save(page, "Find")
            page.wait_for_url("/admin/members?name=**")
            page.get_by_label(f"Role of {ann.handle}").select_option(label="Moderator")
            press_save(page, "Give role")
            expect(page.locator(f"{ROW} .mark")).to_have_text("Moderator")
            go(page, "Backfill")
            fetch_all(page)
            go(page, "Audit")
            expect(page.locator(ROW).nth(0)).to_contain_text("Start a backfill")
            expect(page.locator(ROW).nth(1)).to_contain_text(ann.did)
            assert someone.alarms == []

    async def is_known() -> bool:
        async with scene.index.connection() as connection:
            return bool(await connection.fetchval("SELECT shown_handle FROM accounts WHERE did = $1", ann.did))

    async with open_forum(scene, owner) as url:
        await wait_until(is_known)
        await chromium.run(walk)
        await scene.wait_equal()
    assert ann.did in [record["subject"] for _, record in await scene.pds.records(scene.forum.did, GRANT)]


def fetch_all(page: Page) -> None:
    """The page follows the job to its end by itself."""
    past = page.locator(ROW)
    expect(past.first).to_contain_text("completed")
    count = past.count()
    press_save(page, "Start anyway: Full sync")
    expect(past).to_have_count(count + 1)
    expect(past.first).to_contain_text("completed")
    go(page, "Full sync")
    page.get_by_text("Nothing went wrong.").wait_for()
