"""Sessions by the API: one's own are seen and ended, nobody else's, and what was granted is given back with them."""

from collections.abc import AsyncIterator

import httpx
import pytest
from trio.testing import MockClock

from daemon.pool import Pool
from forum.sealing import Seal, sealed
from tests.standins.oauth import StandInOAuth, grant_of
from tests.support.forum import ANN, BOB
from tests.web.scene import SECRET, Scene, open_scene, sign_in, who
from web.door import Door, give_back
from web.signed_in import COOKIE


@pytest.fixture
async def scene(database: Pool) -> AsyncIterator[Scene]:
    async with open_scene(database) as scene:
        scene.account("ann.example", ANN)
        scene.account("bob.example", BOB)
        yield scene


@pytest.fixture
async def laptop(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """Ann's."""
    async with scene.browser(headers={"User-Agent": "Laptop"}) as browser:
        await sign_in(browser, "ann.example")
        yield browser


@pytest.fixture
async def phone(scene: Scene, laptop: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """Ann's too, signed in later."""
    async with scene.browser(headers={"User-Agent": "Phone"}) as browser:
        await sign_in(browser, "ann.example")
        yield browser


async def listed(browser: httpx.AsyncClient) -> list[dict[str, object]]:
    response = await browser.get("/api/auth/sessions")
    assert response.headers["cache-control"] == "no-store"
    found: list[dict[str, object]] = response.json()["sessions"]
    return found


async def test_its_owner_sees_them(laptop: httpx.AsyncClient, phone: httpx.AsyncClient) -> None:
    """With what tells them apart, and nothing that would open them."""
    found = await listed(laptop)
    assert [(one["userAgent"], one["current"]) for one in found] == [("Phone", False), ("Laptop", True)]
    assert all(set(one) == {"id", "createdAt", "seenAt", "userAgent", "current"} for one in found)


async def test_its_owner_ends_them(scene: Scene, laptop: httpx.AsyncClient, phone: httpx.AsyncClient) -> None:
    """Another one, then this one, each with what was granted to it."""
    other, own = await listed(laptop)
    response = await laptop.delete(f"/api/auth/sessions/{other['id']}")
    assert (response.status_code, response.json(), "set-cookie" in response.headers) == (200, {"success": True}, False)
    assert (await who(laptop), await who(phone)) == (ANN, None)
    assert scene.oauth.revoked == [scene.oauth.granted[1].access]

    response = await laptop.delete(f"/api/auth/sessions/{own['id']}")
    assert response.status_code == 200
    assert COOKIE not in laptop.cookies
    assert scene.oauth.revoked == [scene.oauth.granted[1].access, scene.oauth.granted[0].access]


async def test_nobody_else_does(scene: Scene, laptop: httpx.AsyncClient) -> None:
    """Another's session is as little there as one that never was."""
    [own] = await listed(laptop)
    async with scene.browser() as stranger:
        for path in ("/api/auth/sessions", f"/api/auth/sessions/{own['id']}"):
            assert (await stranger.request("GET" if path.endswith("s") else "DELETE", path)).status_code == 401
        await sign_in(stranger, "bob.example")
        assert len(await listed(stranger)) == 1
        assert (await stranger.delete(f"/api/auth/sessions/{own['id']}")).status_code == 404
        assert (await stranger.delete("/api/auth/sessions/nonsense")).status_code == 400
    assert await who(laptop) == ANN
    assert scene.oauth.revoked == []


async def test_logging_out(scene: Scene, laptop: httpx.AsyncClient) -> None:
    """Ends the session and the grant, and the browser forgets its cookie."""
    token = laptop.cookies[COOKIE]
    assert (await laptop.post("/api/auth/logout")).json() == {"success": True}
    assert COOKIE not in laptop.cookies
    assert scene.oauth.revoked == [scene.oauth.granted[0].access]
    laptop.cookies.set(COOKIE, token, domain="127.0.0.1", path="/")
    assert (await laptop.post("/api/auth/logout")).status_code == 401
    assert await scene.value("SELECT count(*) FROM sessions") == 0


async def test_after_the_secret_was_changed(scene: Scene, laptop: httpx.AsyncClient) -> None:
    """What cannot be opened any more cannot be given back; one is signed out all the same."""
    async with scene.browser(secret="another secret" * 3, cookies=laptop.cookies) as there:
        assert await who(there) == ANN
        assert (await there.post("/api/auth/logout")).status_code == 200
        assert await who(there) is None
    assert scene.oauth.revoked == []


async def test_other_sites_end_nothing(laptop: httpx.AsyncClient) -> None:
    """Whatever they have a browser send."""
    [own] = await listed(laptop)
    for name, value in (
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ):
        for method, path in (("POST", "/api/auth/logout"), ("DELETE", f"/api/auth/sessions/{own['id']}")):
            assert (await laptop.request(method, path, headers={name: value})).status_code == 403
    assert await who(laptop) == ANN


async def test_a_server_that_does_not_answer(autojump_clock: MockClock) -> None:
    """Holds nobody up."""
    door = Door(oauth=StandInOAuth(stalls=True), seal=Seal(SECRET), resolver=None)
    await give_back(door, sealed(door.seal, grant_of(ANN, "https://pds.example")))
    await give_back(door, b"")
    await give_back(door, None)
