"""Feeds, the site map, robots, and the files that pages need: for programs, as programs expect them."""

import gzip
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from actors.health import Board
from daemon.pool import Pool
from forum.presets import PRESETS
from tests.web.forum_rows import Rows, board_uri, client_of, minute
from tests.web.pages.conftest import ANN, BOB, HTML, Browse
from web.app import make_app
from web.looks import built_in
from web.pages.assets import FOLDER, asset_path, assets
from web.site import Site

ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


async def feed(browser: httpx.AsyncClient, path: str) -> ElementTree.Element:
    response = await browser.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=300"
    return ElementTree.fromstring(response.content)


def titles(found: ElementTree.Element) -> list[str | None]:
    return [entry.findtext(f"{ATOM}title") for entry in found.iter(f"{ATOM}entry")]


async def test_feeds_of_topics(browser: httpx.AsyncClient, forum: Rows) -> None:
    """The newest of the forum, or of one board; each entry with all it says, and an id that outlives a handle."""
    await forum.board(2)
    await forum.topic(ANN, markdown="*Hello* <script>", edited_at=minute(7))
    await forum.topic(BOB, board=2)
    await forum.topic(BOB, hidden=True)
    found = await feed(browser, "/feed.atom")
    assert found.findtext(f"{ATOM}title") == "Cats"
    assert titles(found) == ["Topic 2", "Topic 1"]
    found = await feed(browser, "/b/0000000000001/feed.atom")
    assert found.findtext(f"{ATOM}title") == "New topics in Board 1"
    [entry] = found.iter(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}content") == "<p><em>Hello</em> &lt;script&gt;</p>\n"
    assert entry.findtext(f"{ATOM}id") == f"http://forum.test/t/{ANN}/0000000000001"
    assert entry.find(f"{ATOM}link").get("href") == "http://forum.test/t/ann.test/0000000000001"
    assert entry.findtext(f"{ATOM}updated") == "2026-01-01T12:07:00+00:00"
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "ann.test"


async def test_ways_to_feeds(browse: Browse, forum: Rows) -> None:
    """Told to programs at the head of the page, and to people at its foot."""
    await forum.topic(ANN)
    for path in ("/b/0000000000001", "/t/ann.test/0000000000001"):
        page = await browse(path)
        [told] = page.all("link", type="application/atom+xml")
        shown = page.one("a", class_="feed")
        assert shown.attributes["href"] == told.attributes["href"] == f"{path}/feed.atom"
        assert shown.text.startswith("Feed of this ")


async def test_feeds_of_what_no_xml_can_hold(browser: httpx.AsyncClient, forum: Rows) -> None:
    """Control characters and the like are left out, wherever they stand."""
    await forum.run("UPDATE forum SET name = $1, description = $1", "C\x01ats")
    await forum.topic(ANN, title="T\x0bopic", text="te\x1bxt\ufffe \U0001f431")
    found = await feed(browser, "/feed.atom")
    assert (found.findtext(f"{ATOM}title"), found.findtext(f"{ATOM}subtitle")) == ("Cats", "Cats")
    [entry] = found.iter(f"{ATOM}entry")
    assert (entry.findtext(f"{ATOM}title"), entry.findtext(f"{ATOM}content")) == ("Topic", "<p>text \U0001f431</p>\n")


async def test_feed_of_a_topic(browser: httpx.AsyncClient, forum: Rows) -> None:
    """Its newest replies, the last first; 25 of them, however many there are; no tombstones."""
    topic = await forum.topic(ANN)
    assert titles(await feed(browser, "/t/ann.test/0000000000001/feed.atom")) == []
    replies = [await forum.reply(BOB, topic) for _ in range(30)]
    await forum.delete(replies[-2])
    found = await feed(browser, f"/t/{ANN}/0000000000001/feed.atom")
    assert found.findtext(f"{ATOM}title") == "Replies to Topic 1"
    texts = [entry.findtext(f"{ATOM}content") for entry in found.iter(f"{ATOM}entry")]
    assert texts == [f"<p>text {number}</p>\n" for number in (31, *range(29, 5, -1))]


async def test_site_map(browser: httpx.AsyncClient, forum: Rows) -> None:
    """The front page, boards, topics with when they last changed; none that is hidden."""
    await forum.run("UPDATE boards SET slug = 'cats' WHERE uri = $1", board_uri(1))
    await forum.topic(ANN)
    await forum.topic(ANN, hidden=True)
    response = await browser.get("/sitemap.xml")
    assert response.headers["content-type"] == "application/xml; charset=utf-8"
    found = ElementTree.fromstring(response.content)
    assert [place.findtext(f"{MAP}loc") for place in found] == [
        f"http://forum.test{path}" for path in ("/", "/about", "/b/0000000000001/cats", "/t/ann.test/0000000000001")
    ]
    assert found[3].findtext(f"{MAP}lastmod") == "2026-01-01T12:01:00Z"


async def test_robots(browser: httpx.AsyncClient) -> None:
    text = (await browser.get("/robots.txt")).text
    assert "Disallow: /api/\n" in text
    assert "Sitemap: http://forum.test/sitemap.xml\n" in text


async def test_public_origin(database: Pool, forum: Rows) -> None:
    """Addresses are those of the settings, whatever host a request names; over https, browsers are to stay there."""
    site = Site(forum_did="did:plc:forum", public_origin="https://forum.example")
    async with client_of(make_app(database, Board(), site)) as client:
        response = await client.get("/", headers=HTML | {"Host": "evil.example"})
        assert '<link rel="canonical" href="https://forum.example/">' in response.text
        assert response.headers["strict-transport-security"] == "max-age=31536000"
        for path in ("/", "/robots.txt", "/sitemap.xml", "/feed.atom"):
            assert "evil" not in (await client.get(path, headers={"Host": "evil.example"})).text


async def test_files_are_kept_for_ever(browser: httpx.AsyncClient) -> None:
    """Named by what is in them; packed for who can unpack."""
    for name in assets():
        content = (FOLDER / name).read_bytes()
        async with browser.stream("GET", asset_path(name), headers={"Accept-Encoding": "gzip, br"}) as response:
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert response.headers["content-encoding"] == "gzip"
            assert gzip.decompress(b"".join([part async for part in response.aiter_raw()])) == content
        plain = await browser.get(asset_path(name), headers={"Accept-Encoding": "identity"})
        assert plain.content == content
        assert "content-encoding" not in plain.headers
        assert plain.headers["x-content-type-options"] == "nosniff"
    assert (await browser.get("/static/style.000000000000.css")).status_code == 404
    assert (await browser.get("/favicon.ico")).headers["location"] == asset_path("favicon.svg")


def test_first_view_is_light() -> None:
    """All sheets and scripts together are small when packed, and the sheet takes nothing from elsewhere."""
    files = [*FOLDER.glob("*.css"), *FOLDER.glob("*.js"), *FOLDER.glob("*.svg")]
    assert all(len(built_in().sheet(rkey).packed) < 300 for rkey in PRESETS)
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 50_000
    style = (FOLDER / "style.css").read_text()
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("template", sorted((FOLDER.parent / "templates").glob("*.html")), ids=lambda path: path.stem)
def test_nothing_inline(template: Path) -> None:
    """No script, no style, no handler in a template: the policy would not let them run."""
    text = template.read_text()
    for sign in ("<style", " style=", "javascript:", " onclick", " onload", "|safe"):
        assert sign not in text
