"""Whatever people write, and wherever: it never runs in the browser of who reads it.

The pages are looked at without their Content-Security-Policy, so that what is shown here is that nothing gets as far.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser

from daemon.pool import Pool
from tests.browser.chromium import Chromium, Visitor, visitor
from tests.browser.hostile import attack, parts
from tests.browser.serving import serving
from tests.support.forum import Index
from tests.support.site import Reply
from tests.support.site import serving as serving_site

pytestmark = pytest.mark.slow

# What the payloads call. What they fetch instead, or ask, is noted anyhow.
MARK = "window.x = () => console.error('it runs')"
# What would run only when somebody came near it, or followed it.
LYING_IN_WAIT = """() => {
    const all = [...document.querySelectorAll("*")]
    const handlers = all.flatMap(one => one.getAttributeNames().filter(name => /^on/i.test(name)))
    const links = [...document.links].map(link => link.protocol).filter(it => !/^(https?|mailto):$/.test(it))
    const scripts = [...document.scripts].filter(script => !script.src.startsWith(`${origin}/static/`))
    return [...handlers, ...links, ...scripts.map(script => script.outerHTML)]
}"""
OTHERS = ("/", "/about", "/feed.atom", "/sitemap.xml", "/api/boards", "/api/forum")


CARELESS = {
    "script": "<script>x()</script>",
    "handler": "<img src=/harmless onerror=x()>",
    "dialog": "<script>alert(1)</script>",
    "fetch": "<img src=//evil.example>",
    "missing": "<img src=x>",
    "click": "<p onclick=x()>",
    "link": "<a href=' java\tscript:x()'>",
    "foreign": "<script src=/harmless></script>",
}
HTML = {"content-type": "text/html"}


@contextmanager
def reading(browser: Browser, url: str) -> Iterator[Visitor]:
    with visitor(browser, url, bypass_csp=True) as reader:
        reader.context.add_init_script(MARK)
        yield reader


def look(someone: Visitor, path: str, status: int = 200) -> list[str]:
    """What is wrong with a page."""
    someone.alarms.clear()
    response = someone.page.goto(path)
    assert response
    unexpected = [] if response.status == status else [f"status: {response.status}"]
    return [*unexpected, *someone.alarms, *someone.page.evaluate(LYING_IN_WAIT)]


async def test_nothing_runs(database: Pool, chromium: Chromium) -> None:
    """On any page that shows it."""

    def walk(browser: Browser) -> None:
        with reading(browser, forum) as reader:
            of_parts = (page for part in parts() for page in part.pages)
            pages = (*((path, 200) for path in OTHERS), *of_parts)
            wrong = [(path, found) for path, status in pages if (found := look(reader, path, status))]
            assert wrong == []

    await attack(Index(database))
    async with serving(database) as forum:
        await chromium.run(walk)


async def test_what_runs_is_noticed(chromium: Chromium) -> None:
    """Else nothing would be shown here."""

    def walk(browser: Browser) -> None:
        with reading(browser, site.url) as reader:
            assert look(reader, "/harmless") == []
            for name in CARELESS:
                assert look(reader, f"/{name}") != [], name

    pages = {name: Reply(body=f"<!doctype html>{html}".encode(), headers=HTML) for name, html in CARELESS.items()}
    async with serving_site(harmless=Reply(body=b"<!doctype html>", headers=HTML), **pages) as site:
        await chromium.run(walk)
