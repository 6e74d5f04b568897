"""Permalinks: by handle, by DID, by what somebody was called before; a reply's leads to its page and place."""

import httpx

from tests.web.forum_rows import Rows, board_uri
from tests.web.pages.conftest import ANN, BOB

TOPIC = "/t/ann.test/0000000000001"


async def leads_to(browser: httpx.AsyncClient, path: str) -> str:
    response = await browser.get(path)
    assert response.status_code == 302, response.text
    return response.headers["location"]


async def canonical(browser: httpx.AsyncClient, path: str) -> str:
    response = await browser.get(path)
    assert response.status_code == 200, response.text
    return response.text.partition('<link rel="canonical" href="http://forum.test')[2].partition('"')[0]


async def test_by_handle_and_by_did(browser: httpx.AsyncClient, forum: Rows) -> None:
    """Both show the page; it says which address is its own. A handle is the same in capitals."""
    await forum.topic(ANN)
    assert await canonical(browser, TOPIC) == TOPIC
    assert await canonical(browser, f"/t/{ANN}/0000000000001") == TOPIC
    assert await canonical(browser, f"/@{ANN}") == "/@ann.test"
    assert await leads_to(browser, "/t/ANN.Test/0000000000001?page=1") == TOPIC
    assert await leads_to(browser, "/@Ann.Test") == "/@ann.test"


async def test_without_a_handle_the_did_is_the_address(browser: httpx.AsyncClient, forum: Rows) -> None:
    await forum.account("did:web:example.org%3A8080")
    await forum.topic("did:web:example.org%3A8080")
    path = "/t/did:web:example.org%253A8080/0000000000001"
    assert await canonical(browser, path) == path


async def test_former_handles(browser: httpx.AsyncClient, forum: Rows) -> None:
    """Lead to the present one, also to a reply; until somebody else has the handle, whose posts come first."""
    await forum.topic(ANN)
    await forum.run("UPDATE accounts SET handle = 'annie.test' WHERE did = $1", ANN)
    assert await leads_to(browser, TOPIC) == "/t/annie.test/0000000000001"
    assert await leads_to(browser, "/@ann.test") == "/@annie.test"
    await forum.run("UPDATE accounts SET handle = 'ann.test' WHERE did = $1", BOB)
    await forum.topic(BOB)
    assert await canonical(browser, "/@ann.test") == "/@ann.test"
    assert await canonical(browser, "/t/ann.test/0000000000002") == "/t/ann.test/0000000000002"
    assert await leads_to(browser, TOPIC) == "/t/annie.test/0000000000001"
    await forum.run("UPDATE accounts SET handle = NULL, resolved_at = now() WHERE did = $1", ANN)
    assert await leads_to(browser, "/@annie.test") == f"/@{ANN}"


async def test_boards(browser: httpx.AsyncClient, forum: Rows) -> None:
    """The words after the key are decoration: with others, or without, it leads to the present ones."""
    assert await canonical(browser, "/b/0000000000001") == "/b/0000000000001"
    assert await leads_to(browser, "/b/0000000000001/cats?sort=created") == "/b/0000000000001?sort=created"
    await forum.run("UPDATE boards SET slug = 'all-cats' WHERE uri = $1", board_uri(1))
    assert await canonical(browser, "/b/0000000000001/all-cats") == "/b/0000000000001/all-cats"
    assert await leads_to(browser, "/b/0000000000001") == "/b/0000000000001/all-cats"
    assert await leads_to(browser, "/b/0000000000001/dogs") == "/b/0000000000001/all-cats"
    for slug in ("../../admin", "All Cats", "a--b", "x" * 101, "\N{CAT}", ""):
        await forum.run("UPDATE boards SET slug = $2 WHERE uri = $1", board_uri(1), slug)
        assert await canonical(browser, "/b/0000000000001") == "/b/0000000000001"


async def test_replies(browser: httpx.AsyncClient, forum: Rows) -> None:
    """To the page and the place; tombstones too, the last on the last page; not those of another topic, nor hidden."""
    topic, other = await forum.topic(ANN), await forum.topic(ANN)
    replies = [await forum.reply(BOB, topic) for _ in range(60)]
    stranger = await forum.reply(BOB, other)

    def path(number: int) -> str:
        return f"{TOPIC}/p/{BOB}/{number:013}"

    places = [await leads_to(browser, path(number + 3)) for number in (0, 23, 24, 48, 49)]
    pages = ["", "", "?page=2", "?page=2", "?page=3"]
    assert places == [
        f"{TOPIC}{page}#{BOB}/{number + 3:013}" for page, number in zip(pages, (0, 23, 24, 48, 49), strict=True)
    ]
    await forum.delete(replies[30])
    assert await leads_to(browser, path(33)) == f"{TOPIC}?page=2#{BOB}/{33:013}"
    await forum.run("UPDATE posts SET hidden = true, shown = false WHERE id = $1", replies[31].id)
    for number in (34, int(stranger.uri[-13:]), 999):
        assert (await browser.get(path(number))).status_code == 404
    for reply in replies[51:]:
        await forum.delete(reply)
    assert await leads_to(browser, path(62)) == f"{TOPIC}?page=2#{BOB}/{62:013}"


async def test_newest(browser: httpx.AsyncClient, forum: Rows) -> None:
    """To the last reply there is; to the topic while there is none."""
    topic = await forum.topic(ANN)
    assert await leads_to(browser, f"{TOPIC}/newest") == TOPIC
    last = [await forum.reply(BOB, topic) for _ in range(25)][-1]
    assert await leads_to(browser, f"{TOPIC}/newest") == f"{TOPIC}?page=2#{BOB}/{last.uri[-13:]}"
    await forum.delete(last)
    assert await leads_to(browser, f"{TOPIC}/newest") == f"{TOPIC}#{BOB}/{25:013}"


async def test_nothing_there(browser: httpx.AsyncClient, forum: Rows) -> None:
    """Whatever is asked for that is not, in whatever spelling."""
    for path in (
        "/t/ann.test/nothing", "/t/nobody.test/0000000000001", "/t/did:plc:nobody/0000000000001", "/t/../0000000000001",
        "/t/ann/0000000000001", "/t/ann.test/a%00b", "/t/ann.test/0000000000001/p/x/y", "/t/ann.test/x%20y/newest",
        "/@nobody.test", "/@", "/@ann.test%00", "/@did:plc:nobody", "/b/none", "/b/a%00b", "/b/%2e%2e", "/nowhere",
        "/static/style.css", "/static/..%2fapp.py", "/b/none/feed.atom", "/t/ann.test/none/feed.atom",
    ):  # fmt: skip
        assert (await browser.get(path)).status_code == 404, path
