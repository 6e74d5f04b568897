"""Roles by the API: who may make, change and remove them, what they may put into them, and what nobody is to lose."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum.permissions import ADMIN, BUILT_IN, MODERATOR, PREFIX
from forum.records.names import ROLE
from tests.standins.account_server import AccountServer
from tests.support.waiting import until
from tests.web.forum_rows import FORUM_DID, SITE, Rows, client_of
from tests.web.ranks import Ranks
from tests.web.signing_in import client_as
from web.app import make_app
from web.errors import CHANGED
from web.ranking import IS_DEFAULT, NAME_TAKEN, NOT_ARRIVED

ANN, BOB, CAT = "did:plc:ann", "did:plc:bob", "did:plc:cat"
ROLES = "/api/admin/roles"
HELPER = {"name": "Helper", "permissions": [f"{PREFIX}lockTopics"], "priority": 25}
FORBIDDEN = {"error": "Insufficient permissions"}

Json = Any  # JSON


@pytest.fixture
async def ranks(rows: Rows, server: AccountServer) -> dict[str, str]:
    """Roles by name; Ann is an admin, Bob a helper who may manage roles, Cat has what newcomers have."""
    ranks = Ranks(rows, server)
    admin = [word.removeprefix(PREFIX) for word in ADMIN]
    uris = {
        "Owner": await ranks.role("Owner", 0, "*"),
        "Admin": await ranks.role("Admin", 10, *admin),
        "Helper": await ranks.role("Helper", 20, "manageRoles", "lockTopics"),
        "Member": await ranks.role("Member", 30, "createTopics", "createPosts"),
    }
    for did, role in ((ANN, uris["Admin"]), (BOB, uris["Helper"]), (CAT, None)):
        await ranks.member(did, role)
    return uris


@pytest.fixture
async def ann(database: Pool, account: ForumAccount, ranks: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_as(database, ANN, account=account) as client:
        yield client


async def listed(client: httpx.AsyncClient) -> dict[str, Json]:
    """The roles by name, as the next read has them."""
    return {role["name"]: role for role in (await client.get(ROLES)).json()}


async def path_of(client: httpx.AsyncClient, name: str) -> str:
    return f"{ROLES}/{(await listed(client))[name]['id']}"


async def made(client: httpx.AsyncClient, **changes: object) -> httpx.Response:
    return await client.post(ROLES, json=HELPER | {"name": "Gardener"} | changes)


async def test_only_for_those_who_may(
    database: Pool, account: ForumAccount, rows: Rows, ranks: dict[str, str], server: AccountServer
) -> None:
    """Nobody without the right, nor with it while they are banned."""
    await rows.run(
        "INSERT INTO mod_actions (rkey, pair, is_on, subject, created_by, created_at)"
        " VALUES ('3', 'ban', true, $1, $2, now())", BOB, FORUM_DID,
    )  # fmt: skip
    for method, path in (("POST", ROLES), ("PUT", f"{ROLES}/1"), ("DELETE", f"{ROLES}/1")):
        async with client_of(make_app(database, Board(), SITE, account=account)) as anyone:
            assert (await anyone.request(method, path, json=HELPER)).status_code == 401
        for did in (BOB, CAT):
            async with client_as(database, did, account=account) as client:
                response = await client.request(method, path, json=HELPER)
                assert (response.status_code, response.json()) == (403, FORBIDDEN)
    assert server.written == []


async def test_a_role_and_its_end(ann: httpx.AsyncClient, server: AccountServer) -> None:
    """Each change is in the next read and in the audit; what is not named stays, also what we know nothing of."""
    response = await made(ann, description=" Weeds ", permissions=[f"{PREFIX}pinTopics", f"{PREFIX}lockTopics"] * 2)
    assert response.status_code == 201, response.text
    shown = (await listed(ann))["Gardener"]
    assert shown["uri"] == response.json()["uri"]
    assert (shown["description"], shown["priority"]) == ("Weeds", 25)
    assert shown["permissions"] == [f"{PREFIX}lockTopics", f"{PREFIX}pinTopics"]
    key = (ROLE, shown["uri"].rpartition("/")[2])
    server.records[key] |= {"colour": "green"}
    path = f"{ROLES}/{shown['id']}"
    assert (await ann.put(path, json={"priority": 26, "description": None})).status_code == 200
    shown = (await listed(ann))["Gardener"]
    assert (shown["description"], shown["priority"], len(shown["permissions"])) == (None, 26, 2)
    assert server.records[key]["colour"] == "green"
    assert (await ann.delete(path)).json() == {"success": True}
    assert key not in server.records
    assert "Gardener" not in await listed(ann)
    assert (await ann.delete(path)).status_code == 404


async def test_audit(ann: httpx.AsyncClient, rows: Rows) -> None:
    await made(ann)
    path = await path_of(ann, "Gardener")
    await ann.put(path, json={"name": "Keeper"})
    await ann.delete(path)
    async with rows.database.connection() as connection:
        noted = await connection.fetch("SELECT act, actor, before ->> 'name', after ->> 'name' FROM audit ORDER BY id")
    assert [tuple(row) for row in noted] == [
        ("addRole", ANN, None, "Gardener"),
        ("changeRole", ANN, "Gardener", "Keeper"),
        ("removeRole", ANN, "Keeper", None),
    ]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 301}, "name"),
        ({"name": "a\0b"}, "NUL"),
        ({"description": "x" * 3001}, "description"),
        ({"priority": None}, "priority"),
        ({"priority": -1}, "priority"),
        ({"priority": 2**53}, "priority"),
        ({"priority": "25"}, "priority"),
        ({"priority": True}, "priority"),
        ({"permissions": None}, "permissions"),
        ({"permissions": "*"}, "permissions"),
        ({"permissions": [5]}, "permissions"),
        ({"permissions": ["lockTopics"]}, "permissions"),
        ({"permissions": [f"{PREFIX}manageEverything"]}, "permissions"),
        ({"permissions": ["x" * 300]}, "permissions"),
    ],
)
async def test_what_cannot_be_written(ann: httpx.AsyncClient, server: AccountServer, changes: Json, word: str) -> None:
    """400 with a sentence that names the field, before the server is asked."""
    response = await made(ann, **changes)
    assert response.status_code == 400
    assert word in response.json()["error"]
    assert server.written == []


@pytest.mark.parametrize(
    "changes",
    [
        {"priority": 10},
        {"priority": 0},
        {"permissions": ["*"]},
        {"permissions": [f"{PREFIX}manageForum"]},
        {"permissions": [f"{PREFIX}lockTopics", f"{PREFIX}manageForum"]},
    ],
)
async def test_nothing_as_strong_as_oneself(ann: httpx.AsyncClient, server: AccountServer, changes: Json) -> None:
    """Neither made nor made of a weaker one: not in rank, nor by a permission one does not hold."""
    response = await made(ann, **changes)
    assert (response.status_code, response.json()) == (403, FORBIDDEN)
    response = await ann.put(await path_of(ann, "Helper"), json=changes)
    assert (response.status_code, response.json()) == (403, FORBIDDEN)
    assert server.written == []


@pytest.mark.parametrize("name", ["Owner", "Admin"])
async def test_hands_off_the_strong(ann: httpx.AsyncClient, server: AccountServer, name: str) -> None:
    """So nobody changes their own role either, and locks nobody out, themself included."""
    path = await path_of(ann, name)
    for changes in ({"description": "Hello"}, {"priority": 40}, {"permissions": []}):
        assert (await ann.put(path, json=changes)).status_code == 403
    assert (await ann.delete(path)).status_code == 403
    assert server.written == []


async def test_a_permission_that_was_there_may_stay(
    ann: httpx.AsyncClient, ranks: dict[str, str], server: AccountServer
) -> None:
    """Whoever changes something else does not give it; be it stronger than theirs, or one that other software knows."""
    there = [f"{PREFIX}manageForum", "com.example.sing"]
    server.records[ROLE, ranks["Helper"].rpartition("/")[2]] |= {"permissions": there}
    path = await path_of(ann, "Helper")
    assert (await ann.put(path, json={"description": "Sings"})).status_code == 200
    assert (await ann.put(path, json={"permissions": [*there, f"{PREFIX}pinTopics"]})).status_code == 200
    assert (await ann.put(path, json={"permissions": []})).status_code == 200
    assert (await ann.put(path, json={"permissions": there[:1]})).status_code == 403
    assert (await ann.put(path, json={"permissions": there[1:]})).status_code == 400


async def test_names_are_told_apart(ann: httpx.AsyncClient, server: AccountServer) -> None:
    """Also from what is the same to a reader; one's own is no other's."""
    for name in ("Helper", "helper", " Member "):
        response = await made(ann, name=name)
        assert (response.status_code, response.json()) == (409, {"error": NAME_TAKEN})
    assert (await ann.put(await path_of(ann, "Helper"), json={"name": "member"})).status_code == 409
    assert server.written == []
    assert (await ann.put(await path_of(ann, "Helper"), json={"name": "HELPER"})).status_code == 200


async def test_what_newcomers_have_stays(ann: httpx.AsyncClient, server: AccountServer) -> None:
    """Under its name, by which the settings know it; all else about it may change."""
    path = await path_of(ann, "Member")
    for response in (await ann.delete(path), await ann.put(path, json={"name": "Guest"})):
        assert (response.status_code, response.json()) == (409, {"error": IS_DEFAULT})
    assert server.written == []
    assert (await ann.put(path, json={"name": "Member", "description": "Everybody"})).status_code == 200


async def test_what_somebody_holds_stays(ann: httpx.AsyncClient, rows: Rows, ranks: dict[str, str]) -> None:
    """Until they were given another; what they held before does not count."""
    path = await path_of(ann, "Helper")
    response = await ann.delete(path)
    assert response.status_code == 409
    assert response.json()["error"] == "Members still have this role: 1. Give them another one first."
    await rows.run("INSERT INTO grants VALUES ('4', $1, $2, $3, now())", BOB, ranks["Member"], FORUM_DID)
    assert (await ann.delete(path)).status_code == 200


async def test_changed_by_another_meanwhile(ann: httpx.AsyncClient, server: AccountServer) -> None:
    path = await path_of(ann, "Helper")
    server.refuse("putRecord", "InvalidSwap")
    response = await ann.put(path, json={"description": "Other"})
    assert response.status_code == 409
    assert "changed" in response.json()["error"]


async def test_read_only(database: Pool, ranks: dict[str, str]) -> None:
    async with client_as(database) as owner:
        path = await path_of(owner, "Helper")
        for method, where in (("POST", ROLES), ("PUT", path), ("DELETE", path)):
            response = await owner.request(method, where, json=HELPER | {"name": "Other"})
            assert response.status_code == 503
            assert response.json()["error"].startswith("The forum can only be read right now.")


async def test_the_first_role_ends_no_other(
    database: Pool, account: ForumAccount, rows: Rows, server: AccountServer
) -> None:
    """While none is a record those built in count. They are written down first, so that nobody's rights change."""
    await rows.account(CAT)
    async with client_as(database, account=account) as owner, client_as(database, CAT) as cat:
        before = (await cat.get("/api/admin/members/me")).json()
        response = await owner.post(ROLES, json=HELPER | {"name": "member"})
        assert (response.status_code, response.json()) == (409, {"error": NAME_TAKEN})
        assert server.written == []
        assert (await owner.post(ROLES, json=HELPER)).status_code == 201
        written = [record["record"]["name"] for record in server.written]
        assert written == ["Member", "Moderator", "Admin", "Owner", "Helper"]
        after = (await cat.get("/api/admin/members/me")).json()
        assert (before["role"], before["permissions"]) == (after["role"], after["permissions"])
        roles = await listed(owner)
        assert {name: (frozenset(roles[name]["permissions"]), roles[name]["priority"]) for name in BUILT_IN} == {
            name: (rights.permissions, rights.priority) for name, rights in BUILT_IN.items()
        }
        assert (await owner.post(ROLES, json=HELPER | {"name": "Other"})).status_code == 201
        assert len(await listed(owner)) == 6
    assert frozenset(roles["Moderator"]["permissions"]) == MODERATOR


async def test_two_first_roles_at_once(database: Pool, account: ForumAccount, server: AccountServer) -> None:
    """Both looked before either wrote: those built in are written down once, the other one is asked to look again."""
    server.answers["getLatestCommit"] = httpx.Response(200, json=server.commit())
    server.answers["listRecords"] = httpx.Response(200, json={"records": []})
    server.held["applyWrites"] = trio.Event()
    answers: list[httpx.Response] = []

    async def add(name: str) -> None:
        async with client_as(database, account=account) as owner:
            answers.append(await owner.post(ROLES, json=HELPER | {"name": name}))

    async def both_have_looked() -> bool:
        return len(server.times("listRecords")) == 2

    async with trio.open_nursery() as nursery:
        for name in ("One", "Two"):
            nursery.start_soon(add, name)
        await until(both_have_looked)
        server.held["applyWrites"].set()
    _, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert (refused.status_code, refused.json()) == (409, {"error": CHANGED})
    names = [record["name"] for (collection, _), record in server.records.items() if collection == ROLE]
    assert sorted(set(names) - {"One", "Two"}) == sorted(BUILT_IN)
    assert len(names) == len(BUILT_IN) + 1


async def test_roles_on_their_way_are_not_made_twice(
    database: Pool, account: ForumAccount, rows: Rows, server: AccountServer
) -> None:
    """An index that is being built does not know them yet; the repository does."""
    await Ranks(rows, server).role("Member", 30)
    await rows.run("DELETE FROM roles")
    async with client_as(database, account=account) as owner:
        response = await owner.post(ROLES, json=HELPER)
        assert (response.status_code, response.json()) == (409, {"error": NOT_ARRIVED})
    assert server.written == []
