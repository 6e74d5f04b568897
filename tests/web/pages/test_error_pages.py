"""Errors in the browser: words that help, in the frame of the forum; JSON stays JSON for who asks for that."""

import httpx
import pytest

from actors.agent import ReadOnly
from actors.health import Board
from daemon.pool import Pool
from forum.database import DatabaseAway
from tests.web.forum_rows import SITE, AwayDatabase, Rows, client_of
from tests.web.pages.conftest import HTML, Browse
from tests.web.pages.parsed import parsed
from web.app import make_app
from web.pages.words import languages

EN = languages()["en"]


async def test_nothing_there(browse: Browse, forum: Rows) -> None:
    """What it was, where to go; not to be indexed, not to be kept, with no address of its own."""
    page = await browse("/nowhere", 404)
    assert page.one("h1").text == EN("error.404.title")
    assert page.one("p", class_="status").text == "Error 404"
    assert not page.all("p", class_="sentence")  # the library's own words say no more
    assert "/" in page.links()
    assert page.one("meta", name="robots").attributes["content"] == "noindex"
    assert not page.all("link", rel="canonical")
    assert "Cats" in page.one("title").text


async def test_own_words(browse: Browse, forum: Rows) -> None:
    page = await browse("/b/none", 404)
    assert page.one("p", class_="sentence").text == "There is no such board; perhaps it was removed."


async def test_not_signed_in(browse: Browse, browser: httpx.AsyncClient, forum: Rows) -> None:
    """The way in comes first, and leads back to where it was asked for; what was sent by a form cannot be."""
    page = await browse("/admin/log?offset=50", 401)
    ways = [one for one in page.all("a") if one.text == EN("forum.sign_in")]
    assert {one.attributes["href"] for one in ways} == {"/sign-in?next=%2Fadmin%2Flog%3Foffset%3D50"}
    assert len(ways) == 2  # at the head of the page, too
    assert not page.all("p", class_="sentence")
    page = parsed((await browser.post("/settings/sessions/end-others")).text)
    assert "/sign-in" in page.links()


async def test_headers(browser: httpx.AsyncClient) -> None:
    """Those that belong to the error stay; pages have theirs."""
    response = await browser.post("/about")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert response.headers["cache-control"] == "no-store"
    assert "style-src 'self'" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/nowhere", "application/json"),
        ("/nowhere", "application/json, text/html;q=0.9"),
        ("/nowhere", "*/*"),
        ("/api/boards/x", HTML["Accept"]),
        ("/api/nowhere", HTML["Accept"]),
        ("/.well-known/nothing", HTML["Accept"]),
    ],
)
async def test_machines_get_json(browser: httpx.AsyncClient, path: str, accept: str) -> None:
    response = await browser.get(path, headers={"Accept": accept})
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"error"}


async def test_no_database() -> None:
    """Told in the frame of the page, without asking it for more."""
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as client:
        for path in ("/", "/about", "/b/x", "/t/ann.test/x", "/@ann.test"):
            response = await client.get(path, headers=HTML)
            assert response.status_code == 503
            page = parsed(response.text)
            assert page.one("h1").text == EN("error.503.title")
            assert path in page.links()  # to try again
            assert "secret" not in response.text
        response = await client.get("/nowhere", headers=HTML)
        assert response.status_code == 404
        assert parsed(response.text).one("h1").text == EN("error.404.title")


class Failing:
    """A database behind which something unforeseen happens."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def connection(self) -> object:
        raise self.error

    transaction = connection


@pytest.mark.parametrize(
    ("error", "status", "key"),
    [
        (RuntimeError("internals of did:plc:secret"), 500, "500"),
        (ReadOnly("The forum can only be read right now."), 503, "read_only"),
        (DatabaseAway("away"), 503, "503"),
    ],
)
async def test_failures(error: Exception, status: int, key: str) -> None:
    """Ours, or of the world: each in its own words, never with internals."""
    async with client_of(make_app(Failing(error), Board(), SITE)) as client:
        response = await client.get("/", headers=HTML)
    assert response.status_code == status
    assert parsed(response.text).one("h1").text == EN(f"error.{key}.title")
    assert "secret" not in response.text


async def test_rare_statuses_have_words_too(browser: httpx.AsyncClient, database: Pool) -> None:
    """Those of what is like them."""
    response = await browser.post("/api/auth/logout", headers={"Origin": "http://evil.example"})
    assert response.status_code == 403
    response = await browser.post("/about", headers={"Origin": "http://evil.example"})
    assert response.status_code == 403
    assert parsed(response.text).one("p", class_="sentence").text == "The request comes from another site."
    response = await browser.get("/about", headers={"Range": "bytes=9-", "Expect": "x"})
    assert response.status_code == 200
