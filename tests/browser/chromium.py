"""Debian's Chromium, one for all tests of a worker, and the visitors that come by it.

Playwright's objects belong to the thread that made them. So what a visitor does is a plain function, which runs in
that thread while the forum it visits runs in the test's own loop. Nothing is reached but this machine: every other name
leads nowhere, and what was asked of it is noted.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import trio
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

PATIENCE_MS = 60_000  # only what will never come meets it
ELSEWHERE = "elsewhere.example"  # another site, on this machine too
HERE = ("127.0.0.1", "localhost", ELSEWHERE)
UNLOADED = "Failed to load resource"  # also said of a page itself, as of those that tell an error
ARGUMENTS = (
    "--no-proxy-server",
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

T = TypeVar("T")

expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True, slots=True)
class Chromium:
    """The running browser, and the thread it belongs to."""

    thread: Executor
    browser: Browser

    async def run(self, walk: Callable[[Browser], T]) -> T:
        """What comes of the walk, which may take its time: the loop goes on."""
        return await trio.to_thread.run_sync(self.thread.submit(walk, self.browser).result)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Someone with a browser of their own, its cookies, one page, and all that it was alarmed by."""

    context: BrowserContext
    page: Page
    alarms: list[str] = field(default_factory=list)

    def cookie(self, name: str) -> dict[str, Any] | None:  # Any: as the browser tells it
        """Of this name, wherever it holds."""
        found = [dict(cookie) for cookie in self.context.cookies() if cookie.get("name") == name]
        return found[0] if found else None

    def plant(self, name: str, value: str, url: str) -> None:
        """Have the browser hold such a cookie as that site gives."""
        self.context.add_cookies([{"name": name, "value": value, "url": url, "httpOnly": True, "sameSite": "Lax"}])


@contextmanager
def running_chromium() -> Iterator[Chromium]:
    """Start it, and end it with the block."""
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("Chromium is not installed: run `make browser`.")
    with ThreadPoolExecutor(1, initializer=prefer_asyncio) as thread:
        playwright = thread.submit(sync_playwright().start).result()
        try:
            # Without its sandbox, which root cannot have: nobody but the tests is visited.
            launch = partial(playwright.chromium.launch, executable_path=program, args=ARGUMENTS, timeout=PATIENCE_MS)
            browser = thread.submit(launch).result()
            yield Chromium(thread, browser)
            thread.submit(browser.close).result()
        finally:
            thread.submit(playwright.stop).result()


def prefer_asyncio() -> None:
    """In this thread alone, for trio_asyncio would give it a loop of its kind, in which Playwright cannot wait."""
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())


@contextmanager
def visitor(browser: Browser, url: str, **options: Any) -> Iterator[Visitor]:  # Any: Playwright's options of a context
    """Someone who has never been here, and goes when the block ends."""
    context = browser.new_context(**{"base_url": url, "locale": "en-GB", "timezone_id": "UTC", **options})
    try:
        context.set_default_timeout(PATIENCE_MS)
        someone = Visitor(context, context.new_page())
        listen(someone)
        yield someone
    finally:
        context.close()


def listen(someone: Visitor) -> None:
    """Note whatever a page should not do."""
    context, alarms = someone.context, someone.alarms

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(UNLOADED):
            alarms.append(f"console: {message.text}")

    def dialog(opened: Dialog) -> None:
        alarms.append(f"dialog: {opened.message}")
        opened.dismiss()

    def request(asked: Request) -> None:
        if urlsplit(asked.url).scheme != "data" and urlsplit(asked.url).hostname not in HERE:
            alarms.append(f"request: {asked.url}")

    def response(answer: Response) -> None:
        if answer.status >= 400 and not answer.request.is_navigation_request():
            alarms.append(f"missing: {answer.url}")

    context.on("console", console)
    context.on("dialog", dialog)
    context.on("request", request)
    context.on("response", response)
    context.on("weberror", lambda error: alarms.append(f"script: {error.error}"))
