"""Signing in on the real network, by plain HTTP: a member, their own server, and the forum's running daemon."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from actors.oauth import Grant, GrantOver, OAuth
from actors.resolver import Resolver
from actors.web_client import open_web_client
from demo.daemon import Daemon, running_daemon, wait_until
from demo.oauth import open_page, query_of
from demo.records import membership
from demo.xrpc import Account
from forum.protocol.oauth import client_of
from forum.records.names import MEMBERSHIP
from forum.sealing import Seal, opened
from tests.e2e.browser import Browser, open_browser
from tests.e2e.scene import Scene
from web.signed_in import COOKIE

pytestmark = [pytest.mark.network, pytest.mark.slow]

SECRET, OTHER = "only of these tests, and longer than 32", "another one, which also is longer than 32"
LATE = "This sign-in was begun too long ago, or is finished already; please sign in again."


async def grants(scene: Scene, secret: str = SECRET) -> list[Grant]:
    """What members' servers gave for the sessions that there are, oldest first."""
    async with scene.index.connection() as connection:
        rows = await connection.fetch("SELECT grant_sealed FROM sessions ORDER BY id")
    return [opened(Seal(secret), row["grant_sealed"], Grant) for row in rows]


async def is_over(scene: Scene, grant: Grant, origin: str) -> bool:
    """Whether its server has ended it. It is renewed in asking, so nobody else can use it after that."""
    async with open_web_client(development=True) as web:
        resolver = Resolver(
            client=web, plc_url=scene.network.plc, handle_resolver_url=None, dns_server=None, development=True
        )
        try:
            await OAuth(web, resolver, client_of(origin)).refresh(grant)
        except GrantOver:
            return True
    return False


async def joined(scene: Scene, account: Account) -> int:
    """How many memberships its repository holds."""
    return len(await scene.pds.records(account.did, MEMBERSHIP))


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


async def test_there_and_back(scene: Scene) -> None:
    """Signed in where one wanted to be, a member from the first time on, also after a restart; until one leaves."""
    ann = await scene.pds.account("ann")
    settings = scene.settings(SESSION_SECRET=SECRET)
    async with running_daemon(settings) as daemon, open_browser(daemon.url) as laptop:
        await scene.wait_equal()
        assert await laptop.who() is None
        back = await laptop.sign_in(ann, next="/here?page=2")
        assert (back.status_code, back.headers["location"]) == (303, "/here?page=2")
        assert await laptop.who() == (ann.did, ann.handle)
        assert await joined(scene, ann) == 1
        assert (await daemon.get("/api/forum"))["memberCount"] == 1

        async with open_browser(daemon.url) as phone:
            await phone.sign_in(ann)
            [newer, older] = await laptop.sessions()
            assert (older["current"], newer["current"]) == (True, False)
            of_laptop, of_phone = await grants(scene)
            ended = await laptop.http.delete(f"/api/auth/sessions/{newer['id']}")
            assert ended.status_code == 200
            assert (await phone.who(), await laptop.who()) == (None, (ann.did, ann.handle))
            assert await is_over(scene, of_phone, daemon.url)
        assert_no_secrets(daemon, laptop, of_laptop, query_of(str(back.request.url)))

    async with running_daemon(settings) as again, open_browser(again.url, cookies=laptop.http.cookies) as there:
        assert await there.who() == (ann.did, ann.handle)
        await there.sign_in(ann)
        [of_browser] = await grants(scene)
        assert (await there.http.post("/api/auth/logout")).json() == {"success": True}
        assert await there.who() is None
        assert await is_over(scene, of_browser, again.url)
        await scene.wait_equal()
    assert await joined(scene, ann) == 1


def assert_no_secrets(daemon: Daemon, browser: Browser, grant: Grant, brought: dict[str, str]) -> None:
    """Whatever was said of it in the log."""
    log = "\n".join(daemon.log)
    assert '"path": "/api/auth/callback"' in log
    known = (brought["code"], brought["state"], browser.http.cookies[COOKIE], grant.access, grant.refresh)
    assert not [secret for secret in known if str(secret) in log]


async def test_is_a_member_already(scene: Scene) -> None:
    """No second record is made."""
    ann = await scene.pds.account("ann")
    await ann.create(MEMBERSHIP, membership(scene.self))
    async with scene.daemon() as daemon, open_browser(daemon.url) as browser:
        await scene.wait_equal()
        await browser.sign_in(ann)
        assert await browser.who() == (ann.did, ann.handle)
    assert await joined(scene, ann) == 1


async def test_nobody_is_signed_in(scene: Scene) -> None:
    """By a no, by an answer to nothing, twice by the same one, or by one that another browser was to have."""
    ann = await scene.pds.account("ann")
    async with scene.daemon() as daemon, open_browser(daemon.url) as browser, open_browser(daemon.url) as other:
        async with open_page(await browser.begin(ann.handle)) as page:
            denied = await browser.http.get(await page.deny())
        assert refusal(denied) == (403, "You were not signed in: it was not allowed, or not in time.")

        async with open_page(await browser.begin(ann.handle)) as page:
            allowed = await page.allow(ann)
        assert refusal(await browser.http.get(allowed.replace("state=", "state=x"))) == (400, LATE)
        assert (await other.http.get(allowed)).status_code == 403
        assert refusal(await browser.http.get(allowed)) == (400, LATE)

        assert (back := await browser.sign_in(ann)).status_code == 303
        assert refusal(await browser.http.get(str(back.request.url))) == (400, LATE)
        assert await browser.who() is not None
        assert await other.who() is None

        for account, status in (("nobody.pds0.test", 400), ("not a handle", 400), ("https://localhost:1", 503)):
            response = await other.http.get("/api/auth/login", params={"handle": account})
            assert response.status_code == status, response.text
            assert response.json()["error"].endswith(".")


async def test_a_server_that_is_away(scene: Scene) -> None:
    """Is said to be; also when it goes in the middle."""
    ann = await scene.pds.account("ann")
    async with scene.daemon() as daemon, open_browser(daemon.url) as browser:
        async with open_page(await browser.begin(ann.handle)) as page:
            allowed = await page.allow(ann)
        await scene.network.stop_pds()
        try:
            for url in ("/api/auth/login?handle=" + ann.did, allowed):
                assert (await browser.http.get(url)).status_code == 503
        finally:
            await scene.network.start_pds()
        assert (await browser.sign_in(ann)).status_code == 303


async def test_at_the_public_name(scene: Scene) -> None:
    """In development on a port that was any: the forum knows which, and brings browsers to where its cookies are."""
    async with scene.daemon() as daemon, open_browser(daemon.url.replace("127.0.0.1", "localhost")) as browser:
        there = httpx.URL(await browser.begin("ann.example", next="/here"))
        assert str(there.copy_with(query=None)) == f"{daemon.url}/api/auth/login"
        assert (there.params["handle"], there.params["next"]) == ("ann.example", "/here")


@asynccontextmanager
async def public_forum(scene: Scene, origin: str, **more: str) -> AsyncIterator[Daemon]:
    """A daemon that members' servers reach by https."""
    async with scene.daemon(OAUTH_PUBLIC_URL=origin, **more) as daemon:
        await scene.network.map(origin, daemon.url)
        await wait_until(lambda: shows_its_keys(daemon))
        yield daemon


async def shows_its_keys(daemon: Daemon) -> bool:
    """Which are in the database, and that is read only when it is there."""
    return (await daemon.http.get(f"{daemon.url}/oauth/jwks.json")).status_code == 200


async def test_in_public(scene: Scene) -> None:
    """Servers know the forum by its key, browsers keep its cookies to https; both outlast a change of the secret."""
    ann, bob = await scene.pds.account("ann"), await scene.pds.account("bob")
    origin = f"https://{secrets.token_hex(6)}.internal"
    async with (
        public_forum(scene, origin, SESSION_SECRET=SECRET) as daemon,
        open_browser(daemon.url, origin=origin) as browser,
    ):
        await scene.wait_equal()
        sent_to = await browser.begin(ann.handle)
        assert query_of(sent_to)["client_id"] == f"{origin}/oauth/client-metadata.json"
        metadata = await daemon.get("/oauth/client-metadata.json")
        assert (metadata["client_name"], metadata["client_uri"]) == ("The Potting Shed", origin)
        back = await browser.sign_in(ann)
        assert back.status_code == 303, back.text
        assert all(cookie.secure for cookie in browser.http.cookies.jar)
        assert await joined(scene, ann) == 1
        keys = await daemon.get("/oauth/jwks.json")
        assert "d" not in keys["keys"][0]

    rotated = {"SESSION_SECRET": OTHER, "SESSION_SECRET_PREVIOUS": SECRET}
    async with (
        public_forum(scene, origin, **rotated) as daemon,
        open_browser(daemon.url, origin=origin, cookies=browser.http.cookies) as returning,
        open_browser(daemon.url, origin=origin) as another,
    ):
        assert await daemon.get("/oauth/jwks.json") == keys
        assert await returning.who() == (ann.did, ann.handle)
        assert (await another.sign_in(bob)).status_code == 303
        assert (await returning.http.post("/api/auth/logout")).status_code == 200
        assert await returning.who() is None

    async with (
        public_forum(scene, origin, SESSION_SECRET="a third one, which nothing was sealed with") as daemon,
        open_browser(daemon.url, origin=origin, cookies=another.http.cookies) as last,
    ):
        assert await last.who() == (bob.did, bob.handle)
        assert await daemon.get("/oauth/jwks.json") != keys
        assert any("client_key_replaced" in line for line in daemon.log)
        assert (await last.http.post("/api/auth/logout")).status_code == 200
        assert await last.who() is None  # to sign in again can take minutes: servers remember the former key


async def test_without_what_it_takes(scene: Scene) -> None:
    """A forum in public that lacks a setting serves, and says which when somebody would sign in."""
    production = {"ATBB_DEVELOPMENT": "false", "PLC_URL": "https://plc.invalid", "PDS_URL": "https://pds.invalid"}
    streams = {"FIREHOSE_URL": scene.network.pds.stream_url, "HANDLE_RESOLVER_URL": "https://pds.invalid"}
    async with scene.daemon(**production, **streams) as daemon:
        response = await daemon.http.get(f"{daemon.url}/api/auth/login?handle=ann.example")
        assert refusal(response) == (503, "Nobody can sign in here: OAUTH_PUBLIC_URL is not set.")
        assert (await daemon.http.get(f"{daemon.url}/healthz")).status_code == 200
