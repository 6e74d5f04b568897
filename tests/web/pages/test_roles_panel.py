"""Roles in the panel: what is offered to whom, what is kept of what they may not touch, and what is refused."""

from collections.abc import AsyncIterator

import httpx
import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum.permissions import ADMIN, PERMISSIONS, PREFIX
from forum.records.names import ROLE
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import FORUM_DID, SITE, AwayDatabase, Rows, client_of
from tests.web.pages.conftest import ANN, BOB, CAT, HTML
from tests.web.pages.filled import browser_of, ticked, typed
from tests.web.pages.parsed import Parsed, parsed
from tests.web.pages.test_admin_panel import said, sent
from tests.web.pages.test_moderating import page
from tests.web.pages.test_structure_panel import PAYLOADS
from tests.web.ranks import Ranks
from web.app import make_app
from web.pages.who import word_for
from web.signed_in import COOKIE

PATH = "/admin/roles"
TYPED = {"name": "Gardener", "description": "Weeds\nand seeds", "priority": "25"}
LOCK, PIN = f"{PREFIX}lockTopics", f"{PREFIX}pinTopics"


@pytest.fixture
async def ranks(rows: Rows, server: AccountServer) -> dict[str, str]:
    """Keys of roles by name; Ann is an admin, Bob a helper, Cat has what newcomers have."""
    ranks = Ranks(rows, server)
    await rows.forum()
    uris = {
        "Owner": await ranks.role("Owner", 0, "*"),
        "Admin": await ranks.role("Admin", 10, *(word.removeprefix(PREFIX) for word in ADMIN)),
        "Helper": await ranks.role("Helper", 20, "lockTopics"),
        "Member": await ranks.role("Member", 30, "createTopics", "createPosts"),
    }
    for did, role in ((ANN, uris["Admin"]), (BOB, uris["Helper"]), (CAT, None)):
        await ranks.member(did, role)
    return {name: uri.rpartition("/")[2] for name, uri in uris.items()}


@pytest.fixture
async def ann(database: Pool, account: ForumAccount, ranks: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with browser_of(database, ANN, account) as browser:
        yield browser


async def filled(browser: httpx.AsyncClient, path: str, *chosen: str, **changes: str) -> httpx.Response:
    """The form of that page, with these boxes ticked, sent."""
    form: dict[str, str | list[str]] = {**typed(await page(browser, path)), **changes, "chosen": list(chosen)}
    return await browser.post(path, data=form)


def alert(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    return " ".join(parsed(response.text).one("p", role="alert").text.split())


async def test_the_list(ann: httpx.AsyncClient, ranks: dict[str, str]) -> None:
    """All roles, what each permits, how many have it; ways to change only those weaker than one's own."""
    shown = await page(ann, PATH)
    assert said(shown, "h2") == ["Owner", "Admin", "Helper", "Member"]
    assert said(shown, "span", class_="mark") == ["Yours", "Default"]
    hints = said(shown, "p", class_="hint")
    assert "Priority 0 · Everything" in hints
    assert "Everybody has it who was given no other." in hints
    assert f"/admin/members?role={ranks['Helper']}" in shown.links()
    ways = {link for link in shown.links() if link.startswith(PATH) and link not in (PATH, f"{PATH}/new")}
    assert ways == {f"{PATH}/{ranks[name]}{at}" for name in ("Helper", "Member") for at in ("", "/delete")}
    for name in ("Owner", "Admin"):
        await page(ann, f"{PATH}/{ranks[name]}", 403)
        await page(ann, f"{PATH}/{ranks[name]}/delete", 403)
        assert (await sent(ann, f"{PATH}/{ranks[name]}", **TYPED)).status_code == 403
        assert (await sent(ann, f"{PATH}/{ranks[name]}/delete")).status_code == 403


async def test_making_and_changing(ann: httpx.AsyncClient, server: AccountServer) -> None:
    """A new role can write unless one says otherwise; what can be ticked is what one has."""
    opened = await page(ann, f"{PATH}/new")
    assert ticked(opened) == [f"{PREFIX}createTopics", f"{PREFIX}createPosts"]
    offered = {one.attributes["value"] for one in opened.all("input", type="checkbox")}
    assert offered == ADMIN
    assert typed(opened)["priority"] == "30"
    response = await filled(ann, f"{PATH}/new", LOCK, PIN, **TYPED)
    assert response.status_code == 303, response.text
    rkey = response.headers["location"].rpartition("#")[2]
    record = server.records[ROLE, rkey]
    assert (record["permissions"], record["priority"]) == ([LOCK, PIN], 25)
    assert record["description"] == TYPED["description"]
    path = f"{PATH}/{rkey}"
    assert ticked(await page(ann, path)) == [LOCK, PIN]
    server.records[ROLE, rkey] = record | {"colour": "green"}
    assert (await filled(ann, path, PIN, seen="", description="")).status_code == 303
    assert server.records[ROLE, rkey].keys() == (record.keys() | {"colour"}) - {"description"}
    assert server.records[ROLE, rkey]["permissions"] == [PIN]
    assert "Gardener" in said(await page(ann, PATH), "h2")
    assert (await sent(ann, f"{path}/delete")).headers["location"] == PATH
    assert "Gardener" not in said(await page(ann, PATH), "h2")


async def test_what_one_does_not_have_stays(
    ann: httpx.AsyncClient, ranks: dict[str, str], rows: Rows, server: AccountServer
) -> None:
    """Shown, not to be unticked; forged it is refused."""
    there = sorted([f"{PREFIX}manageForum", "com.example.sing", LOCK])
    server.records[ROLE, ranks["Helper"]]["permissions"] = there
    await rows.run("UPDATE roles SET permissions = $1 WHERE name = 'Helper'", there)
    path = f"{PATH}/{ranks['Helper']}"
    opened = await page(ann, path)
    closed = [one.attributes["value"] for one in opened.all("input", type="checkbox") if "disabled" in one.attributes]
    assert closed == [f"{PREFIX}manageForum", "com.example.sing"]
    assert (await filled(ann, path, PIN)).status_code == 303
    assert server.records[ROLE, ranks["Helper"]]["permissions"] == sorted([*closed, PIN])
    for forged in ("*", f"{PREFIX}manageForum"):
        assert "Insufficient permissions" in alert(await filled(ann, f"{PATH}/new", forged, **TYPED), 403)
    assert "none we know" in alert(await filled(ann, f"{PATH}/new", "<script>", **TYPED), 400)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 301}, "name"),
        ({"description": "x" * 3001}, "description"),
        ({"priority": ""}, "priority"),
        ({"priority": "strong"}, "priority"),
        ({"priority": "-1"}, "priority"),
        ({"priority": "10"}, "priority"),
        ({"priority": "0"}, "priority"),
        ({"priority": str(2**53)}, "priority"),
    ],
)
async def test_faults(ann: httpx.AsyncClient, server: AccountServer, changes: dict[str, str], field: str) -> None:
    """Told beside the field; what was typed and ticked is still there, and nothing was asked of the server."""
    before = len(server.asked)
    response = await filled(ann, f"{PATH}/new", PIN, **TYPED | changes)
    assert response.status_code == 400
    shown = parsed(response.text)
    assert [one.attributes["id"] for one in shown.all("p", class_="fault")] == [f"{field}-fault"]
    assert typed(shown).items() >= {name: text.strip() for name, text in (TYPED | changes).items()}.items()
    assert ticked(shown) == [PIN]
    assert len(server.asked) == before


async def test_what_would_take_rights_is_explained(ann: httpx.AsyncClient, ranks: dict[str, str]) -> None:
    """In the reader's language, before one asks and after."""
    for name, why, grund in (
        ("Member", "DEFAULT_MEMBER_ROLE", "denen keine andere gegeben wurde"),
        ("Helper", "1 member still has this role", "1 Mitglied hat diese Rolle noch"),
    ):
        path = f"{PATH}/{ranks[name]}/delete"
        shown = await page(ann, path)
        assert why in shown.one("p", class_="note").text
        assert not [one for one in shown.all("form") if one.attributes["action"] == path]
        assert why in alert(await sent(ann, path), 409)
        assert grund in (await ann.get(path, headers={"Accept-Language": "de"})).text
    path = f"{PATH}/{ranks['Member']}"
    assert "keeps its name" in alert(await filled(ann, path, name="Guest"), 409)
    assert "of that name already" in alert(await filled(ann, f"{PATH}/new", **TYPED | {"name": "helper"}), 409)


async def test_changed_by_another_meanwhile(
    ann: httpx.AsyncClient, ranks: dict[str, str], server: AccountServer
) -> None:
    """Both are shown; who saves once more means it."""
    path, key = f"{PATH}/{ranks['Helper']}", (ROLE, ranks["Helper"])
    assert (await filled(ann, path, LOCK, description="First")).status_code == 303
    opened = typed(await page(ann, path))
    server.records[key] = server.records[key] | {"description": "Second", "permissions": [PIN, "com.example.sing"]}
    response = await ann.post(path, data={**opened, "description": "Third", "chosen": [LOCK]})
    assert "Above is what it says now" in alert(response, 409)
    shown = parsed(response.text)
    assert said(shown, "dd") == ["Helper", "Second", "20", "Pin topics, com.example.sing"]
    assert (typed(shown)["description"], ticked(shown)) == ("Third", [LOCK])
    assert (await ann.post(path, data={**typed(shown), "chosen": ticked(shown)})).status_code == 303
    assert server.records[key]["description"] == "Third"


async def test_nothing_typed_is_lost(database: Pool, ann: httpx.AsyncClient, server: AccountServer) -> None:
    """The forum's server or the database away, nobody signed in for the forum or here, a form of another session."""
    path, form = f"{PATH}/new", {**TYPED, "chosen": [PIN]}

    def kept(response: httpx.Response, status: int, why: str) -> None:
        assert why in alert(response, status)
        shown = parsed(response.text)
        assert typed(shown).items() >= TYPED.items()
        assert ticked(shown) == [PIN]

    server.answers["createRecord"] = httpx.Response(502)
    kept(await filled(ann, path, PIN, **TYPED), 503, "The forum can only be read right now.")
    kept(await ann.post(path, data=form), 403, "This form was opened before you signed in")
    async with browser_of(database, ANN, None) as browser:
        kept(await filled(browser, path, PIN, **TYPED), 503, "No password of the forum's account is set.")
    async with client_of(make_app(database, Board(), SITE)) as browser:
        kept(await browser.post(path, data=form, headers=HTML), 401, "Your sign-in has ended.")
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as browser:
        browser.cookies.set(COOKIE, "token")
        form["csrf"] = word_for("token")
        kept(await browser.post(path, data=form, headers=HTML), 503, "The forum cannot reach its database")


async def test_built_in(database: Pool, account: ForumAccount, rows: Rows, server: AccountServer) -> None:
    """Shown as such; written down by a button, once, and then like all others."""
    await rows.forum()
    async with browser_of(database, FORUM_DID, account) as browser:
        shown = await page(browser, PATH)
        assert said(shown, "h2") == ["Owner", "Admin", "Moderator", "Member"]
        assert not [link for link in shown.links() if link.endswith("/delete")]
        for _ in range(2):
            assert (await sent(browser, f"{PATH}/built-in")).status_code == 303
        assert len(server.records) == 4
        shown = await page(browser, PATH)
        assert said(shown, "h2") == ["Owner", "Admin", "Moderator", "Member"]
        assert len([link for link in shown.links() if link.endswith("/delete")]) == 4
        offered = {
            one.attributes["value"] for one in (await page(browser, f"{PATH}/new")).all("input", type="checkbox")
        }
        assert offered == set(PERMISSIONS)


async def test_settings_that_leave_newcomers_without_a_role(ann: httpx.AsyncClient, rows: Rows) -> None:
    await rows.run("UPDATE settings SET default_role = 'Guest'")
    assert "there is no such role" in (await page(ann, PATH)).one("p", class_="verdict warns").text
    await rows.run("UPDATE settings SET default_role = NULL")
    assert "Joining is by approval" in (await page(ann, PATH)).one("p", class_="note").text


@pytest.mark.slow
async def test_hostile_names(ann: httpx.AsyncClient, ranks: dict[str, str], rows: Rows) -> None:
    """Whatever roles and permissions are called, the pages are made of the same elements."""
    await rows.run("UPDATE roles SET permissions = permissions || '{x}', description = 'x' WHERE name = 'Helper'")
    paths = (PATH, f"{PATH}/{ranks['Helper']}", f"{PATH}/{ranks['Helper']}/delete")
    plain = {path: tags(await page(ann, path)) for path in paths}
    for payload in PAYLOADS[::5]:
        await rows.run(
            "UPDATE roles SET name = $1, description = $1, permissions = $2 WHERE id = 3", payload, [LOCK, payload]
        )
        for path in paths:
            assert tags(await page(ann, path)) == plain[path], payload


def tags(shown: Parsed) -> list[str]:
    return [one.tag for one in shown.elements]
