"""Finished pages for whoever is not signed in: an ASGI layer before Quart, which answers with the bytes it has kept.

A page notes what it shows (`web/pages/shown.py`), the notifier tells what changed, and what shows it is dropped. What
is kept was made for nobody: of the request the app then sees only what its key holds, so nothing personal can be in it.
Everything else goes to the app as it came.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, cast

import trio
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    HTTPScope,
    Scope,
)
from werkzeug.datastructures import Accept, LanguageAccept
from werkzeug.http import parse_accept_header, parse_cookie

from forum.changes import Changes
from web.kept_pages import Headers, KeptPages, Key, Page, finished
from web.looks import Offer
from web.pages.choices import LANGUAGE_COOKIE, LOOK_COOKIE, look_from
from web.pages.shown import SHOWN
from web.pages.words import languages, words_for
from web.signed_in import COOKIE

LOOKED_AT: Final = 300  # bytes of a header, so that what is remembered of them stays small
PASSED_ON: Final = frozenset({b"host", b"accept"})  # Accept says how errors are told, and those are not kept

Offered = Callable[[], Awaitable[Offer | None]]  # among which looks visitors choose

_is_page = re.compile(r"/(?:about|feed\.atom|(?:@|b/|t/).+)?").fullmatch
_is_known_query = re.compile(rb"(?:(?:page=[1-9][0-9]{0,8}|sort=(?:activity|created))(?:&(?!$)|$))*").fullmatch
_has_session = re.compile(rb"(?:^|;)\s*" + COOKIE.encode() + rb"\s*=").search


@dataclass(slots=True, eq=False)
class Making:
    """A page on its way, for which others may wait."""

    send: ASGISendCallable
    shown: set[str] = field(default_factory=set)
    start: HTTPResponseStartEvent | None = None
    body: bytearray = field(default_factory=bytearray)
    is_to_be_kept: bool = True
    page: Page | None = None
    over: trio.Event = field(default_factory=trio.Event)

    async def take(self, event: ASGISendEvent) -> None:
        """What the app answers. What is not to be kept goes on to who asked, and who waits shall ask the app."""
        if event["type"] == "http.response.start" and not (event["status"] == 200 and self.shown):
            self.is_to_be_kept = False
            self.over.set()
        if not self.is_to_be_kept:
            await self.send(event)
        elif event["type"] == "http.response.start":
            self.start = event
        elif event["type"] == "http.response.body":
            self.body += event["body"]
            if self.start is not None and not event.get("more_body", False):
                self.page = finished(self.start["headers"], bytes(self.body), self.shown)


@dataclass(slots=True, eq=False)
class PageCache:
    """What is kept, and what is being made."""

    kept: KeptPages = field(default_factory=KeptPages)
    making: dict[Key, Making] = field(default_factory=dict)

    def drop(self, changes: Changes) -> None:
        """Forget what shows any of that. What is being made began before it: nobody joins it, and it is not kept."""
        self.kept.drop(changes)
        if changes.uris or changes.dids or changes.all:
            self.making.clear()


def cache_pages(app: ASGIFramework, cache: PageCache, offered: Offered) -> ASGIFramework:
    """The app, behind what is kept of its pages."""

    async def covered(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        key = await key_of(scope, offered) if scope["type"] == "http" else None
        if key is None:
            await app(scope, receive, send)
            return
        assert scope["type"] == "http"
        page = cache.kept.find(key)
        while page is None:
            making = cache.making.get(key)
            if making is None:
                making = await make(app, cache, key, scope, send)
                if not making.is_to_be_kept:
                    return  # it is sent already
            else:
                await making.over.wait()
                if not making.is_to_be_kept:
                    await app(scope, receive, send)
                    return
            page = making.page  # None: who had it made has left
        await give(page, scope, send)

    return covered


async def key_of(scope: HTTPScope, offered: Offered) -> Key | None:
    """Of a page that may be kept; None for all other requests, and for all while nobody knows how pages look."""
    if scope["method"] not in ("GET", "HEAD") or not _is_page(scope["path"]):
        return None
    asked = dict(scope["headers"])
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")  # HTTP/2 may part them
    if _has_session(cookies) or not _is_known_query(scope["query_string"]):
        return None
    offer = await offered()
    if offer is None:
        return None
    chosen = parse_cookie(cookies.decode("latin-1")) if cookies else {}
    return Key(
        scheme=scope["scheme"],
        host=asked.get(b"host", b""),
        path=scope["path"],
        query=scope["query_string"],
        language=language_of(chosen.get(LANGUAGE_COOKIE, ""), asked.get(b"accept-language", b"")[:LOOKED_AT]),
        look=look_from(chosen.get(LOOK_COOKIE, ""), offer),
    )


@lru_cache(maxsize=500)
def language_of(chosen: str, accepted: bytes) -> str:
    if chosen in languages():
        return chosen
    return words_for(list(parse_accept_header(accepted.decode("latin-1"), LanguageAccept).values())).language


async def make(app: ASGIFramework, cache: PageCache, key: Key, scope: HTTPScope, send: ASGISendCallable) -> Making:
    """Have the app make the page, and keep it if nothing changed meanwhile."""
    making = cache.making[key] = Making(send)
    try:
        await app(for_nobody(scope, key, making.shown), nothing_more(), making.take)
        if making.page is None:
            making.is_to_be_kept = False
        elif cache.making.get(key) is making:
            cache.kept.keep(key, making.page)
    finally:
        if cache.making.get(key) is making:
            del cache.making[key]
        making.over.set()
    return making


def for_nobody(scope: HTTPScope, key: Key, shown: set[str]) -> Scope:
    """The request, but for all that would make it somebody's."""
    headers = [(name, value) for name, value in scope["headers"] if name in PASSED_ON]
    headers.append((b"accept-language", key.language.encode()))
    headers.append((b"cookie", f"{LOOK_COOKIE}={key.look.cookie}".encode()))
    return cast(Scope, {**scope, "method": "GET", "headers": headers, "client": None, SHOWN: shown})


def nothing_more() -> ASGIReceiveCallable:
    """A request without a body, whose client stays."""
    is_told = False

    async def receive() -> ASGIReceiveEvent:
        nonlocal is_told
        if is_told:
            await trio.sleep_forever()
        is_told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


async def give(page: Page, scope: HTTPScope, send: ASGISendCallable) -> None:
    """The page as the client takes it, or no more than that it has it already."""
    known = encodings = b""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            known = value
        elif name == b"accept-encoding":
            encodings = value
    variant = page.packed if takes_gzip(encodings[:LOOKED_AT]) else page.plain
    if known and is_among(variant.etag, known):
        await answer(304, variant.headers_alone, b"", send)
    else:
        await answer(200, variant.headers, b"" if scope["method"] == "HEAD" else variant.body, send)


async def answer(status: int, headers: Headers, body: bytes, send: ASGISendCallable) -> None:
    await send(HTTPResponseStartEvent(type="http.response.start", status=status, headers=headers))
    await send(HTTPResponseBodyEvent(type="http.response.body", body=body, more_body=False))


def is_among(etag: bytes, known: bytes) -> bool:
    """Whether If-None-Match names it, weakly or not."""
    tags = (tag.strip().removeprefix(b"W/") for tag in known.split(b","))
    return any(tag in (etag, b"*") for tag in tags)


@lru_cache(maxsize=500)
def takes_gzip(header: bytes) -> bool:
    return parse_accept_header(header.decode("latin-1"), Accept)["gzip"] > 0
