"""Categories and boards in the panel: their order, their forms, what is refused and what is kept of it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum.records.names import BOARD, CATEGORY
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import FORUM_DID, SITE, AwayDatabase, Rows, client_of
from tests.web.pages.conftest import ANN, HTML
from tests.web.pages.filled import browser_of, typed
from tests.web.pages.parsed import parsed
from tests.web.pages.test_admin_panel import said, sent
from tests.web.pages.test_moderating import page
from tests.web.ranks import Ranks
from web.app import make_app
from web.pages.who import word_for
from web.signed_in import COOKIE

PATH = "/admin/structure"
PAYLOADS: list[str] = json.loads(Path(__file__).with_name("payloads.json").read_text())
TYPED = {"name": "Garden", "description": "Beds\nand pots", "slug": "garden", "order": "7"}


@pytest.fixture
async def keeper(
    database: Pool, account: ForumAccount, rows: Rows, server: AccountServer
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may arrange the forum, and nothing else, with a browser."""
    ranks = Ranks(rows, server)
    await rows.forum()
    await ranks.member(ANN, await ranks.role("Keeper", 15, "manageCategories"))
    async with browser_of(database, ANN, account) as browser:
        yield browser


async def made(browser: httpx.AsyncClient, kind: str, name: str, **fields: object) -> str:
    """The key of a new category or board, made by the API."""
    response = await browser.post(f"/api/admin/{kind}", json={"name": name, **fields})
    assert response.status_code == 201, response.text
    return str(response.json()["uri"]).rpartition("/")[2]


async def shelves(browser: httpx.AsyncClient) -> tuple[str, str]:
    """Two categories, the first with three boards; their keys."""
    first, second = await made(browser, "categories", "First"), await made(browser, "categories", "Second")
    for name in ("A", "B", "C"):
        await made(browser, "boards", name, categoryUri=uri_of(CATEGORY, first))
    return first, second


def uri_of(collection: str, rkey: str) -> str:
    return f"at://{FORUM_DID}/{collection}/{rkey}"


async def order(browser: httpx.AsyncClient) -> list[str]:
    """The boards as the API lists them, and as the page does."""
    listed = [one["name"] for one in (await browser.get("/api/boards")).json()["boards"]]
    links = [one for one in (await page(browser, PATH)).all("a") if one.attributes["href"].startswith("/b/")]
    assert [one.text for one in links] == listed
    return listed


async def moved(browser: httpx.AsyncClient, name: str, way: str) -> httpx.Response:
    """By the button of that name; `way` is up or down."""
    shown = await page(browser, PATH)
    button = shown.one("button", **{"aria-label": f"Move {name} {way}"})
    forms = [one for one in shown.elements if one.tag in ("form", "button")]
    form = [one for one in forms[: forms.index(button)] if one.tag == "form"][-1]
    asked = {button.attributes["name"]: button.attributes["value"]}
    return await sent(browser, form.attributes["action"], **asked)


async def test_from_nothing(keeper: httpx.AsyncClient, server: AccountServer) -> None:
    """A category, a board in it, and readers have something to see; each new one comes last."""
    assert (await page(keeper, "/")).one("p", class_="beginning")
    assert "no categories yet" in (await page(keeper, PATH)).one("p", class_="note").text
    response = await sent(keeper, f"{PATH}/categories/new", name=" Garden ", description="", slug="", order="")
    assert response.status_code == 303, response.text
    garden = response.headers["location"].rpartition("#")[2]
    assert server.records[CATEGORY, garden].keys() == {"$type", "name", "sortOrder", "createdAt"}
    opening = await page(keeper, f"{PATH}/boards/new?category={garden}")
    assert typed(opening)["category"] == garden
    for name in ("Beds", "Pots"):
        response = await sent(keeper, f"{PATH}/boards/new", **TYPED | {"name": name, "order": "", "category": garden})
        assert response.status_code == 303, response.text
    pots = server.records[BOARD, response.headers["location"].rpartition("#")[2]]
    assert pots["category"]["$type"] == f"{BOARD}#categoryRef"
    assert (pots["description"], pots["slug"], pots["sortOrder"]) == ("Beds\nand pots", "garden", 1)
    assert await order(keeper) == ["Beds", "Pots"]
    assert "Beds" in (await keeper.get("/")).text


async def test_moving(keeper: httpx.AsyncClient, server: AccountServer) -> None:
    """One step, by one write, though all have the same number; there and back, and not over the edge."""
    await shelves(keeper)
    assert await order(keeper) == ["A", "B", "C"]
    for name, way, there in (
        ("C", "up", "A C B"),
        ("A", "down", "C A B"),
        ("B", "up", "C B A"),
        ("C", "down", "B C A"),
    ):
        before = len(server.written)
        response = await moved(keeper, name, way)
        assert response.status_code == 303, response.text
        assert len(server.written) - before == 1
        assert await order(keeper) == there.split()
    shown = await page(keeper, PATH)
    for label in ("Move First up", "Move B up", "Move A down", "Move Second down"):
        assert "disabled" in shown.one("button", **{"aria-label": label}).attributes
    assert (await moved(keeper, "First", "down")).status_code == 303
    assert said(await page(keeper, PATH), "h2") == ["Second", "First"]


async def test_moving_twice_by_the_same_page(keeper: httpx.AsyncClient, server: AccountServer) -> None:
    """Is once: a button says past whom, not how far. Whom it can no longer pass is told."""
    first, second = await shelves(keeper)
    keys = {record["name"]: key for (kind, key), record in server.records.items() if kind == BOARD}
    asked = f"{PATH}/boards/{keys['C']}/move"
    for _ in range(2):
        assert (await sent(keeper, asked, before=keys["B"])).status_code == 303
    assert await order(keeper) == ["A", "C", "B"]
    before = len(server.written)
    for beside in (keys["C"], second, "nonsense", ""):
        response = await sent(keeper, asked, before=beside)
        assert response.status_code == 409
        assert "Somebody else has changed this meanwhile" in parsed(response.text).one("p", role="alert").text
    assert (await sent(keeper, f"{PATH}/boards/{first}/move", before=keys["A"])).status_code == 404
    assert len(server.written) == before


async def test_editing(keeper: httpx.AsyncClient, server: AccountServer) -> None:
    """The form begins with what is there; what it has no field for stays, as does an order nobody touched."""
    first, second = await shelves(keeper)
    rkey = await made(keeper, "boards", "Herbs", categoryUri=uri_of(CATEGORY, second), description="Green")
    server.records[BOARD, rkey]["colour"] = "green"
    path = f"{PATH}/boards/{rkey}"
    opened = typed(await page(keeper, path))
    assert (opened["name"], opened["description"], opened["order"], opened["category"]) == (
        "Herbs",
        "Green",
        "0",
        second,
    )
    response = await keeper.post(path, data=opened | {"seen": "", "name": "Thyme"})
    assert response.status_code == 303, response.text
    record = server.records[BOARD, rkey]
    assert (record["name"], record["colour"], "sortOrder" in record) == ("Thyme", "green", False)
    opened = typed(await page(keeper, path))
    response = await keeper.post(path, data=opened | {"category": first})
    assert response.status_code == 303, response.text
    assert await order(keeper) == ["A", "B", "C", "Thyme"]
    assert server.records[BOARD, rkey]["category"]["category"]["uri"] == uri_of(CATEGORY, first)
    opened = typed(await page(keeper, path))
    assert (await keeper.post(path, data=opened | {"order": "", "description": ""})).status_code == 303
    assert "description" not in server.records[BOARD, rkey]
    assert (await page(keeper, f"{PATH}/boards/{first}", 404)).all("h1")
    await page(keeper, f"{PATH}/categories/{rkey}", 404)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"description": "é" * 3001}, "description"),
        ({"slug": "House Plants"}, "slug"),
        ({"slug": "new"}, "slug"),
        ({"order": "-1"}, "order"),
        ({"order": "first"}, "order"),
        ({"order": str(2**53)}, "order"),
        ({"order": "1.5"}, "order"),
        ({"category": ""}, "category"),
        ({"category": "3kabcabcabcab"}, "category"),
        ({"category": f"../../{BOARD}/3kabcabcabcab"}, "category"),
        ({"category": "<script>"}, "category"),
    ],
)
async def test_faults(keeper: httpx.AsyncClient, server: AccountServer, changes: dict[str, str], field: str) -> None:
    """Told beside the field, before anything is asked of the server; what was typed is still there."""
    first, _ = await shelves(keeper)
    before = len(server.asked)
    asked = TYPED | {"category": first} | changes
    response = await sent(keeper, f"{PATH}/boards/new", **asked)
    assert response.status_code == 400
    shown = parsed(response.text)
    assert [one.attributes["id"] for one in shown.all("p", class_="fault")] == [f"{field}-fault"]
    assert typed(shown).items() >= {name: value.strip() for name, value in asked.items()}.items()
    assert len(server.asked) == before


async def test_an_odd_slug_may_stay(keeper: httpx.AsyncClient) -> None:
    """Other software has other rules; whoever changes something else need not know."""
    rkey = await made(keeper, "categories", "Odd", slug="House Plants")
    opened = typed(await page(keeper, f"{PATH}/categories/{rkey}"))
    assert (await keeper.post(f"{PATH}/categories/{rkey}", data=opened | {"name": "Even"})).status_code == 303


async def test_changed_by_another_meanwhile(keeper: httpx.AsyncClient, server: AccountServer) -> None:
    """Both are shown, nothing is overwritten; who saves once more means it."""
    rkey = await made(keeper, "categories", "Garden", description="Beds")
    path = f"{PATH}/categories/{rkey}"
    opened = typed(await page(keeper, path))
    server.records[CATEGORY, rkey] = server.records[CATEGORY, rkey] | {"name": "Orchard", "sortOrder": 4}
    response = await keeper.post(path, data=opened | {"name": "Meadow"})
    assert response.status_code == 409
    shown = parsed(response.text)
    assert "Above is what it says now" in shown.one("p", role="alert").text
    assert said(shown, "dd") == ["Orchard", "Beds", "–", "4"]
    assert typed(shown)["name"] == "Meadow"
    assert server.records[CATEGORY, rkey]["name"] == "Orchard"
    response = await keeper.post(path, data=typed(shown))
    assert response.status_code == 303, response.text
    assert server.records[CATEGORY, rkey]["name"] == "Meadow"


async def test_changed_in_the_same_moment(keeper: httpx.AsyncClient, server: AccountServer) -> None:
    """Which the forum's server notices, not we."""
    rkey = await made(keeper, "categories", "Garden")
    opened = typed(await page(keeper, f"{PATH}/categories/{rkey}"))
    server.refuse("putRecord", "InvalidSwap")
    response = await keeper.post(f"{PATH}/categories/{rkey}", data=opened | {"name": "Meadow"})
    assert response.status_code == 409
    assert typed(parsed(response.text))["name"] == "Meadow"


async def test_deleting(keeper: httpx.AsyncClient, rows: Rows, server: AccountServer) -> None:
    """Asked for once more; what is not empty stays, and the page says why, in the reader's language."""
    first, second = await shelves(keeper)
    board = next(key for kind, key in server.records if kind == BOARD)
    topic = await rows.topic(ANN, board_uri=uri_of(BOARD, board))
    for path, why, grund in (
        (f"{PATH}/categories/{first}/delete", "3 boards", "3 Bretter"),
        (f"{PATH}/boards/{board}/delete", "1 topic", "1 Thema"),
    ):
        shown = await page(keeper, path)
        assert why in shown.one("p", class_="note").text
        assert not [one for one in shown.all("form") if one.attributes["action"] == path]
        response = await sent(keeper, path)
        assert response.status_code == 409
        assert why in parsed(response.text).one("p", role="alert").text
        german = await keeper.get(path, headers={"Accept-Language": "de"})
        assert grund in german.text
    await rows.run("UPDATE posts SET hidden = true, shown = false")
    await page(keeper, f"{PATH}/boards/{board}/delete")
    response = await sent(keeper, f"{PATH}/boards/{board}/delete")
    assert response.status_code == 409
    assert "posts that readers do not see" in response.text
    await rows.delete(topic)
    for path in (f"{PATH}/boards/{board}/delete", f"{PATH}/categories/{second}/delete"):
        response = await sent(keeper, path)
        assert (response.status_code, response.headers["location"]) == (303, PATH)
    assert await order(keeper) == ["B", "C"]
    assert said(await page(keeper, PATH), "h2") == ["First"]
    noted = await rows.run(
        "SELECT array_agg(act || ' ' || (before ->> 'name') ORDER BY id) FROM audit WHERE after IS NULL"
    )
    assert noted == ["removeBoard A", "removeCategory Second"]


async def test_boards_without_a_category(keeper: httpx.AsyncClient, rows: Rows, server: AccountServer) -> None:
    """Are found in the list, and can be put into another one."""
    first, _ = await shelves(keeper)
    server.records.pop((CATEGORY, first))
    await rows.run("DELETE FROM categories WHERE uri = $1", uri_of(CATEGORY, first))
    shown = await page(keeper, PATH)
    assert said(shown, "h2") == ["Second", "Other boards"]
    [board] = [key for (kind, key), record in server.records.items() if record["name"] == "A"]
    opened = typed(await page(keeper, f"{PATH}/boards/{board}"))
    assert (await keeper.post(f"{PATH}/boards/{board}", data=opened)).status_code == 400


async def test_nothing_typed_is_lost(database: Pool, keeper: httpx.AsyncClient, server: AccountServer) -> None:
    """The forum's server or the database away, nobody signed in for the forum or here, a form of another session."""
    path = f"{PATH}/categories/new"

    def kept(response: httpx.Response, status: int, why: str) -> None:
        assert response.status_code == status
        shown = parsed(response.text)
        assert why in " ".join(shown.one("p", role="alert").text.split())
        assert typed(shown).items() >= TYPED.items()

    server.answers["createRecord"] = httpx.Response(502)
    kept(await sent(keeper, path, **TYPED), 503, "The forum can only be read right now.")
    kept(await keeper.post(path, data=TYPED), 403, "This form was opened before you signed in")
    async with browser_of(database, ANN, None) as browser:
        assert "Nothing can be written here" in (await page(browser, path)).one("p", class_="note").text
        kept(await sent(browser, path, **TYPED), 503, "No password of the forum's account is set.")
    async with client_of(make_app(database, Board(), SITE)) as browser:
        kept(await browser.post(path, data=TYPED, headers=HTML), 401, "Your sign-in has ended.")
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as browser:
        browser.cookies.set(COOKIE, "token")
        word = {"csrf": word_for("token")}
        kept(await browser.post(path, data=TYPED | word, headers=HTML), 503, "The forum cannot reach its database")


@pytest.mark.slow
async def test_hostile_names(keeper: httpx.AsyncClient, rows: Rows) -> None:
    """Whatever categories and boards are called, the pages are made of the same elements."""
    first, _ = await shelves(keeper)
    board = (await rows.run("SELECT uri FROM boards WHERE name = 'A'")).rpartition("/")[2]
    paths = (PATH, *(f"{PATH}/{at}" for at in (f"boards/{board}", f"boards/{board}/delete", f"categories/{first}")))
    plain = {path: [one.tag for one in (await page(keeper, path)).elements] for path in paths}
    for payload in PAYLOADS[::5]:
        for table in ("categories", "boards"):
            await rows.run(f"UPDATE {table} SET name = $1, description = coalesce(description, $1), slug = $1", payload)
        for path in paths:
            shown = await page(keeper, path)
            found = [one.tag for one in shown.elements if (one.tag, one.attributes.get("dir")) != ("p", "auto")]
            assert found == plain[path], payload


async def test_only_the_right_counts(database: Pool, account: ForumAccount, rows: Rows, server: AccountServer) -> None:
    """A role that may all but this has no card for it."""
    ranks = Ranks(rows, server)
    others = ("manageForum", "manageRoles", "manageMembers", "manageThemes", "moderatePosts")
    await ranks.member(ANN, await ranks.role("Other", 15, *others))
    async with browser_of(database, ANN, account) as browser:
        for path in (PATH, f"{PATH}/boards/new", f"{PATH}/categories/any", f"{PATH}/categories/any/delete"):
            await page(browser, path, 403)
            assert (await sent(browser, path)).status_code in (403, 405)
        assert PATH not in (await page(browser, "/admin")).links()
    assert server.written == []
