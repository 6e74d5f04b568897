"""Categories, boards and roles by the API, with the forum's account at a server of the test's own."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from actors.agent import AgentState, ForumAccount, Session
from actors.health import Board
from actors.pds_client import PdsClient
from daemon.pool import Pool
from forum import ledger
from forum.protocol.events import RecordOp
from forum.records.names import BOARD, CATEGORY, GRANT, ROLE
from forum.records.syntax import tid_of
from tests.standins.account_server import HANDLE, PASSWORD, AccountServer
from tests.web.forum_rows import FORUM_DID, NOON, SITE, Rows, client_of, minute
from tests.web.signing_in import client_as
from web.app import make_app

ANN, BOB, CAT = "did:plc:ann", "did:plc:bob", "did:plc:cat"
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
def server() -> AccountServer:
    return AccountServer(did=FORUM_DID)


@pytest.fixture
async def account(server: AccountServer) -> ForumAccount:
    pds = PdsClient(server.client(), "https://pds.example.org")
    session = Session(pds, await pds.create_session(HANDLE, PASSWORD))
    return ForumAccount(AgentState(status="authenticated"), session)


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
        ({"name": "Any", "sortOrder": 2**31}, "sortOrder"),
        ({"name": "Any", "sortOrder": "first"}, "sortOrder"),
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


async def test_changed_by_another_meanwhile(owner: httpx.AsyncClient, server: AccountServer) -> None:
    """409, and nothing is overwritten."""
    path, _ = await made(owner, "categories", name="Garden")
    server.refuse("putRecord", "InvalidSwap")
    response = await owner.put(path, json={"name": "Other"})
    assert response.status_code == 409
    assert "changed" in response.json()["error"]


async def test_what_is_not_empty_stays(owner: httpx.AsyncClient, rows: Rows, server: AccountServer) -> None:
    """A category with boards, a board with posts: be they hidden, or answers to a post that was deleted."""
    category, uri = await made(owner, "categories", name="Garden")
    board, place = await made(owner, "boards", name="Vegetables", categoryUri=uri)
    assert (await owner.delete(category)).status_code == 409
    await rows.account(ANN)
    topic = await rows.topic(ANN, board_uri=place, hidden=True)
    assert (await owner.delete(board)).status_code == 409
    reply = await rows.reply(ANN, topic)
    await rows.delete(topic)
    assert (await owner.delete(board)).status_code == 409
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


class Ranks:
    """Roles by name, given to members."""

    def __init__(self, rows: Rows, server: AccountServer) -> None:
        self.rows, self.server = rows, server

    async def role(self, name: str, priority: int, *permissions: str) -> str:
        rkey = tid_of(1_600_000_000_000_000 + priority, 0)
        uri, full = f"at://{FORUM_DID}/{ROLE}/{rkey}", [f"space.atbb.permission.{word}" for word in permissions]
        await self.rows.run(
            "INSERT INTO roles (uri, name, permissions, priority, created_at) VALUES ($1, $2, $3, $4, now())",
            uri, name, full, priority,
        )  # fmt: skip
        record = {"name": name, "permissions": full, "priority": priority, "createdAt": "2026-01-01T00:00:00Z"}
        self.server.records[ROLE, rkey] = {"$type": ROLE, **record}
        return uri

    async def member(self, did: str, role: str | None = None, *, minutes: int = 0) -> None:
        await self.rows.account(did, f"{did[8:]}.example.org")
        await self.rows.run("INSERT INTO memberships VALUES ($1, '3k', $2)", did, minute(minutes))
        await self.rows.run("INSERT INTO members VALUES ($1, $2)", did, minute(minutes))
        if role:
            await self.rows.run("INSERT INTO grants VALUES ($1, $2, $3, $4, $5)", f"3{did}", did, role, FORUM_DID, NOON)


@pytest.fixture
def ranks(rows: Rows, server: AccountServer) -> Ranks:
    return Ranks(rows, server)


async def test_members(owner: httpx.AsyncClient, ranks: Ranks) -> None:
    """Newest first, page by page by offset or by cursor, each with the role that counts."""
    admin = await ranks.role("Admin", 10, "manageRoles")
    member = await ranks.role("Member", 30)
    for minutes, (did, role) in enumerate(((ANN, admin), (BOB, None), (CAT, f"{admin}gone"))):
        await ranks.member(did, role, minutes=min(minutes, 1))
    listed = (await owner.get(f"{ADMIN}/members")).json()
    assert listed["members"][0] == {
        "did": BOB,
        "handle": "bob.example.org",
        "role": "Member",
        "roleUri": member,
        "joinedAt": "2026-01-01T12:01:00.000Z",
    }
    assert [(one["did"], one["role"]) for one in listed["members"]] == [
        (BOB, "Member"),
        (CAT, "Member"),
        (ANN, "Admin"),
    ]
    assert (listed["total"], listed["limit"], listed["offset"]) == (3, 100, 0)
    assert "cursor" not in listed
    second = (await owner.get(f"{ADMIN}/members?limit=1&offset=1")).json()
    assert [one["did"] for one in second["members"]] == [CAT]
    third = (await owner.get(f"{ADMIN}/members", params={"limit": 1, "cursor": second["cursor"]})).json()
    assert [one["did"] for one in third["members"]] == [ANN]
    assert "cursor" not in third


async def test_roles_and_me(database: Pool, ranks: Ranks) -> None:
    """By priority, for whoever is signed in; and what a role permits."""
    member = await ranks.role("Member", 30, "createPosts")
    await ranks.role("Admin", 10)
    await ranks.member(ANN)
    async with client_as(database, ANN) as ann:
        roles = (await ann.get(f"{ADMIN}/roles")).json()
        assert [role["name"] for role in roles] == ["Admin", "Member"]
        assert roles[1]["permissions"] == ["space.atbb.permission.createPosts"]
        assert (await ann.get(f"{ADMIN}/members/me")).json() == {
            "did": ANN,
            "handle": "ann.example.org",
            "role": "Member",
            "roleUri": member,
            "permissions": ["space.atbb.permission.createPosts"],
        }
        assert (await ann.get(f"{ADMIN}/members")).status_code == 403
    async with client_of(make_app(database, Board(), SITE)) as anyone:
        for path in ("roles", "members/me", "members"):
            assert (await anyone.get(f"{ADMIN}/{path}")).status_code == 401


async def test_hierarchy(database: Pool, account: ForumAccount, ranks: Ranks, server: AccountServer) -> None:
    """An admin acts on the weaker and gives weaker roles; a ban makes nobody weaker."""
    chief = await ranks.role("Owner", 0, "manageRoles")
    admin = await ranks.role("Admin", 10, "manageRoles")
    helper = await ranks.role("Helper", 20)
    await ranks.role("Member", 30)
    for did, role in ((ANN, admin), (BOB, None), (CAT, chief)):
        await ranks.member(did, role)
    await ranks.rows.run(
        "INSERT INTO mod_actions (rkey, pair, is_on, subject, created_by, created_at)"
        " VALUES ('3', 'ban', true, $1, $2, now())", CAT, FORUM_DID,
    )  # fmt: skip
    async with client_as(database, ANN, account=account) as ann:

        async def give(did: str, role: str) -> int:
            return (await ann.post(f"{ADMIN}/members/{did}/role", json={"roleUri": role})).status_code

        refused = [(BOB, admin), (BOB, chief), (ANN, helper), (CAT, helper), (FORUM_DID, helper)]
        assert [await give(*pair) for pair in refused] == [403] * 5
        assert await give("did:plc:stranger", helper) == 404
        assert await give(BOB, f"{helper}x") == 404
        assert await give("bob.example.org", helper) == 400
        assert server.written == []
        assert await give(BOB, helper) == 200
    [written] = server.written
    assert written["collection"] == GRANT
    assert (written["record"]["subject"], written["record"]["createdBy"]) == (BOB, ANN)
    async with client_as(database, BOB) as bob:
        assert (await bob.get(f"{ADMIN}/members/me")).json()["role"] == "Helper"
