"""Members and roles by the API: who has which role, who may give them, and how people are called."""

import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum.ledger import take_lock
from forum.records.names import GRANT
from forum.visibility import keep_settings
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import FORUM_DID, NOON, SITE, Rows, client_of
from tests.web.ranks import Ranks
from tests.web.signing_in import client_as
from web.app import make_app

ANN, BOB, CAT = "did:plc:ann", "did:plc:bob", "did:plc:cat"
ADMIN = "/api/admin"


@pytest.fixture
def ranks(rows: Rows, server: AccountServer) -> Ranks:
    return Ranks(rows, server)


async def test_members(database: Pool, ranks: Ranks) -> None:
    """Newest first, page by page by offset or by cursor, each with the role that counts."""
    admin = await ranks.role("Admin", 10, "manageRoles")
    member = await ranks.role("Member", 30)
    for minutes, (did, role) in enumerate(((ANN, admin), (BOB, None), (CAT, f"{admin}gone"))):
        await ranks.member(did, role, minutes=min(minutes, 1))
    async with client_as(database) as owner:
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


async def test_nobody_locks_themself_out(
    database: Pool, account: ForumAccount, ranks: Ranks, server: AccountServer
) -> None:
    """An owner can neither step down nor be made to by another one; only the forum's own account can take the role."""
    owner = await ranks.role("Owner", 0, "manageRoles")
    member = await ranks.role("Member", 30)
    await ranks.member(ANN, owner)
    await ranks.member(BOB, owner)
    for actor, target in ((ANN, ANN), (ANN, BOB), (BOB, ANN)):
        async with client_as(database, actor, account=account) as client:
            response = await client.post(f"{ADMIN}/members/{target}/role", json={"roleUri": member})
            assert (response.status_code, response.json()) == (403, {"error": "Insufficient permissions"})
    assert server.written == []
    async with client_as(database, account=account) as forum:
        response = await forum.post(f"{ADMIN}/members/{ANN}/role", json={"roleUri": member})
        assert response.status_code == 200


async def test_joining_by_approval(database: Pool, account: ForumAccount, ranks: Ranks, server: AccountServer) -> None:
    """A newcomer has no role and no rights until one is given; it counts from the answer on."""
    async with database.transaction() as tx:
        await take_lock(tx)
        await keep_settings(tx, forum_did=FORUM_DID, default_role="")
    member = await ranks.role("Member", 30, "createPosts")
    await ranks.member(ANN)
    async with client_as(database, ANN) as ann, client_as(database, account=account) as owner:
        newcomer = {"did": ANN, "handle": "ann.example.org", "role": None, "roleUri": None}
        assert (await ann.get(f"{ADMIN}/members/me")).json() == {**newcomer, "permissions": []}
        [listed] = (await owner.get(f"{ADMIN}/members")).json()["members"]
        assert listed == {**newcomer, "joinedAt": "2026-01-01T12:00:00.000Z"}
        assert (await owner.post(f"{ADMIN}/members/{ANN}/role", json={"roleUri": member})).status_code == 200
        found = (await ann.get(f"{ADMIN}/members/me")).json()
        assert (found["role"], found["permissions"]) == ("Member", ["space.atbb.permission.createPosts"])


async def test_a_right_that_is_taken_hides_at_once(database: Pool, rows: Rows) -> None:
    """Readers see nothing of it though `posts.shown` and the counts have yet to follow."""
    await rows.category(1)
    number = await rows.board(1)
    await rows.account(ANN)
    await rows.account(BOB)
    first = await rows.topic(ANN)
    await rows.reply(ANN, first)
    second = await rows.topic(BOB)
    await rows.reply(ANN, second)
    await rows.run("UPDATE accounts SET topics_until = '', replies_until = '' WHERE did = $1", ANN)
    async with client_as(database) as client:
        for sort in ("activity", "created"):
            [listed] = (await client.get(f"/api/boards/{number}/topics?sort={sort}")).json()["topics"]
            assert listed["uri"] == second.uri
        [board] = (await client.get("/api/boards")).json()["boards"]
        assert board["lastPost"]["uri"] == second.uri
        assert (await client.get(f"/api/topics/{first.id}")).status_code == 404
        for offset in (0, 1):
            assert (await client.get(f"/api/topics/{second.id}?offset={offset}")).json()["replies"] == []


@pytest.mark.parametrize(
    ("handle", "asked", "shown"),
    [("ann.example.org", True, "ann.example.org"), (None, True, "handle.invalid"), (None, False, None)],
)
async def test_handles(database: Pool, rows: Rows, handle: str | None, asked: bool, shown: str | None) -> None:
    """One that is not confirmed in both directions is shown as such, everywhere; of the others nothing is known."""
    await rows.category(1)
    await rows.board(1)
    await rows.account(ANN, handle)
    await rows.run("UPDATE accounts SET resolved_at = CASE WHEN $1::boolean THEN now() END", asked)
    await rows.run("INSERT INTO members VALUES ($1, $2)", ANN, NOON)
    topic = await rows.topic(ANN)
    await rows.reply(ANN, topic)
    async with client_as(database) as owner, client_as(database, ANN) as ann:
        page = (await owner.get(f"/api/topics/{topic.id}")).json()
        [listed] = (await owner.get("/api/boards/1/topics")).json()["topics"]
        [board] = (await owner.get("/api/boards")).json()["boards"]
        [member] = (await owner.get(f"{ADMIN}/members")).json()["members"]
        authors = (page["post"], *page["replies"], listed, board["lastPost"])
        assert [one["author"] for one in authors] == [{"did": ANN, "handle": shown}] * 4
        assert member["handle"] == shown
        assert (await ann.get(f"{ADMIN}/members/me")).json()["handle"] == shown
        assert (await ann.get("/api/auth/session")).json()["handle"] == shown
