"""A browser, as far as signing in takes one: cookies, redirects one by one, and the account's owner behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import trio

from demo.daemon import POLL_SECONDS
from demo.oauth import open_page
from demo.xrpc import Account
from web.door import STARTING

SECONDS = 60

Json = Any  # JSON


@dataclass(frozen=True, slots=True)
class Browser:
    """Visits one forum."""

    http: httpx.AsyncClient

    async def begin(self, account: str, **more: str) -> str:
        """Ask to sign in, again while the forum is just starting; where it sends one."""
        while True:
            response = await self.http.get("/api/auth/login", params={"handle": account, **more})
            if STARTING not in response.text:
                break
            await trio.sleep(POLL_SECONDS)
        assert response.status_code == 303, response.text
        return str(response.headers["location"])

    async def sign_in(self, account: Account, **more: str) -> httpx.Response:
        """There and back; the forum's answer to that."""
        async with open_page(await self.begin(account.handle, **more)) as page:
            return await self.http.get(await page.allow(account))

    async def who(self) -> tuple[str, str] | None:
        """The account this browser has signed in, by DID and handle."""
        said = (await self.http.get("/api/auth/session")).json()
        return (said["did"], said["handle"]) if said["authenticated"] else None

    async def sessions(self) -> list[Json]:
        response = await self.http.get("/api/auth/sessions")
        return list(response.raise_for_status().json()["sessions"])


@dataclass(frozen=True, slots=True)
class HttpsProxy(httpx.AsyncBaseTransport):
    """What stands in front of a forum and does TLS for it, without the TLS."""

    to: httpx.URL
    inner: httpx.AsyncHTTPTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme=self.to.scheme, host=self.to.host, port=self.to.port)
        passed_on = httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
        return await self.inner.handle_async_request(passed_on)

    async def aclose(self) -> None:
        await self.inner.aclose()


@asynccontextmanager
async def open_browser(
    url: str, *, origin: str | None = None, cookies: httpx.Cookies | None = None
) -> AsyncIterator[Browser]:
    """One without cookies, or that comes back with those it has; with `origin` by way of a proxy at that origin."""
    inner = httpx.AsyncHTTPTransport()
    transport = inner if origin is None else HttpsProxy(httpx.URL(url), inner)
    async with httpx.AsyncClient(
        transport=transport, base_url=origin or url, cookies=cookies, timeout=SECONDS, trust_env=False
    ) as http:
        yield Browser(http)
