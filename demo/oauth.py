"""A person at the sign-in page of their server, without a browser: what the page's own script would ask, by HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from demo.xrpc import Account, answer_of

API = "/@atproto/oauth-provider/~api"
CSRF = "csrf-token"
SECONDS = 60

Query = dict[str, str]
Answer = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class Page:
    """The page at the address that the application sent its visitor to. What is refused raises `Refused`."""

    http: httpx.AsyncClient
    url: str

    async def allow(self, account: Account, *, scope: str | None = None) -> str:
        """Sign in and agree, to less than was asked for if so: the address one is sent back to."""
        token = await self.sign_in(account.handle, account.password)
        agreed = {"did": account.did} | ({} if scope is None else {"scope": scope})
        return await self._leave(await self._ask("consent", agreed, authorization=f"Bearer {token}"))

    async def sign_in(self, username: str, password: str) -> str:
        """A token that lives as long as the page."""
        asked = {"locale": "en", "username": username, "password": password, "remember": False}
        return str((await self._ask("sign-in", asked))["ephemeralToken"])

    async def deny(self) -> str:
        """Do not agree: the address one is sent back to."""
        return await self._leave(await self._ask("reject", {}))

    async def _ask(self, name: str, body: Answer, **headers: str) -> Answer:
        same = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "same-origin", "sec-fetch-dest": "empty"}
        mine = {"origin": self._origin, "x-csrf-token": self.http.cookies[CSRF], **self._kept, **headers}
        return answer_of(await self.http.post(f"{self._origin}{API}/{name}", json=body, headers={**same, **mine}))

    async def _leave(self, answer: Answer) -> str:
        response = await self.http.get(answer["url"], headers={**navigating("same-origin"), **self._kept})
        return str(response.headers["location"])

    @property
    def _kept(self) -> dict[str, str]:
        """Where one comes from, and the cookies: to be sent by https only, or as browsers see it, on this machine."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        return {"referer": self.url, "cookie": cookies}

    @property
    def _origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@asynccontextmanager
async def open_page(url: str) -> AsyncIterator[Page]:
    """Visit it with a browser that has no cookies yet."""
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as http:
        response = await http.get(url, headers=navigating("none"))
        response.raise_for_status()
        yield Page(http, url)


def query_of(url: str) -> Query:
    """What a visitor brings along."""
    return dict(parse_qsl(urlsplit(url).query))


def navigating(site: str) -> dict[str, str]:
    """What a browser says that goes to another page."""
    return {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
