"""What people write or call themselves never runs in somebody else's browser, whichever field carries it."""

import json
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pytest

from forum.markdown import render_markdown, render_text
from tests.web.forum_rows import NOON, Rows, board_uri
from tests.web.pages.conftest import ANN, BOB
from tests.web.pages.parsed import parsed

PAYLOADS: list[str] = json.loads(Path(__file__).with_name("payloads.json").read_text())
TOPIC = "/t/ann.test/0000000000001"

# One topic, and one reply each way, for every payload; everything else that can hold text holds it once.
TOPICS = """
INSERT INTO posts (uri, did, rkey, cid, board_uri, title, text, markdown, created_at, sorted_at, shown)
SELECT 'at://' || $1 || '/space.atbb.post/' || lpad(n::text, 13, '0'), $1, lpad(n::text, 13, '0'), 'cid', $2,
       payload, payload, CASE WHEN n % 2 = 0 THEN payload END, $3, $3, true
  FROM unnest($4::text[]) WITH ORDINALITY AS i (payload, n)
"""
REPLIES = """
INSERT INTO posts (uri, did, rkey, cid, root_uri, parent_uri, text, markdown, created_at, sorted_at, shown)
SELECT 'at://' || $1 || '/space.atbb.post/' || lpad((10000 + n)::text, 13, '0'), $1, lpad((10000 + n)::text, 13, '0'),
       'cid', $2, 'at://' || $1 || '/space.atbb.post/' || lpad((10000 + n - 1)::text, 13, '0'), payload,
       CASE WHEN n % 2 = 0 THEN payload END, $3::timestamptz + n * interval '1 second', $3, true
  FROM unnest($4::text[]) WITH ORDINALITY AS i (payload, n)
"""

# For every payload a category, a board and a role, and an account of that name which has the role and begins a topic.
_EACH = "FROM unnest($1::text[]) WITH ORDINALITY AS i (p, n)"
NAMES = (
    "INSERT INTO categories (uri, name, description, slug, sort_order, created_at)"
    f" SELECT 'at://c' || n, p, p, p, n, now() {_EACH}",
    "INSERT INTO boards (uri, category_uri, name, description, slug, sort_order, created_at)"
    " SELECT 'at://did:plc:forum/space.atbb.forum.board/' || lpad(n::text, 13, '0'), 'at://c' || n, p, p, p, n, now()"
    f" {_EACH}",
    "INSERT INTO roles (uri, name, description, permissions, priority, created_at)"
    f" SELECT 'at://r' || n, p, p, '{{}}', 1, now() {_EACH}",
    f"INSERT INTO accounts (did, handle) SELECT 'did:plc:' || n, p {_EACH}",
    f"INSERT INTO grants SELECT n::text, 'did:plc:' || n, 'at://r' || n, 'did:plc:forum', now() {_EACH}",
    "INSERT INTO posts (uri, did, rkey, cid, board_uri, text, created_at, sorted_at, shown)"
    " SELECT 'at://did:plc:' || n || '/space.atbb.post/' || n, 'did:plc:' || n, n::text, 'cid',"
    f" 'at://did:plc:forum/space.atbb.forum.board/' || lpad('1', 13, '0'), p, now(), now(), true {_EACH}",
)


def test_there_are_enough() -> None:
    assert len(set(PAYLOADS)) >= 200


@pytest.mark.parametrize("payload", PAYLOADS)
def test_posts(payload: str) -> None:
    """By itself, in the middle of a word, and after an unfinished piece of Markdown."""
    for source in (payload, f"a{payload}b", f"- ![a]({payload}", f"```{payload}", f"||{payload}", f"> `{payload}"):
        for render in (render_markdown, render_text):
            assert not list(parsed(render(source)).dangers()), source


@pytest.mark.slow
async def test_pages(browser: httpx.AsyncClient, forum: Rows) -> None:
    """All of it on real pages, every field: titles, texts, excerpts, names, descriptions, slugs, roles, handles."""
    first = "at://" + ANN + "/space.atbb.post/0000000000001"
    await forum.run(TOPICS, ANN, board_uri(1), NOON, PAYLOADS)
    await forum.run(REPLIES, BOB, first, NOON, PAYLOADS)
    last_page = -(-len(PAYLOADS) // 25)
    boards = [f"/b/0000000000001?page={number}" for number in range(1, last_page + 1)]
    for path in (
        *boards,
        *(f"{TOPIC}?page={number}" for number in range(1, last_page + 1)),
        "/",
        "/@ann.test",
        "/@bob.test",
    ):
        await looks_harmless(browser, path)
    for path in ("/feed.atom", "/b/0000000000001/feed.atom", f"{TOPIC}/feed.atom", "/sitemap.xml"):
        await reads_as_xml(browser, path)


@pytest.mark.slow
async def test_names(browser: httpx.AsyncClient, rows: Rows) -> None:
    """What the forum's record, its structure and its roles say is not trusted either, nor what accounts are called."""
    await rows.forum()
    for statement in NAMES:
        await rows.run(statement, PAYLOADS)
    for number, payload in enumerate(PAYLOADS, 1):
        await rows.run("UPDATE forum SET name = $1, description = $1", payload)
        await looks_harmless(browser, f"/@did:plc:{number}")
    await looks_harmless(browser, "/")
    await looks_harmless(browser, "/about")
    for page in range(1, -(-len(PAYLOADS) // 25) + 1):
        await looks_harmless(browser, f"/b/{1:013}?page={page}")
    for path in ("/feed.atom", f"/b/{1:013}/feed.atom", "/sitemap.xml"):
        await reads_as_xml(browser, path)


@pytest.mark.slow
async def test_requests(browser: httpx.AsyncClient, forum: Rows) -> None:
    """What is in an address or a header and comes back on the page that says there is no such thing."""
    for payload in PAYLOADS:
        for path in ("/{}", "/@{}", "/b/{}", "/t/{}/x", "/b/0000000000001/{}"):
            response = await browser.get(path.format(quote(payload, safe="")))
            harmless(response.text)
        response = await browser.get("/b/0000000000001", params={"page": payload, "sort": payload, payload: payload})
        harmless(response.text)
        language = payload.encode("ascii", "ignore").replace(b"\n", b" ").replace(b"\x01", b"")
        harmless((await browser.get("/about", headers={b"Accept-Language": language})).text)


async def looks_harmless(browser: httpx.AsyncClient, path: str) -> None:
    response = await browser.get(path, follow_redirects=True)
    assert response.status_code == 200, response.text
    harmless(response.text)


def harmless(page: str) -> None:
    if page.startswith('<!doctype html>\n<html lang="en" dir'):
        assert not list(parsed(page).dangers())
    else:
        assert page.startswith("<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>")


async def reads_as_xml(browser: httpx.AsyncClient, path: str) -> None:
    """Well-formed; what stands in it as HTML is harmless in turn."""
    tree = ElementTree.fromstring((await browser.get(path)).content)
    for element in tree.iter():
        if element.tag.endswith("}content"):
            assert not list(parsed(element.text or "").dangers())
        for address in (element.get("href"), element.text if element.tag.endswith(("}id", "}loc", "}uri")) else None):
            assert address is None or address.startswith("http://forum.test/")
