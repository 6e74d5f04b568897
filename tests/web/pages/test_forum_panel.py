"""The forum's name in the panel: who reads it then, what is kept, and what is told of the daemon's settings."""

from collections.abc import AsyncIterator

import httpx
import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum import ledger
from forum.protocol.events import RecordOp
from forum.records.datamodel import cid_of
from forum.records.names import FORUM
from forum.records.syntax import tid_of
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import FORUM_DID, SITE, AwayDatabase, Rows, client_of
from tests.web.pages.conftest import ANN, HTML
from tests.web.pages.filled import browser_of, typed
from tests.web.pages.parsed import parsed
from tests.web.pages.test_admin_panel import said
from tests.web.pages.test_moderating import page
from tests.web.pages.test_structure_panel import PAYLOADS
from tests.web.ranks import Ranks
from web.app import make_app
from web.pages.who import word_for
from web.signed_in import COOKIE

PATH, KEY = "/admin/forum", (FORUM, "self")
RECORD = {"$type": FORUM, "name": "Cats", "description": "All about cats", "createdAt": "2023-11-14T22:13:00Z"}
TYPED = {"name": "Dogs", "description": "Big\nand small"}


@pytest.fixture
async def owner(
    database: Pool, account: ForumAccount, rows: Rows, server: AccountServer
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may run the forum, and nothing else."""
    server.records[KEY] = RECORD
    rev = tid_of(1_600_000_000_000_000, 0)
    op = RecordOp(did=FORUM_DID, collection=FORUM, rkey="self", rev=rev, cid=cid_of(RECORD), record=RECORD)
    async with database.transaction() as tx:
        await ledger.take_lock(tx)
        await ledger.apply(tx, [op], forum_did=FORUM_DID)
    ranks = Ranks(rows, server)
    await ranks.member(ANN, await ranks.role("Owner", 0, "manageForum"))
    async with browser_of(database, ANN, account) as browser:
        yield browser


def alert(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    return " ".join(parsed(response.text).one("p", role="alert").text.split())


async def test_renaming(owner: httpx.AsyncClient, server: AccountServer, rows: Rows) -> None:
    """Every page says so at once; what has no field stays; and who did it is noted."""
    server.records[KEY] = RECORD | {"mascot": "Tom"}
    opened = typed(await page(owner, PATH))
    assert (opened["name"], opened["description"]) == ("Cats", "All about cats")
    response = await owner.post(PATH, data=opened | TYPED | {"seen": ""})
    assert (response.status_code, response.headers["location"]) == (303, f"{PATH}?saved")
    assert (await page(owner, f"{PATH}?saved")).one("p", role="status").text == "It is saved."
    assert server.records[KEY] == RECORD | {"mascot": "Tom"} | TYPED
    for path in ("/", "/about"):
        assert "Dogs" in (await owner.get(path)).text
    assert (await owner.post(PATH, data=typed(await page(owner, PATH)) | {"description": ""})).status_code == 303
    assert "description" not in server.records[KEY]
    noted = await rows.run("SELECT array_agg(act || ' ' || (before ->> 'name') ORDER BY id) FROM audit")
    assert noted == ["changeForum Cats", "changeForum Dogs"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"name": " "}, "name"), ({"name": "x" * 301}, "name"), ({"description": "x" * 301}, "description")],
)
async def test_faults(owner: httpx.AsyncClient, server: AccountServer, changes: dict[str, str], field: str) -> None:
    response = await owner.post(PATH, data=typed(await page(owner, PATH)) | TYPED | changes)
    assert response.status_code == 400
    shown = parsed(response.text)
    assert [one.attributes["id"] for one in shown.all("p", class_="fault")] == [f"{field}-fault"]
    assert typed(shown).items() >= {name: text.strip() for name, text in (TYPED | changes).items()}.items()
    assert server.written == []


async def test_changed_by_another_meanwhile(owner: httpx.AsyncClient, server: AccountServer) -> None:
    """Both are shown; who saves once more means it."""
    opened = typed(await page(owner, PATH))
    server.records[KEY] = RECORD | {"name": "Birds"}
    response = await owner.post(PATH, data=opened | TYPED)
    assert "Above is what it says now" in alert(response, 409)
    shown = parsed(response.text)
    assert said(shown, "dd")[:2] == ["Birds", "All about cats"]
    assert typed(shown).items() >= TYPED.items()
    assert (await owner.post(PATH, data=typed(shown))).status_code == 303
    assert server.records[KEY] == RECORD | TYPED


async def test_nothing_typed_is_lost(database: Pool, owner: httpx.AsyncClient, server: AccountServer) -> None:
    """The forum's server or the database away, nobody signed in for the forum or here, a form of another session."""

    def kept(response: httpx.Response, status: int, why: str) -> None:
        assert why in alert(response, status)
        assert typed(parsed(response.text)).items() >= TYPED.items()

    opened = typed(await page(owner, PATH))
    server.answers["putRecord"] = httpx.Response(502)
    kept(await owner.post(PATH, data=opened | TYPED), 503, "The forum can only be read right now.")
    kept(await owner.post(PATH, data=TYPED), 403, "This form was opened before you signed in")
    async with browser_of(database, ANN, None) as browser:
        word = typed(await page(browser, PATH))
        kept(await browser.post(PATH, data=word | TYPED), 503, "No password of the forum's account is set.")
    async with client_of(make_app(database, Board(), SITE)) as browser:
        kept(await browser.post(PATH, data=TYPED, headers=HTML), 401, "Your sign-in has ended.")
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as browser:
        browser.cookies.set(COOKIE, "token")
        form = TYPED | {"csrf": word_for("token")}
        kept(await browser.post(PATH, data=form, headers=HTML), 503, "The forum cannot reach its database")


async def test_before_it_is_founded(database: Pool, account: ForumAccount) -> None:
    """There is nothing to change, and the page says what makes it."""
    async with browser_of(database, FORUM_DID, account) as browser:
        shown = await page(browser, PATH)
        assert "atbb init" in shown.one("p", class_="note").text
        assert not shown.all("textarea")


async def test_what_is_settled_elsewhere(owner: httpx.AsyncClient, rows: Rows, server: AccountServer) -> None:
    """With the name of each setting; an empty default role is joining by approval."""
    assert said(await page(owner, PATH), "code") == ["DEFAULT_MEMBER_ROLE", "OAUTH_PUBLIC_URL", "FORUM_DID", FORUM_DID]

    async def newcomers() -> str:
        return said(await page(owner, PATH), "dd")[0]

    assert "there is no such role" in await newcomers()
    await Ranks(rows, server).role("Member", 30)
    assert await newcomers() == "Has the role Member at once."
    await rows.run("UPDATE settings SET default_role = NULL")
    assert "Waits for approval" in await newcomers()


@pytest.mark.slow
async def test_hostile_names(owner: httpx.AsyncClient, rows: Rows) -> None:
    plain = [one.tag for one in (await page(owner, PATH)).elements]
    for payload in PAYLOADS[::5]:
        await rows.run("UPDATE forum SET name = $1, description = $1", payload)
        assert [one.tag for one in (await page(owner, PATH)).elements] == plain, payload
