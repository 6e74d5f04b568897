"""Signing in and out by pages, and settings: each works without scripts, and what fails leaves what was typed."""

from collections.abc import AsyncIterator

import httpx
import pytest

from actors.discovery import NO_NAME
from actors.oauth import SignInRefused
from daemon.pool import Pool
from forum.errors import Unavailable
from tests.support.forum import ANN
from tests.web.forum_rows import AwayDatabase
from tests.web.pages.conftest import HTML
from tests.web.pages.parsed import Parsed, parsed
from tests.web.scene import Scene, begin, come_back, open_scene, sign_in, who
from web.door import Closed
from web.limits import SIGN_INS_A_MINUTE
from web.looks import built_in
from web.pages.choices import LOOK_COOKIE, SCHEMES


@pytest.fixture
async def scene(database: Pool) -> AsyncIterator[Scene]:
    async with open_scene(database) as scene:
        scene.account("ann.example", ANN)
        yield scene


@pytest.fixture
async def visitor(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """A browser, in which nobody is signed in."""
    async with scene.browser(headers=HTML) as browser:
        yield browser


async def page(browser: httpx.AsyncClient, path: str, status: int = 200) -> Parsed:
    response = await browser.get(path)
    assert response.status_code == status, response.text
    return parsed(response.text)


def fields(found: Parsed, action: str) -> dict[str, str]:
    """What the form that leads there would send, as it stands; the page has one, or several alike."""
    names = {
        one.attributes["name"]: one.attributes.get("value", "")
        for one in found.all("input")
        if "name" in one.attributes
    }
    assert found.all("form", action=action)
    return names


async def press(browser: httpx.AsyncClient, path: str, action: str, **typed: str) -> httpx.Response:
    """Send the form of that page."""
    found = await page(browser, path)
    return await browser.post(action, data=fields(found, action) | typed)


async def test_sign_in_page(visitor: httpx.AsyncClient) -> None:
    """Asks for one thing, leads to any server, and back to where one was."""
    response = await visitor.get("/sign-in?next=/b/1&handle=%22%3E%3Cb%3E")
    found = parsed(response.text)
    assert fields(found, "/api/auth/login") == {"handle": '"><b>', "next": "/b/1"}
    assert "method" not in found.one("form").attributes
    assert "form-action 'self' https: http:;" in response.headers["content-security-policy"]
    assert found.one("a", href="https://bsky.app").text == "Bluesky"
    assert (await page(visitor, "/sign-in?next=//evil.example")).one("input", name="next").attributes["value"] == "/"


async def test_only_the_sign_in_page_leads_elsewhere(visitor: httpx.AsyncClient) -> None:
    assert "form-action 'self';" in (await visitor.get("/settings")).headers["content-security-policy"]


async def test_signing_in_fails(scene: Scene, visitor: httpx.AsyncClient) -> None:
    """At its beginning: the form again, with the sentence, and what was typed."""
    for error, status, sentence in (
        (SignInRefused(NO_NAME), 400, "This is not a handle. A handle looks like alice.bsky.social."),
        (SignInRefused("There is no such account."), 400, "There is no such account."),
        (Unavailable("timeout"), 503, "The server of this account does not answer right now; please try later."),
    ):
        scene.oauth.refusal = error
        found = await page(visitor, "/api/auth/login?handle=ann.example&next=/b/1", status)
        assert found.one("p", role="alert").text == sentence
        assert fields(found, "/api/auth/login") == {"handle": "ann.example", "next": "/b/1"}
        assert found.one("input", id="handle").attributes["aria-invalid"] == "true"
    assert (await page(visitor, "/api/auth/login?handle=", 400)).one("p", role="alert").text.startswith("To sign in")


async def test_signing_in_fails_at_its_end(scene: Scene, visitor: httpx.AsyncClient) -> None:
    """There, too, as far as we still know what was begun."""
    state = await begin(visitor, "ann.example", next="/b/1")
    response = await come_back(visitor, state, error="access_denied")
    found = parsed(response.text)
    assert (response.status_code, found.one("p", role="alert").text) == (403, "You did not allow it.")
    assert fields(found, "/api/auth/login") == {"handle": "ann.example", "next": "/b/1"}
    assert response.headers["cache-control"] == "no-store"
    found = parsed((await come_back(visitor, "unknown")).text)
    assert fields(found, "/api/auth/login") == {"handle": "", "next": "/"}


async def test_too_often(visitor: httpx.AsyncClient) -> None:
    """Told with the seconds to wait."""
    for _ in range(SIGN_INS_A_MINUTE):
        await visitor.get("/api/auth/login")
    while (response := await visitor.get("/api/auth/login?handle=ann.example")).status_code != 429:
        assert response.status_code == 303  # we are so slow that one more is taken
    assert "retry-after" in response.headers
    assert parsed(response.text).one("input", id="handle").attributes["value"] == "ann.example"


async def test_programs_get_what_they_got(scene: Scene) -> None:
    async with scene.browser() as program:
        response = await program.get("/api/auth/login?handle=")
        assert (response.status_code, set(response.json())) == (400, {"error"})


async def test_nobody_can_sign_in(scene: Scene) -> None:
    """The page says why, instead of a form."""
    async with scene.browser(door=Closed("Nobody can sign in here."), headers=HTML) as visitor:
        found = await page(visitor, "/sign-in")
        assert not found.all("form")
        assert found.one("p", class_="note").text == "Nobody can sign in here."


async def test_without_a_database(scene: Scene) -> None:
    """One can still read what is asked for, and why it does not work."""
    scene.database = AwayDatabase()
    async with scene.browser(headers=HTML) as visitor:
        await page(visitor, "/sign-in")
        found = await page(visitor, "/api/auth/login?handle=ann.example", 503)
        assert found.one("input", id="handle").attributes["value"] == "ann.example"


async def test_signing_out(scene: Scene, visitor: httpx.AsyncClient) -> None:
    """By the menu: the session is over, here and at the server."""
    await sign_in(visitor, "ann.example")
    response = await press(visitor, "/about", "/sign-out")
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert await who(visitor) is None
    assert len(scene.oauth.revoked) == 1
    assert (await visitor.post("/sign-out")).status_code == 303  # twice does no harm


def dressed(found: Parsed) -> dict[str, str]:
    """The themes of a page, and when it is in them."""
    links = [one.attributes for one in found.all("link", rel="stylesheet") if one.attributes["href"][:7] == "/theme/"]
    return {link["href"][7:].partition(".")[0]: link["media"] for link in links}


async def test_appearance(visitor: httpx.AsyncClient) -> None:
    """For anybody: every page has it from then on; what is chosen back leaves no trace."""
    found = await page(visitor, "/")
    assert dressed(found) == {
        "paper-light": "screen and (prefers-color-scheme: light)",
        "paper-dark": "screen and (prefers-color-scheme: dark)",
    }
    assert found.one("meta", name="color-scheme").attributes["content"] == "light dark"
    chosen = {"scheme": "dark", "light": "meadow-light", "dark": "plum-dark", "language": "de"}
    response = await press(visitor, "/settings", "/settings", **chosen)
    assert (response.status_code, response.headers["location"]) == (303, "/settings?saved")
    for path, status in (("/", 200), ("/nowhere", 404), ("/settings", 200)):
        found = await page(visitor, path, status)
        assert found.one("html").attributes["lang"] == "de"
        assert found.one("meta", name="color-scheme").attributes["content"] == "dark"
        assert dressed(found) == {"plum-dark": "screen"}
    for name in ("meadow-light", "plum-dark", "dark"):
        assert "checked" in found.one("input", value=name).attributes
    assert "selected" in found.one("option", value="de").attributes

    await press(visitor, "/settings", "/settings", scheme="light", light="meadow-light", dark="", language="")
    found = await page(visitor, "/")
    assert (dressed(found), found.one("html").attributes["lang"]) == ({"meadow-light": "screen"}, "en")
    await press(visitor, "/settings", "/settings", scheme="system", light="paper-light", dark="nonsense", language="")
    assert not visitor.cookies


@pytest.mark.parametrize(
    "cookie",
    ["", ".", "..", "light", "light.", ".plum-light", "light.plum-light.more.and.more", "a" * 4000, ".." * 2000],
)
async def test_cookies_of_others(visitor: httpx.AsyncClient, cookie: str) -> None:
    """Count as far as they name what there is."""
    visitor.cookies.set(LOOK_COOKIE, cookie)
    found = await page(visitor, "/settings")
    assert dressed(found).keys() <= {"paper-light", "plum-light", "paper-dark"}
    assert {one.attributes["value"] for one in found.all("input", name="scheme")} == set(SCHEMES)
    for scheme, themes in built_in().choices.items():
        offered = [one.attributes["value"] for one in found.all("input", name=scheme)]
        assert offered == [theme.rkey for theme in themes]


async def test_sessions(scene: Scene, visitor: httpx.AsyncClient) -> None:
    """Seen, ended one by one, or all but this one; each is given back to its server."""
    visitor.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0 <b>"
    await sign_in(visitor, "ann.example")
    async with scene.browser(headers={"User-Agent": "Phone"}) as phone, scene.browser() as tablet:
        for other in (phone, tablet):
            await sign_in(other, "ann.example")
        found = await page(visitor, "/settings")
        assert "This browser · Firefox, Linux" in [one.text for one in found.all("p")]
        assert "Unknown browser" in [one.text for one in found.all("p")]
        [_, first, *_] = [
            one.attributes["action"] for one in found.all("form") if one.attributes["action"].endswith("/end")
        ]
        response = await press(visitor, "/settings", first)
        assert (response.status_code, response.headers["location"]) == (303, "/settings#sessions")
        assert [await who(one) for one in (phone, tablet)].count(None) == 1

        response = await press(visitor, "/settings", "/settings/sessions/end-others")
        assert response.headers["location"] == "/settings#sessions"
        assert [await who(one) for one in (phone, tablet, visitor)] == [None, None, ANN]
        assert len(scene.oauth.revoked) == 2
    found = await page(visitor, "/settings")
    [own] = [one.attributes["action"] for one in found.all("form") if one.attributes["action"].endswith("/end")]
    assert not found.all("form", action="/settings/sessions/end-others")
    assert (await press(visitor, "/settings", own)).headers["location"] == "/"
    assert await who(visitor) is None


async def test_sessions_of_nobody(scene: Scene, visitor: httpx.AsyncClient) -> None:
    """Cannot be ended; whose own has ended is to sign in again, others' are not there."""
    for path in ("/settings/sessions/1/end", "/settings/sessions/end-others"):
        response = await visitor.post(path)
        assert response.status_code == 401
        assert parsed(response.text).one("h1").text == "Please sign in"
    await sign_in(visitor, "ann.example")
    found = await page(visitor, "/settings")
    word = found.all("input", name="csrf")[0].attributes["value"]
    assert (await visitor.post("/settings/sessions/987654/end", data={"csrf": word})).status_code == 404
