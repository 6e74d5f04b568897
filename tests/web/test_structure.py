"""Categories and boards by the API, with the forum's account at a server of the test's own."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum import ledger
from forum.protocol.events import RecordOp
from forum.records.names import BOARD, CATEGORY
from forum.records.syntax import tid_of
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import FORUM_DID, SITE, Rows, client_of
from tests.web.signing_in import client_as
from web.app import make_app

ANN, BOB = "did:plc:ann", "did:plc:bob"
ADMIN = "/api/admin"
FORBIDDEN = {"error": "Insufficient permissions"}
WRITES = (
    ("POST", f"{ADMIN}/categories"),
    ("PUT", f"{ADMIN}/categories/1"),
    ("DELETE", f"{ADMIN}/categories/1"),
    ("POST", f"{ADMIN}/boards"),
    ("PUT", f"{ADMIN}/boards/1"),
    ("DELETE", f"{ADMIN}/boards/1"),
    ("POST", f"{ADMIN}/members/{BOB}/role"),
)


@pytest.fixture
async def owner(database: Pool, account: ForumAccount) -> AsyncIterator[httpx.AsyncClient]:
    async with client_as(database, account=account) as client:
        yield client


async def made(client: httpx.AsyncClient, kind: str, **body: object) -> tuple[str, str]:
    """The path and the URI of a new category or board, as the next read has it."""
    response = await client.post(f"{ADMIN}/{kind}", json=body)
    assert response.status_code == 201, response.text
    found = (await client.get(f"/api/{kind}")).json()[kind]
    [number] = [one["id"] for one in found if one["uri"] == response.json()["uri"]]
    return f"{ADMIN}/{kind}/{number}", response.json()["uri"]


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_only_for_those_who_may(database: Pool, account: ForumAccount, method: str, path: str) -> None:
    """401, 403; and for those who may 503 while nobody is signed in for the forum. Nothing is asked of its server."""
    async with client_of(make_app(database, Board(), SITE, account=account)) as anyone:
        assert (await anyone.request(method, path)).status_code == 401
    async with client_as(database, ANN, account=account) as member:
        response = await member.request(method, path, json={"name": "Any"})
        assert (response.status_code, response.json()) == (403, FORBIDDEN)


async def test_read_only(database: Pool, rows: Rows) -> None:
    """Said as a sentence, after what can be said without the account."""
    number = await rows.category(1)
    async with client_as(database) as owner:
        assert (await owner.post(f"{ADMIN}/categories", json={})).status_code == 400
        for method, path in (
            ("POST", "categories"),
            ("PUT", f"categories/{number}"),
            ("DELETE", f"categories/{number}"),
        ):
            response = await owner.request(method, f"{ADMIN}/{path}", json={"name": "Any"})
            assert response.status_code == 503
            assert response.json()["error"].startswith("The forum can only be read right now.")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0b"}, "NUL"),
        ({"name": "Any", "sortOrder": -1}, "sortOrder"),
        ({"name": "Any", "sortOrder": 2**53}, "sortOrder"),
        ({"name": "Any", "sortOrder": "first"}, "sortOrder"),
        ({"name": "Any", "sortOrder": ""}, "sortOrder"),
        ({"name": "Any", "sortOrder": True}, "sortOrder"),
        ({"name": "Any", "description": ["x"]}, "description"),
        ([], "object"),
    ],
)
async def test_what_cannot_be_written(owner: httpx.AsyncClient, server: AccountServer, body: Any, word: str) -> None:
    """400 with a sentence that names the field, before the server is asked."""
    response = await owner.post(f"{ADMIN}/categories", json=body)
    assert response.status_code == 400
    assert word in response.json()["error"]
    assert response.json()["error"].endswith(".")
    assert server.written == []


async def test_no_json(owner: httpx.AsyncClient) -> None:
    for content in (b"", b"{", b"\xff", b"[" * 100_000):
        assert (await owner.post(f"{ADMIN}/categories", content=content)).status_code == 400


async def test_fields_that_are_not_named_stay(owner: httpx.AsyncClient, server: AccountServer) -> None:
    """Also those we know nothing of; null takes one away."""
    path, _ = await made(owner, "categories", name=" Garden ", description="Beds", sortOrder=3)
    [(key, record)] = server.records.items()
    assert record["name"] == "Garden"
    server.records[key] = record | {"colour": "green"}
    assert (await owner.put(path, json={"description": "Beds and pots", "colour": "red"})).status_code == 200
    assert server.records[key] == record | {"colour": "green", "description": "Beds and pots"}
    assert (await owner.put(path, json={"description": None})).status_code == 200
    shown = (await owner.get(path.removeprefix(ADMIN).join(["/api", ""]))).json()
    assert (shown["name"], shown["description"], shown["sortOrder"]) == ("Garden", None, 3)
    assert (await owner.put(path, json={"name": ""})).status_code == 400


async def test_a_server_that_tells_no_commit(owner: httpx.AsyncClient, server: AccountServer) -> None:
    """The next read has what was written all the same, and the audit who did it; what changed nothing is not in it."""
    server.tells_commits = False
    path, _ = await made(owner, "categories", name="Garden")
    for _ in range(2):
        assert (await owner.put(path, json={"name": "Beds"})).status_code == 200
    shown = (await owner.get("/api/categories")).json()["categories"]
    assert [one["name"] for one in shown] == ["Beds"]
    server.answers["getLatestCommit"] = httpx.Response(502)
    await owner.delete(path)
    noted = (await owner.get(f"{ADMIN}/audit")).json()["entries"]
    assert [entry["act"] for entry in noted] == ["removeCategory", "changeCategory", "addCategory"]


async def test_whole_numbers(owner: httpx.AsyncClient) -> None:
    """As JSON has them: 3.0 is 3, and 3.5 is none."""
    _, uri = await made(owner, "categories", name="Garden", sortOrder=3.0)
    [shown] = (await owner.get("/api/categories")).json()["categories"]
    assert (shown["uri"], shown["sortOrder"]) == (uri, 3)
    assert (await owner.post(f"{ADMIN}/categories", json={"name": "Any", "sortOrder": 3.5})).status_code == 400


async def test_changed_by_another_meanwhile(owner: httpx.AsyncClient, server: AccountServer) -> None:
    """409, and nothing is overwritten."""
    path, _ = await made(owner, "categories", name="Garden")
    server.refuse("putRecord", "InvalidSwap")
    response = await owner.put(path, json={"name": "Other"})
    assert response.status_code == 409
    assert "changed" in response.json()["error"]


async def test_what_is_not_empty_stays(owner: httpx.AsyncClient, rows: Rows, server: AccountServer) -> None:
    """A category with boards, a board with posts: be they hidden, or answers to a post that was deleted."""

    async def stays(path: str, why: str) -> None:
        response = await owner.delete(path)
        assert (response.status_code, response.json()) == (409, {"error": why})

    category, uri = await made(owner, "categories", name="Garden")
    board, place = await made(owner, "boards", name="Vegetables", categoryUri=uri)
    await stays(category, "The category still has boards: 1.")
    await rows.account(ANN)
    await rows.delete(await rows.topic(ANN, board_uri=place))
    seen = await rows.topic(ANN, board_uri=place)
    await stays(board, "The board still has topics: 1.")
    await rows.delete(seen)
    topic = await rows.topic(ANN, board_uri=place, hidden=True)
    await stays(board, "The board still has posts that are hidden, or that answer deleted ones.")
    reply = await rows.reply(ANN, topic)
    await rows.delete(topic)
    await stays(board, "The board still has posts that are hidden, or that answer deleted ones.")
    await rows.delete(reply)
    for path in (board, category):
        response = await owner.delete(path)
        assert (response.status_code, response.json()) == (200, {"success": True})
        assert (await owner.delete(path)).status_code == 404
    assert server.records == {}


async def test_the_streams_copy_changes_nothing(
    owner: httpx.AsyncClient, database: Pool, server: AccountServer
) -> None:
    """What was shown at once is old news when it comes."""
    _, uri = await made(owner, "categories", name="Garden")
    [((collection, rkey), record)] = server.records.items()
    rev = tid_of(1_700_000_000_000_001, 0)
    copy = RecordOp(did=FORUM_DID, collection=collection, rkey=rkey, rev=rev, cid="bafyother", record=record)
    async with database.transaction() as tx:
        await ledger.take_lock(tx)
        assert (await ledger.apply(tx, [copy], forum_did=FORUM_DID)).effective == 0
    assert uri == copy.uri


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        (None, 400),
        ("", 400),
        ("garden", 400),
        (f"at://{FORUM_DID}", 404),
        (f"at://{ANN}/{CATEGORY}/3kabcabcabcab", 404),
        (f"at://{FORUM_DID}/{BOARD}/3kabcabcabcab", 404),
        (f"at://{FORUM_DID}/{CATEGORY}/3kabcabcabcab", 404),
    ],
)
async def test_boards_stand_in_categories_of_ours(owner: httpx.AsyncClient, uri: str | None, status: int) -> None:
    response = await owner.post(f"{ADMIN}/boards", json={"name": "Lost", "categoryUri": uri})
    assert response.status_code == status
