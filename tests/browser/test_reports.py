"""Reports in a browser: from a member's click to the reader who sees the post gone; and nothing in anybody's way."""

import json
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from daemon.pool import Pool
from demo.daemon import running_daemon, wait_until
from forum import sessions
from forum.records.names import MOD_ACTION
from tests.browser.chromium import Chromium, visitor
from tests.browser.furnished import ANN, BOB, CAT, TOPIC, furnish
from tests.browser.looking import barriers, tab_stops
from tests.browser.serving import serving
from tests.browser.test_right_to_left import faults, turn
from tests.e2e.scene import Scene
from tests.e2e.test_forum_account import wait_agent, with_password
from tests.e2e.test_moderation import with_moderator
from tests.web.forum_rows import FORUM_DID, post_uri
from tests.web.signing_in import session_of
from web.signed_in import COOKIE

pytestmark = pytest.mark.slow

QUEUE = "/admin/reports"
MEMBERS = {
    "form": f"{TOPIC}/p/{BOB}/{20:013}/report",
    "thanks": f"{TOPIC}/report",
    "for who is banned": f"{TOPIC}/report",
    "own": f"{TOPIC}/report",
    "for visitors": f"{TOPIC}/report",
}
MODERATORS = (QUEUE, f"{QUEUE}/history", "/admin", "/", *(f"{QUEUE}/1/{word}" for word in ("hide", "ban", "dismiss")))
# Ann's topic, with a voice of Cat's, waits; Bob's replies are claimed by somebody else, by who looks, and resolved.
REPORTED = (
    "INSERT INTO reports (post_uri, author) VALUES ($1, $2)",
    "INSERT INTO reports (post_uri, author) SELECT uri, did FROM posts WHERE root_uri = $1 AND did <> $2 LIMIT 3",
)
HEARD = """
INSERT INTO voices (report_id, reporter, post_cid, reason)
SELECT id, did, cid, E'Advertising, again and again.\\nThe link leads to a shop.'
  FROM reports, (VALUES ('did:plc:cat', 'cid'), ('did:plc:eve', 'before')) AS heard (did, cid)
"""
DECIDED = """
UPDATE reports SET claimed_by = CASE id WHEN 2 THEN 'did:plc:helper' WHEN 3 THEN 'did:plc:forum' END,
                   claimed_at = CASE WHEN id IN (2, 3) THEN now() END,
                   outcome = CASE id WHEN 4 THEN 'ban' END, resolved_by = CASE id WHEN 4 THEN 'did:plc:helper' END,
                   resolved_at = CASE id WHEN 4 THEN now() END, note = CASE id WHEN 4 THEN 'For the third time.' END
"""


@pytest.fixture
async def furnished(database: Pool) -> Pool:
    """With reports in every state."""
    await furnish(database)
    async with database.connection() as connection:
        for statement in REPORTED:
            await connection.execute(statement, post_uri(ANN, 1), ANN)
        await connection.execute(HEARD)
        await connection.execute(DECIDED)
    return database


@pytest.mark.parametrize("locale", ["en-GB", "de-AT"])
async def test_pages_for_moderators(furnished: Pool, chromium: Chromium, locale: str) -> None:
    """All of them, the menu's number included; and one sees where the tab key leads."""
    session = await session_of(furnished, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, reduced_motion="reduce", locale=locale) as someone:
            someone.plant(COOKIE, session, forum)
            for path in MODERATORS:
                someone.page.goto(path)
                assert barriers(someone.page) == [], path
            someone.page.goto(QUEUE)
            assert [html for html, is_seen in tab_stops(someone.page) if not is_seen] == []
            assert someone.alarms == []

    async with serving(furnished) as forum:
        await chromium.run(walk)


async def test_right_to_left(furnished: Pool, chromium: Chromium) -> None:
    """For readers of such a language: nothing sideways, nothing on top of another."""
    session = await session_of(furnished, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as someone:
            someone.page.route("**/*", turn)
            someone.plant(COOKIE, session, forum)
            for path in (*MODERATORS, MEMBERS["form"]):
                someone.page.goto(path)
                assert faults(someone.page) == [], path

    async with serving(furnished) as forum:
        await chromium.run(walk)


async def test_an_empty_queue(database: Pool, chromium: Chromium) -> None:
    await furnish(database)
    session = await session_of(database, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, reduced_motion="reduce") as someone:
            someone.plant(COOKIE, session, forum)
            for path in (QUEUE, f"{QUEUE}/history"):
                someone.page.goto(path)
                assert barriers(someone.page) == [], path

    async with serving(database) as forum:
        await chromium.run(walk)


@pytest.mark.parametrize("page", MEMBERS)
async def test_pages_for_members(furnished: Pool, chromium: Chromium, page: str) -> None:
    """The form, also when it was refused; the thanks; and why there is no form."""
    who = {"for who is banned": "did:plc:banned", "own": ANN}.get(page, CAT)
    async with furnished.connection() as connection:
        await connection.execute(
            "INSERT INTO mod_actions (rkey, pair, is_on, subject, created_by, created_at)"
            " VALUES ('3k2', 'ban', true, 'did:plc:banned', 'did:plc:ann', now())"
        )
    session = await session_of(furnished, who)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, reduced_motion="reduce") as someone:
            if page != "for visitors":
                someone.plant(COOKIE, session, forum)
            someone.page.goto(MEMBERS[page])
            assert barriers(someone.page) == []
            if page == "form":
                someone.page.get_by_label("What is wrong").fill("x" * 1001)
                someone.page.get_by_role("button", name="Send report").click()
                someone.page.get_by_role("alert").wait_for()
                assert barriers(someone.page) == []
            assert someone.alarms == []

    async with serving(furnished) as forum:
        await chromium.run(walk)


async def test_in_a_dialog(furnished: Pool, chromium: Chromium) -> None:
    """For members, too, the form opens over the page; where something was sent already, the thanks for it."""
    session = await session_of(furnished, CAT)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, reduced_motion="reduce") as someone:
            someone.plant(COOKIE, session, forum)
            page = someone.page
            page.goto(f"{TOPIC}?page=2")
            dialog = page.get_by_role("dialog")
            page.get_by_role("link", name="Report").last.press("Enter")
            dialog.get_by_label("What is wrong").fill("Rude")
            assert barriers(page) == []
            dialog.get_by_role("button", name="Send report").click()
            page.get_by_role("heading", name="Thank you").wait_for()
            page.get_by_role("link", name="Back to the post").click()
            page.locator("article:target").wait_for()
            page.wait_for_load_state()  # else the next link, too, leads to a page of its own
            page.locator("article:target").get_by_role("link", name="Report").click()
            dialog.get_by_role("heading", name="Thank you").wait_for()
            here = page.url
            dialog.get_by_role("link", name="Back to the post").click()
            dialog.wait_for(state="hidden")
            assert page.url == here
            assert someone.alarms == []

    async with serving(furnished) as forum:
        await chromium.run(walk)


async def test_resolving_in_a_dialog(furnished: Pool, chromium: Chromium) -> None:
    """Over the queue, where one begins to write at once; cancelled, it leaves everything as it is."""
    session = await session_of(furnished, FORUM_DID)

    def walk(browser: Browser) -> None:
        with visitor(browser, forum, reduced_motion="reduce") as someone:
            someone.plant(COOKIE, session, forum)
            page = someone.page
            page.goto(QUEUE)
            dialog, report = page.get_by_role("dialog"), page.locator("#report-1")
            report.get_by_role("link", name="Hide").click()
            dialog.get_by_text("Reported by 2 members").wait_for()
            expect(dialog.get_by_label("Why?")).to_be_focused()
            expect(dialog.get_by_text("No earlier report")).to_be_hidden()
            expect(dialog.get_by_role("button", name="Hide")).to_be_in_viewport(ratio=1)
            assert barriers(page) == []
            dialog.get_by_role("link", name="Cancel").click()
            dialog.wait_for(state="hidden")
            report.get_by_role("link", name="Dismiss").click()
            expect(dialog.get_by_label("Note")).to_be_focused()
            dialog.get_by_label("Note").fill("A matter of taste")
            dialog.get_by_role("button", name="Dismiss").click()
            report.wait_for(state="detached")
            assert someone.alarms == []

    async with serving(furnished) as forum:
        await chromium.run(walk)


@pytest.mark.network
@pytest.mark.parametrize("has_scripts", [True, False])
async def test_from_end_to_end(scene: Scene, chromium: Chromium, has_scripts: bool) -> None:
    """A member reports on a phone, a moderator claims, and hides with a reason; readers see the post no more."""
    ann, bob, cat = await with_moderator(scene), await scene.member("bob"), await scene.member("cat")
    topic = await scene.topic(ann, "Pansies")
    await scene.reply(bob, topic, "Buy my pills.")
    path = f"/t/{ann.did}/{topic.rkey}"
    options = {"java_script_enabled": has_scripts}

    def report(browser: Browser) -> None:
        with visitor(browser, daemon.url, **options, viewport={"width": 360, "height": 700}) as member:
            member.plant(COOKIE, tokens["cat"], daemon.url)
            page = member.page
            page.goto(path)
            expect(page.locator(".waiting")).to_have_count(0)
            post(page).get_by_role("link", name="Report").click()
            page.get_by_label("What is wrong").fill("My confidential words")
            page.get_by_role("button", name="Send report").click()
            page.get_by_text("Your report is with the moderators.").wait_for()
            page.get_by_role("link", name="Back to the post").click()
            post(page).wait_for()
            assert member.alarms == []

    def moderate(browser: Browser) -> None:
        with visitor(browser, daemon.url, **options) as moderator:
            moderator.plant(COOKIE, tokens["ann"], daemon.url)
            page = moderator.page
            page.goto("/")
            page.locator(".menu summary").click()
            page.get_by_role("link", name="Reports").click()
            report = page.locator(".reports > li")
            expect(report).to_contain_text("My confidential words")
            report.get_by_role("button", name="Claim").click()
            expect(report).to_contain_text("You are looking at it")
            report.get_by_role("link", name="Hide").click()
            page.get_by_label("Why?").fill("Advertising")
            page.get_by_label("Note").fill("Second time")
            page.get_by_role("button", name="Hide").click()
            page.get_by_text("Nothing is waiting").wait_for()
            expect(page.locator(".waiting")).to_have_count(0)
            page.get_by_role("link", name="Resolved reports").click()
            expect(report).to_contain_text("Note: Second time")
            assert moderator.alarms == []

    def read(browser: Browser) -> None:
        with visitor(browser, daemon.url, **options) as reader:
            for _ in range(2):  # the second time it is kept
                reader.page.goto(path)
                reader.page.get_by_role("heading", name="Pansies").wait_for()
                assert post(reader.page).count() == (0 if is_hidden else 1)

    async def is_gone() -> bool:
        """Also from the kept page, as soon as that was told."""
        return "Buy my pills." not in (await daemon.http.get(daemon.url + path)).text

    tokens: dict[str, str] = {}
    settings = with_password(scene)
    async with running_daemon(settings) as daemon:
        await wait_agent(daemon, "authenticated")
        await scene.wait_equal()
        async with scene.index.transaction() as tx:
            for name, account in (("ann", ann), ("cat", cat)):
                tokens[name] = await sessions.create(tx, account.did, timedelta(days=1))
        is_hidden = False
        for walk in (read, report, moderate):
            await chromium.run(walk)
        await wait_until(is_gone)
        is_hidden = True
        await chromium.run(read)
    [(_, record)] = await scene.pds.records(scene.forum.did, MOD_ACTION)
    assert record["reason"] == "Advertising"
    for account in (scene.forum, ann, bob, cat):
        for name in await scene.pds.collections(account.did):
            assert "confidential" not in json.dumps([held for _, held in await scene.pds.records(account.did, name)])


def post(page: Page) -> Locator:
    return page.locator("article").filter(has_text="Buy my pills.")
