"""Writing in a browser: with a real sign-in from end to end, also without scripts; and what scripts add to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from playwright.sync_api import Browser, Locator, Page, expect

from daemon.pool import Pool
from demo.daemon import wait_until
from demo.xrpc import Account
from forum.records.names import POST
from tests.browser.chromium import Chromium, Visitor, visitor
from tests.browser.looking import barriers
from tests.browser.serving import serving
from tests.browser.signing_in import give, press
from tests.e2e.scene import Scene
from tests.web.writers import ANN, BOB, SHELF_KEY, TOPIC, Forum, planted
from web.signed_in import COOKIE

pytestmark = pytest.mark.slow

AWAY = "Your account's server does not answer right now; please try again."
NEW = f"/b/{SHELF_KEY}/new"
NAME = "INSERT INTO accounts (did, handle) VALUES ($1, $2) ON CONFLICT (did) DO UPDATE SET handle = excluded.handle"
DRAFTS = "Object.keys(localStorage).filter(key => key.startsWith('draft '))"

Walk = Callable[[Visitor], None]


@asynccontextmanager
async def open_forum(scene: Scene) -> AsyncIterator[str]:
    async with scene.daemon() as daemon:
        await wait_until(daemon.follows)
        await scene.wait_equal()
        yield daemon.url


def sign_in(visitor: Visitor, account: Account) -> None:
    """As people do: by the page's button, and the form behind it."""
    visitor.page.get_by_role("link", name="Sign in").first.click()
    visitor.page.get_by_label("Your handle").fill(account.handle)
    press(visitor, "Continue")
    give(visitor, account.password)
    press(visitor, "Authorize")


def expect_body(page: Page, text: str) -> None:
    """Of the first post."""
    expect(page.locator(".post .body").first).to_have_text(text)


def write(page: Page, label: str, text: str, button: str) -> None:
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name=button, exact=True).click()


@pytest.mark.network
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("has_scripts", [True, False])
async def test_from_end_to_end(scene: Scene, chromium: Chromium, has_scripts: bool, width: int) -> None:
    """Signed in at one's own server: a topic, a reply that quotes it, an edit, a deletion; and out again."""
    ann = await scene.pds.account("ann")
    board = f"/b/{scene.board.uri.rpartition('/')[2]}"

    def walk(browser: Browser) -> None:
        with visitor(browser, url) as someone:  # servers' own pages do not do without scripts
            someone.page.goto(board)
            someone.page.get_by_role("link", name="New topic", exact=True).click()
            sign_in(someone, ann)
            someone.page.get_by_label("Title").wait_for()
            session = someone.cookie(COOKIE) or {}
        with visitor(
            browser, url, java_script_enabled=has_scripts, viewport={"width": width, "height": 700}
        ) as someone:
            page = someone.page
            someone.plant(COOKIE, session["value"], url)
            page.goto(f"{board}/new")
            page.get_by_label("Title").fill("Slugs")
            write(page, "Text", "What *do* they want?", "Post")
            page.get_by_role("heading", name="Slugs").wait_for()
            expect_body(page, "What do they want?")

            page.get_by_role("link", name="Quote").click()
            reply = page.get_by_label("Your reply", exact=True)
            quote = f"> @{ann.handle}:\n>\n> What *do* they want?\n\n"
            expect(reply).to_have_value(quote)
            write(page, "Your reply", f"{quote}Lettuce.", "Post")
            page.locator("article:target").get_by_text("Lettuce.").wait_for()

            page.locator("article").nth(1).get_by_role("link", name="Edit").click()
            write(page, "Text", "Beer.", "Save")
            page.locator("article").nth(1).get_by_text("Beer.").wait_for()
            page.locator("article").nth(1).get_by_role("link", name="Delete").click()
            page.get_by_role("button", name="Delete").click()
            page.get_by_text("Deleted by its author.").wait_for()

            page.locator(".menu summary").click()
            page.get_by_role("button", name="Sign out").click()
            page.get_by_role("link", name="Sign in").first.wait_for()
            assert someone.cookie(COOKIE) is None
            assert someone.alarms == []

    async with open_forum(scene) as url:
        await chromium.run(walk)
        assert [record["title"] for _, record in await scene.pds.records(ann.did, POST)] == ["Slugs"]


@pytest.mark.network
async def test_the_server_is_lost(scene: Scene, chromium: Chromium) -> None:
    """In the middle of a post: the text comes back with a sentence, and goes through when the server does."""
    ann = await scene.pds.account("ann")

    def walk(browser: Browser) -> None:
        with visitor(browser, url) as someone:
            page = someone.page
            page.goto(f"/b/{scene.board.uri.rpartition('/')[2]}/new")
            sign_in(someone, ann)
            page.get_by_label("Title").fill("Slugs")
            page.get_by_label("Text", exact=True).fill("All my thoughts")
            trio.from_thread.run(scene.network.stop_pds, trio_token=token)
            press(someone, "Post")
            page.get_by_role("alert").get_by_text(AWAY).wait_for()
            expect(page.get_by_label("Text", exact=True)).to_have_value("All my thoughts")
            trio.from_thread.run(scene.network.start_pds, trio_token=token)
            press(someone, "Post")
            page.get_by_role("heading", name="Slugs").wait_for()
            expect_body(page, "All my thoughts")

    token = trio.lowlevel.current_trio_token()
    async with open_forum(scene) as url:
        await chromium.run(walk)


@pytest.fixture
async def forum(database: Pool) -> Forum:
    """Ann's and Bob's, with a topic of Bob's."""
    forum = await planted(database)
    async with forum.member(BOB) as bob:
        await bob.post("/api/topics", json=TOPIC | {"title": "Slugs", "text": "One.\n\nTwo ||three||."})
    async with database.connection() as connection:
        for did, handle in ((ANN, "ann.test"), (BOB, "bob.test")):
            await connection.execute(NAME, did, handle)
    return forum


@asynccontextmanager
async def writing(forum: Forum, chromium: Chromium) -> AsyncIterator[Callable[[Walk], Awaitable[None]]]:
    """What lets Ann walk, signed in."""
    session = await forum.session(ANN)
    async with serving(forum.database, door=forum.door()) as url:

        async def go(walk: Walk) -> None:
            def begin(browser: Browser) -> None:
                with visitor(browser, url, viewport={"width": 360, "height": 800}, reduced_motion="reduce") as ann:
                    ann.plant(COOKIE, session, url)
                    ann.page.goto(f"/b/{SHELF_KEY}")
                    walk(ann)
                    assert ann.alarms == []

            await chromium.run(begin)

        yield go


def open_topic(page: Page) -> None:
    page.get_by_role("link", name="Slugs").click()
    wait_equipped(page)


def reply(page: Page, text: str) -> None:
    """Write one, and arrive at it."""
    write(page, "Your reply", text, "Post")
    page.locator("article:target").wait_for()
    wait_equipped(page)


def wait_equipped(page: Page) -> None:
    """Until the scripts have come, and found the form for a reply."""
    page.locator("#compose-text-count").get_by_text("0 of 20,000 characters").wait_for()


def edit(post: Locator) -> Locator:
    """Begin to; the field, once the scripts have found it, too."""
    post.get_by_role("link", name="Edit").click()
    text = post.get_by_label("Text", exact=True)
    expect(text).to_be_focused()
    return text


def field(page: Page) -> Locator:
    return page.locator("#compose-text")


async def test_a_draft(forum: Forum, chromium: Chromium) -> None:
    """Kept where it was begun, until it is sent or thrown away; nobody else's."""

    def walk(ann: Visitor) -> None:
        page = ann.page
        open_topic(page)
        topic = page.url
        page.get_by_role("link", name="Reply", exact=True).last.click()
        field(page).fill("Half a thought")
        page.goto("/about")
        page.goto(topic)
        page.get_by_text("This is what you had begun to write.").wait_for()
        assert field(page).input_value() == "Half a thought"
        expect(page.locator("form .answers span")).to_have_text("In answer to bob.test")
        page.goto(NEW)
        assert field(page).input_value() == ""

        page.goto(topic)
        reply(page, "A whole thought")
        assert field(page).input_value() == ""
        assert page.evaluate(DRAFTS) == []

        field(page).fill("Never mind")
        page.goto("/about")
        page.goto(topic)
        page.get_by_role("button", name="Discard it").click()
        assert field(page).input_value() == ""
        page.goto("/about")
        assert page.evaluate(DRAFTS) == []

    async with writing(forum, chromium) as go:
        await go(walk)


async def test_a_draft_beside_another_tab(forum: Forum, chromium: Chromium) -> None:
    """That in which nothing was typed leaves it be when it is closed."""

    def walk(ann: Visitor) -> None:
        page, other = ann.page, ann.context.new_page()
        open_topic(page)
        other.goto(page.url)
        wait_equipped(other)
        field(page).fill("Half a thought")
        page.goto("/about")
        assert len(page.evaluate(DRAFTS)) == 1
        other.goto("/about")
        assert len(page.evaluate(DRAFTS)) == 1

    async with writing(forum, chromium) as go:
        await go(walk)


async def test_a_draft_outlives_a_refusal(forum: Forum, chromium: Chromium) -> None:
    """What comes back from the server is newer than the draft, which stays until the post is made."""

    def walk(ann: Visitor) -> None:
        page = ann.page
        open_topic(page)
        topic = page.url
        forum.servers.of(ANN).answers["putRecord"] = httpx.Response(502)
        write(page, "Your reply", "Try me", "Post")
        page.get_by_role("alert").get_by_text(AWAY).wait_for()
        expect(field(page)).to_have_value("Try me")
        page.goto(topic)
        page.get_by_text("This is what you had begun to write.").wait_for()
        assert field(page).input_value() == "Try me"

    async with writing(forum, chromium) as go:
        await go(walk)


async def test_an_edit_in_its_place(forum: Forum, chromium: Chromium) -> None:
    """Where the post stands, beside the form for a reply; given up, refused with what was typed, and done."""

    def walk(ann: Visitor) -> None:
        page = ann.page
        open_topic(page)
        reply(page, "Salt.")
        post = page.locator("article").nth(1)
        text = edit(post)
        expect(post.get_by_text("Salt.", exact=True).first).to_be_hidden()
        assert barriers(page) == []
        post.get_by_role("link", name="Cancel").click()
        expect(post.get_by_text("Salt.")).to_be_visible()
        expect(post.get_by_role("link", name="Edit")).to_be_focused()

        page.keyboard.press("Enter")
        expect(text).to_be_focused()
        forum.servers.of(ANN).answers["putRecord"] = httpx.Response(502)
        write(page, "Text", "Never *salt*.", "Save")
        post.get_by_role("alert").get_by_text(AWAY).wait_for()
        assert text.input_value() == "Never *salt*."
        assert barriers(page) == []
        del forum.servers.of(ANN).answers["putRecord"]
        page.get_by_role("button", name="Save", exact=True).click()
        post.locator("em").get_by_text("salt").wait_for()
        assert post.locator("form").count() == 0
        expect(post).to_be_focused()
        assert page.evaluate(DRAFTS) == []
        assert [alarm.rpartition("/")[2] for alarm in ann.alarms] == ["edit"], "the refusal alone"
        ann.alarms.clear()

    async with writing(forum, chromium) as go:
        await go(walk)


async def test_a_draft_of_an_edit(forum: Forum, chromium: Chromium) -> None:
    """Knows what it was made of, and goes over nothing that was written elsewhere since; thrown away, it is no more."""

    async def rewritten(text: str) -> None:
        [uri] = forum.held_uris(ANN)
        async with forum.database.connection() as connection:
            number = await connection.fetchval("SELECT id FROM posts WHERE uri = $1", uri)
        async with forum.member(ANN) as phone:
            assert (await phone.put(f"/api/posts/{number}", json={"text": text})).status_code == 200

    def walk(ann: Visitor) -> None:
        page = ann.page
        open_topic(page)
        topic = page.url
        reply(page, "Salt.")
        post = page.locator("article").nth(1)
        edit(post).fill("Sugar.")
        page.goto("/about")
        trio.from_thread.run(rewritten, "Honey.", trio_token=token)
        page.goto(topic)
        post.get_by_role("link", name="Edit").click()
        expect(post.get_by_label("Text", exact=True)).to_have_value("Sugar.")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(post.locator(".current pre")).to_have_text("Honey.")
        assert [record["text"] for record in forum.held(ANN)] == ["Honey."]

        page.goto("/about")
        trio.from_thread.run(rewritten, "Syrup.", trio_token=token)
        page.goto(topic)
        post.get_by_role("link", name="Edit").click()
        post.get_by_role("button", name="Discard it").click()
        expect(post.get_by_label("Text", exact=True)).to_have_value("Syrup.")
        write(page, "Text", "Jam.", "Save")
        expect(post.locator(".body").first).to_have_text("Jam.")
        assert post.locator("form").count() == 0
        assert [alarm.rpartition("/")[2] for alarm in ann.alarms] == ["edit"], "the refusal alone"
        ann.alarms.clear()

    token = trio.lowlevel.current_trio_token()
    async with writing(forum, chromium) as go:
        await go(walk)


async def test_previews_of_an_edit(forum: Forum, chromium: Chromium) -> None:
    """Are shown with it; one that fails saves nothing, whether asked for or not, even if one has looked away since."""

    def walk(ann: Visitor) -> None:
        page, sent = ann.page, []
        page.on("request", lambda asked: sent.append(asked.url) if asked.url.endswith("/edit") else None)
        open_topic(page)
        reply(page, "Salt.")
        post = page.locator("article").nth(1)
        text, button = edit(post), post.get_by_role("button", name="Preview")
        text.fill("*Pepper*")
        button.click()
        shown = post.get_by_role("region", name="Preview").locator("em")
        expect(shown).to_have_text("Pepper")
        sent.clear()
        page.route("**/preview", lambda route: route.abort())
        with page.expect_event("requestfailed"):
            text.fill("*Half")
        page.unroute("**/preview")
        text.fill("*Half a thought*")
        expect(shown).to_have_text("Half a thought")
        assert sent == []

        page.route("**/preview", lambda route: route.abort())
        button.evaluate("button => { button.focus(); button.click(); button.blur() }")
        page.wait_for_url("**/edit")
        expect(page.get_by_role("region", name="Preview").locator("em")).to_have_text("Half a thought")
        assert [record["text"] for record in forum.held(ANN)] == ["Salt."]
        ann.alarms.clear()

    async with writing(forum, chromium) as go:
        await go(walk)


async def test_counting(forum: Forum, chromium: Chromium) -> None:
    """As readers count; what is too much is said, and not sent."""

    def walk(ann: Visitor) -> None:
        page = ann.page
        page.get_by_role("link", name="New topic", exact=True).click()
        for typed, said in (
            ("👩‍👩‍👧‍👧 é 🇩🇪", "5 of 120 characters"),
            ("x" * 120, "120 of 120 characters"),
            ("👩‍👩‍👧‍👧" * 122, "2 characters too many"),
        ):
            page.get_by_label("Title").fill(typed)
            page.locator("#compose-title-count").get_by_text(said, exact=True).wait_for()
        write(page, "Text", "x", "Post")
        assert page.url.endswith(NEW)
        assert page.evaluate("document.activeElement.name") == "title"

    async with writing(forum, chromium) as go:
        await go(walk)


async def test_a_preview(forum: Forum, chromium: Chromium) -> None:
    """Without leaving the page, and kept up to date; what cannot be shown, the form itself says."""

    def walk(ann: Visitor) -> None:
        page = ann.page
        open_topic(page)
        write(page, "Your reply", "*Soon*", "Preview")
        page.get_by_role("region", name="Preview").locator("em").get_by_text("Soon").wait_for()
        field(page).fill("*Sooner*")
        page.get_by_role("region", name="Preview").locator("em").get_by_text("Sooner").wait_for()
        assert barriers(page) == []
        field(page).fill("x" * 20_001)
        page.get_by_role("button", name="Preview").click()
        page.get_by_text("This is 1 character too long.").wait_for()
        assert field(page).input_value() == "x" * 20_001

    async with writing(forum, chromium) as go:
        await go(walk)


async def test_quoting(forum: Forum, chromium: Chromium) -> None:
    """The whole post, or what is selected of it, below what was begun; the form tells what it answers."""

    def walk(ann: Visitor) -> None:
        page = ann.page
        open_topic(page)
        field(page).fill("Well.")
        page.get_by_role("link", name="Quote").click()
        expect(field(page)).to_have_value("Well.\n\n> @bob.test:\n>\n> One.\n>\n> Two ||three||.\n\n")
        expect(page.locator("form .answers span")).to_have_text("In answer to bob.test")
        expect(page.locator("form .answers q")).to_have_text("One. Two […].")

        field(page).fill("")
        page.locator(".post .body p").first.select_text()
        page.locator("button.pick").click()
        assert field(page).input_value() == "> @bob.test:\n>\n> One.\n\n"
        page.get_by_role("link", name="Answer the topic instead").click()
        assert page.locator("[name=to]").input_value() == ""
        assert page.evaluate("document.activeElement.name") == "text"

    async with writing(forum, chromium) as go:
        await go(walk)


async def test_mentions(forum: Forum, chromium: Chromium) -> None:
    """By the keyboard alone."""

    def walk(ann: Visitor) -> None:
        page = ann.page
        open_topic(page)
        height = page.locator("form#compose").evaluate("form => form.offsetHeight")
        field(page).press_sequentially("Hello @b")
        page.get_by_role("option", name="bob.test").wait_for()
        assert page.locator("form#compose").evaluate("form => form.offsetHeight") == height
        assert barriers(page) == []
        field(page).press("Enter")
        assert field(page).input_value() == "Hello @bob.test "
        field(page).press_sequentially("@b")
        page.get_by_role("option", name="bob.test").wait_for()
        field(page).press("Escape")
        page.get_by_role("listbox").wait_for(state="hidden")
        assert field(page).input_value() == "Hello @bob.test @b"

    async with writing(forum, chromium) as go:
        await go(walk)


async def test_barriers(forum: Forum, chromium: Chromium) -> None:
    """None in any state of the form, at any width, in light and dark."""

    def walk(ann: Visitor) -> None:
        page = ann.page
        open_topic(page)
        menu = page.locator("details.menu")
        menu.locator("summary").press("Enter")
        assert barriers(page) == []
        page.keyboard.press("Escape")
        expect(menu).not_to_have_attribute("open", "")
        menu.locator("summary").click()
        page.get_by_role("link", name="Reply", exact=True).last.click()
        expect(menu).not_to_have_attribute("open", "")
        page.locator("details.help summary").click()
        assert barriers(page) == []
        page.goto(NEW)
        assert barriers(page) == []
        forum.servers.of(ANN).answers["putRecord"] = httpx.Response(502)
        page.get_by_label("Title").fill("x")
        write(page, "Text", "x", "Post")
        page.get_by_role("alert").wait_for()
        assert barriers(page) == []
        page.goto("/settings?saved")
        assert barriers(page) == []
        page.goto("/api/auth/login?handle=")
        assert barriers(page) == []

    async with writing(forum, chromium) as go:
        await go(walk)
