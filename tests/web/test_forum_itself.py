"""The forum's own record by the API: who may change it, and what becomes of what is not named."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum.permissions import ADMIN, PREFIX
from forum.records.names import FORUM
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import SITE, Rows, client_of
from tests.web.ranks import Ranks
from tests.web.signing_in import client_as
from web.app import make_app

ANN, CAT = "did:plc:ann", "did:plc:cat"
PATH = "/api/admin/forum"
KEY = (FORUM, "self")
RECORD = {"$type": FORUM, "name": "Cats", "description": "All about cats", "mascot": "Tom"}


@pytest.fixture
async def owner(
    database: Pool, account: ForumAccount, rows: Rows, server: AccountServer
) -> AsyncIterator[httpx.AsyncClient]:
    await rows.forum()
    server.records[KEY] = RECORD
    async with client_as(database, account=account) as client:
        yield client


async def test_only_for_those_who_may(database: Pool, account: ForumAccount, rows: Rows, server: AccountServer) -> None:
    """An admin may much, and not this."""
    ranks = Ranks(rows, server)
    await ranks.member(ANN, await ranks.role("Admin", 10, *(word.removeprefix(PREFIX) for word in ADMIN)))
    await ranks.member(CAT)
    async with client_of(make_app(database, Board(), SITE, account=account)) as anyone:
        assert (await anyone.put(PATH, json={"name": "Dogs"})).status_code == 401
    for did in (ANN, CAT):
        async with client_as(database, did, account=account) as client:
            response = await client.put(PATH, json={"name": "Dogs"})
            assert (response.status_code, response.json()) == (403, {"error": "Insufficient permissions"})
    assert server.written == []


async def test_changed(owner: httpx.AsyncClient, server: AccountServer, rows: Rows) -> None:
    """In the next read and in the audit; what is not named stays, also what we know nothing of."""
    response = await owner.put(PATH, json={"name": " Dogs "})
    assert response.status_code == 200
    shown = (await owner.get("/api/forum")).json()
    assert (shown["name"], shown["description"]) == ("Dogs", "All about cats")
    assert server.records[KEY] == {**RECORD, "name": "Dogs", "createdAt": server.records[KEY]["createdAt"]}
    assert (await owner.put(PATH, json={"description": None})).status_code == 200
    assert (await owner.get("/api/forum")).json()["description"] is None
    noted = await rows.run("SELECT array_agg(act || ': ' || coalesce(before ->> 'name', '') ORDER BY id) FROM audit")
    assert noted == ["changeForum: Cats", "changeForum: Dogs"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 301}, "name"),
        ({"name": "é" * 300, "description": "x" * 301}, "description"),
        ({"name": "👩‍👩‍👧‍👦" * 200}, "name"),  # few to read, and too many bytes
        ([], "object"),
    ],
)
async def test_what_cannot_be_written(owner: httpx.AsyncClient, server: AccountServer, body: Any, word: str) -> None:
    response = await owner.put(PATH, json=body)
    assert response.status_code == 400
    assert word in response.json()["error"]
    assert server.written == []


async def test_changed_by_another_meanwhile(owner: httpx.AsyncClient, server: AccountServer) -> None:
    server.refuse("putRecord", "InvalidSwap")
    assert (await owner.put(PATH, json={"name": "Dogs"})).status_code == 409


async def test_before_it_is_founded_and_while_it_can_only_be_read(
    database: Pool, account: ForumAccount, server: AccountServer
) -> None:
    async with client_as(database, account=account) as owner:
        assert (await owner.put(PATH, json={"name": "Dogs"})).status_code == 404
    async with client_as(database) as owner:
        response = await owner.put(PATH, json={"name": "Dogs"})
    assert response.status_code == 503
    assert response.json()["error"].startswith("The forum can only be read right now.")
