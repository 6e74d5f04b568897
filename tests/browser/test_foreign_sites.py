"""What pages of other sites do with the browser of somebody who is signed in here: nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from daemon.pool import Pool
from tests.browser.chromium import ELSEWHERE, Chromium, visitor
from tests.browser.serving import serving
from tests.browser.signing_in import press, who
from tests.support.site import Reply
from tests.support.site import serving as serving_site
from tests.web.forum_rows import Rows
from tests.web.signing_in import session_of
from web.signed_in import COOKIE

pytestmark = pytest.mark.slow

ANN, HANDLE = "did:plc:ann", "ann.example.org"
REFUSED = "The request comes from another site."
# A form can send JSON, of a kind: as plain text, in the name of a field.
PAGE = """<!doctype html><title>Kittens</title>
<form method="post" action="{forum}/api/auth/logout"><button>Win</button></form>
<form method="post" action="{forum}/api/posts" enctype="text/plain">
<input type="hidden" name='{{"rootPostId": "1", "parentPostId": "1", "text": "' value='"}}'><button>Play</button></form>
<a href="{forum}/api/auth/login?handle=https://evil.example">Look</a>
<iframe src="{forum}/"></iframe>
"""
SEND = """async ([method, mode, url]) => {
    const answer = await fetch(url, {method, mode, credentials: "include"}).catch(error => ({type: error.name}))
    return answer.type
}"""


@asynccontextmanager
async def two_sites(database: Pool) -> AsyncIterator[tuple[str, str, str]]:
    """The forum; a page made against it, on another port, for which the browser sends cookies too; Ann's session."""
    await Rows(database).account(ANN, HANDLE)
    async with serving(database) as forum:
        page = Reply(body=PAGE.format(forum=forum).encode(), headers={"content-type": "text/html"})
        async with serving_site(page=page) as sibling:
            sibling_url = f"http://127.0.0.1:{urlsplit(sibling.url).port}/page"
            yield forum, sibling_url, await session_of(database, ANN)


async def test_forms(database: Pool, chromium: Chromium) -> None:
    """Are refused for where they come from; those of a stranger have no cookie with them either."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as ann:
            ann.plant(COOKIE, token, forum)
            for page, has_cookie in ((sibling, True), (sibling.replace("127.0.0.1", ELSEWHERE), False)):
                for button in ("Win", "Play"):
                    ann.page.goto(page)
                    with ann.page.expect_request(f"{forum}/api/**") as sent:
                        press(ann, button)
                    ann.page.get_by_text(REFUSED).wait_for()
                    assert (COOKIE in sent.value.all_headers().get("cookie", "")) is has_cookie
            ann.page.goto("/about")
            assert who(ann) == HANDLE

    async with two_sites(database) as (forum, sibling, token):
        await chromium.run(walk)


async def test_links(database: Pool, chromium: Chromium) -> None:
    """Sign nobody in as somebody else: whoever follows one is asked."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as ann:
            ann.plant(COOKIE, token, forum)
            for page in (sibling, sibling.replace("127.0.0.1", ELSEWHERE)):
                ann.page.goto(page)
                ann.page.get_by_role("link", name="Look").click()
                ann.page.wait_for_url(f"{forum}/sign-in?handle=https://evil.example")
                assert who(ann) == HANDLE

    async with two_sites(database) as (forum, sibling, token):
        await chromium.run(walk)


async def test_scripts(database: Pool, chromium: Chromium) -> None:
    """Change nothing, and read nothing."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as ann:
            ann.plant(COOKIE, token, forum)
            for page in (sibling, sibling.replace("127.0.0.1", ELSEWHERE)):
                ann.page.goto(page)
                for method, mode, answer in (
                    ("POST", "no-cors", "opaque"),
                    ("POST", "cors", "TypeError"),
                    ("GET", "cors", "TypeError"),
                ):
                    path = "/api/auth/logout" if method == "POST" else "/api/auth/session"
                    assert ann.page.evaluate(SEND, [method, mode, forum + path]) == answer
            ann.page.goto("/about")
            assert who(ann) == HANDLE

    async with two_sites(database) as (forum, sibling, token):
        await chromium.run(walk)


async def test_frames(database: Pool, chromium: Chromium) -> None:
    """Do not show us, so nobody is led to click what they do not see."""

    def walk(browser: Browser) -> None:
        with visitor(browser, forum) as ann:
            with ann.page.expect_console_message(lambda said: "frame-ancestors" in said.text):
                ann.page.goto(sibling, wait_until="load")
            [_, frame] = ann.page.frames
            assert not frame.url.startswith(forum)

    async with two_sites(database) as (forum, sibling, _):
        await chromium.run(walk)
