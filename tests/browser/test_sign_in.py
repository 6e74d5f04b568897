"""Signing in as a person does it: in a browser, at the page of their own server, and all that must not come of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from demo.daemon import wait_until
from demo.xrpc import Account
from forum import sessions
from tests.browser.chromium import Chromium, Visitor, visitor
from tests.browser.signing_in import ask, begin, give, press, sign_in, who
from tests.e2e.scene import Scene
from web.cookies import SIGN_IN_COOKIE
from web.signed_in import COOKIE

pytestmark = [pytest.mark.network, pytest.mark.slow]

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
DENIED = "You were not signed in: it was not allowed, or not in time."


@asynccontextmanager
async def open_forum(scene: Scene) -> AsyncIterator[str]:
    """The address of a daemon that has begun its work, so that people can sign in."""
    async with scene.daemon() as daemon:
        await wait_until(daemon.follows)
        yield daemon.url


async def test_there_and_back(scene: Scene, chromium: Chromium) -> None:
    """After a slip of the fingers; by a cookie that no script sees; until one leaves."""
    ann = await scene.pds.account("ann")

    def walk(browser: Browser) -> None:
        with visitor(browser, url) as someone:
            begin(someone, ann, next_path="/about?from=here")
            give(someone, "not it")
            someone.page.get_by_role("alert").get_by_text("Wrong identifier or password").wait_for()
            give(someone, ann.password)
            press(someone, "Authorize")
            someone.page.wait_for_url("/about?from=here")
            assert who(someone) == ann.handle
            token = hidden_session_of(someone)
            assert someone.cookie(SIGN_IN_COOKIE) is None

            someone.page.get_by_role("banner").get_by_text(ann.handle).click()
            press(someone, "Sign out")
            someone.page.wait_for_url("/")
            assert who(someone) is None
            assert someone.cookie(COOKIE) is None
        with visitor(browser, url) as finder:
            finder.plant(COOKIE, token, url)
            finder.page.goto("/about")
            assert who(finder) is None

    async with open_forum(scene) as url:
        await chromium.run(walk)


async def test_a_no(scene: Scene, chromium: Chromium) -> None:
    """Before or after the password; it is told, nobody is signed in, and one may try again."""
    ann = await scene.pds.account("ann")

    def walk(browser: Browser) -> None:
        with visitor(browser, url) as someone:
            begin(someone, ann)
            press(someone, "Cancel")
            told_of_the_no(someone, ann)
            begin(someone, ann)
            give(someone, ann.password)
            press(someone, "Deny access")
            told_of_the_no(someone, ann)

    async with open_forum(scene) as url:
        await chromium.run(walk)


def told_of_the_no(someone: Visitor, account: Account) -> None:
    someone.page.get_by_role("alert").get_by_text(DENIED).wait_for()
    assert someone.page.get_by_label("Your handle").input_value() == account.handle
    assert who(someone) is None


async def test_a_planted_session(scene: Scene, chromium: Chromium) -> None:
    """Whoever had put theirs into the browser has nothing of the one that follows."""
    ann, mallory = await scene.pds.account("ann"), await scene.pds.account("mallory")

    def walk(browser: Browser) -> None:
        with visitor(browser, url) as someone, visitor(browser, url) as planter:
            for browsing in (someone, planter):
                browsing.plant(COOKIE, planted, url)
                browsing.page.goto("/about")
            assert ask(someone, "GET", "/api/auth/session")[1]["did"] == mallory.did
            sign_in(someone, ann)
            assert who(someone) == ann.handle
            assert hidden_session_of(someone) != planted
            assert who(planter) is None

    async with open_forum(scene) as url:
        async with scene.index.transaction() as tx:
            planted = await sessions.create(tx, mallory.did, timedelta(days=1))
        await chromium.run(walk)


async def test_two_browsers(scene: Scene, chromium: Chromium) -> None:
    """Either sees both, and may end the other."""
    ann = await scene.pds.account("ann")

    def walk(browser: Browser) -> None:
        with visitor(browser, url) as laptop, visitor(browser, url, user_agent=PHONE) as phone:
            for browsing in (laptop, phone):
                sign_in(browsing, ann)
            laptop.page.goto("/settings")
            sessions = laptop.page.locator("#sessions").get_by_role("listitem")
            expect(sessions).to_have_count(2)
            sessions.filter(has_text="Safari, iPhone").get_by_role("button", name="Sign out").click()
            expect(sessions).to_have_count(1)
            assert (who(laptop), who(phone)) == (ann.handle, None)

    async with open_forum(scene) as url:
        await chromium.run(walk)


def hidden_session_of(someone: Visitor) -> str:
    """The cookie's value, which no script of a page can see and no other site's form brings."""
    cookie = someone.cookie(COOKIE)
    assert cookie is not None
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert COOKIE not in someone.page.evaluate("document.cookie")
    return str(cookie["value"])
