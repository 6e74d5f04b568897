"""A forum that people can sign in to: an app with an open door, accounts at a server, and browsers with cookies."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from actors.health import Board
from actors.resolver import Resolver
from actors.web_client import open_web_client
from daemon.pool import Pool
from forum import ledger
from forum.records.names import MEMBERSHIP
from forum.sealing import Seal
from tests.standins.oauth import StandInOAuth
from tests.standins.pds import Net, Repo, small_net
from tests.support.forum import put
from tests.web.forum_rows import FORUM_DID
from web.app import make_app
from web.door import Closed, Door
from web.site import Site

ORIGIN = "http://127.0.0.1:3000"
LOCAL = Site(forum_did=FORUM_DID, public_origin=ORIGIN)
SECRET = "s" * 32


@dataclass(slots=True)
class Scene:
    """`app` is one process; `with_site` and `with_secret` make another on the same database."""

    database: Pool
    net: Net
    oauth: StandInOAuth
    door: Door
    site: Site = field(default_factory=lambda: LOCAL)

    def account(self, handle: str, did: str) -> Repo:
        """Someone who can sign in."""
        repo = self.oauth.repos[handle] = self.net.add(did, "home")
        return repo

    @asynccontextmanager
    async def browser(
        self,
        *,
        site: Site | None = None,
        door: Door | Closed | None = None,
        secret: str | None = None,
        cookies: httpx.Cookies | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A browser of its own, asking a process of its own; with `cookies` one that comes back."""
        chosen = door or (self.door if secret is None else replace(self.door, seal=Seal(secret)))
        where = site or self.site
        app = make_app(self.database, Board(), where, door=chosen)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url=where.public_origin or ORIGIN,
            cookies=cookies,
            headers=headers,
        ) as browser:
            yield browser

    async def value(self, query: str, *args: object) -> Any:  # Any: as the query says
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *args)


@asynccontextmanager
async def open_scene(database: Pool) -> AsyncIterator[Scene]:
    """A forum whose record is known, and a server for accounts."""
    async with small_net("home") as net, open_web_client(development=True) as web:
        resolver = Resolver(
            client=web, plc_url=net.servers["plc"].url, handle_resolver_url=None, dns_server=None, development=True
        )
        async with database.transaction() as tx:
            await ledger.take_lock(tx)
            await ledger.apply(tx, [put(FORUM_DID, "self", 1, named_forum())], forum_did=FORUM_DID)
        oauth = StandInOAuth()
        yield Scene(database, net, oauth, Door(oauth=oauth, seal=Seal(SECRET), resolver=resolver))


def named_forum() -> dict[str, Any]:  # Any: JSON
    return {"name": "Cats", "createdAt": "2023-11-14T22:13:00Z"}


async def begin(browser: httpx.AsyncClient, handle: str, **asked: str) -> str:
    """Off to the account's server; the state it was told."""
    response = await browser.get("/api/auth/login", params={"handle": handle, **asked})
    assert response.status_code == 303, response.text
    return httpx.URL(response.headers["location"]).params["state"]


async def come_back(browser: httpx.AsyncClient, state: str, **answer: str) -> httpx.Response:
    return await browser.get("/api/auth/callback", params={"state": state, "code": "code", "iss": "server", **answer})


async def sign_in(browser: httpx.AsyncClient, handle: str, **asked: str) -> httpx.Response:
    """There and back."""
    response = await come_back(browser, await begin(browser, handle, **asked))
    assert response.status_code == 303, response.text
    return response


async def who(browser: httpx.AsyncClient) -> str | None:
    """Whom this browser has signed in."""
    did: str | None = (await browser.get("/api/auth/session")).json().get("did")
    return did


def memberships(repo: Repo) -> dict[str, Any]:  # Any: JSON
    return repo.records.get(MEMBERSHIP, {})
