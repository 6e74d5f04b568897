"""Rights: the newest grant of the forum decides, and nothing a member writes."""

from dataclasses import dataclass, replace

import pytest

from daemon.pool import Pool
from forum import permissions
from forum.permissions import (
    BUILT_IN,
    CREATE_POSTS,
    MANAGE_FORUM,
    MODERATE_POSTS,
    NO_RIGHTS,
    PREFIX,
    Rights,
    may,
    rights_of,
)
from forum.records.names import GRANT, MEMBERSHIP, ROLE
from tests.support.index import Repos, build, op

FORUM, ANN = "did:plc:forum", "did:plc:ann"
AT = "2026-01-01T00:00:00.000Z"
CID = "bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq"
REV = "3zzzzzzzzzzzz"


def tid(number: int) -> str:
    return f"3kaaaaaaaaa{number:02}".translate(str.maketrans("01", "23"))


def uri(number: int) -> str:
    return f"at://{FORUM}/{ROLE}/{tid(number)}"


def role(name: str, *names: str, priority: int = 20) -> dict:
    return {"$type": ROLE, "name": name, "permissions": list(names), "priority": priority, "createdAt": AT}


def grant(subject: str, to: str | None) -> dict:
    given = {} if to is None else {"role": {"role": {"uri": to, "cid": CID}}}
    return {"$type": GRANT, "subject": subject, "createdBy": FORUM, "createdAt": AT, **given}


def repo(did: str, collection: str, records: list[dict]) -> dict:
    """Records of one collection under keys that grow."""
    ops = {tid(n): op(did, collection, tid(n), REV, record, CID) for n, record in enumerate(records)}
    return {collection: ops}


@dataclass(frozen=True)
class Case:
    """What stands in the forum's repository, and the role that Ann then has."""

    roles: list[dict]
    grants: list[dict]
    role: str | None
    default_role: str = "Member"


MOD, MEMBER = role("Mod", MODERATE_POSTS, priority=10), role("Member", CREATE_POSTS)
CASES = {
    "nothing written": Case([], [], "Member"),
    "a grant of a role that is not there": Case([], [grant(ANN, uri(9))], "Member"),
    "no grant": Case([MOD, MEMBER], [], "Member"),
    "a grant": Case([MOD, MEMBER], [grant(ANN, uri(0))], "Mod"),
    "somebody else's grant": Case([MOD, MEMBER], [grant("did:plc:bob", uri(0))], "Member"),
    "the newest of two": Case([MOD, MEMBER], [grant(ANN, uri(1)), grant(ANN, uri(0))], "Mod"),
    "taken back": Case([MOD, MEMBER], [grant(ANN, uri(0)), grant(ANN, None)], "Member"),
    "a role that is gone": Case([MOD, MEMBER], [grant(ANN, uri(0)), grant(ANN, uri(9))], "Member"),
    "a role of another forum": Case([MOD, MEMBER], [grant(ANN, f"at://{ANN}/{ROLE}/{tid(0)}")], "Member"),
    "no default role": Case([MOD], [], None),
    "by approval": Case([MOD, MEMBER], [], None, ""),
    "by approval, nothing written": Case([], [], None, ""),
    "by approval, a grant": Case([MOD, MEMBER], [grant(ANN, uri(1))], "Member", ""),
    "by approval, taken back": Case([MOD, MEMBER], [grant(ANN, uri(0)), grant(ANN, None)], None, ""),
    "by approval, a role that is gone": Case([MOD, MEMBER], [grant(ANN, uri(9))], None, ""),
    "a role without a name": Case([role("", "*")], [], None, ""),
}


async def rights(database: Pool, did: str = ANN) -> Rights:
    async with database.connection() as connection:
        return await rights_of(connection, did, forum_did=FORUM)


async def index(database: Pool, forum: dict, *, default_role: str = "Member", **members: dict) -> None:
    repos: Repos = {FORUM: forum} | {f"did:plc:{name}": collections for name, collections in members.items()}
    await build(database, FORUM, repos, rev=REV, default_role=default_role)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
async def test_role(database: Pool, case: Case) -> None:
    """The role by the forum's grants, with the record's own permissions and priority."""
    written = repo(FORUM, ROLE, case.roles) | repo(FORUM, GRANT, case.grants)
    await index(database, written, default_role=case.default_role)
    found = await rights(database)
    assert found.role == case.role
    assert (found.role_uri is None) == (not case.roles or case.role is None)
    assert (found == NO_RIGHTS) == (case.role is None)
    for one in case.roles:
        if one["name"] == case.role:
            assert (found.permissions, found.priority) == (frozenset(one["permissions"]), one["priority"])


async def test_nobody_grants_a_role_to_themselves(database: Pool) -> None:
    """A membership that claims a role, and grants and roles in another repository, give nothing."""
    claim = {
        "$type": MEMBERSHIP,
        "forum": {"forum": {"uri": f"at://{FORUM}/space.atbb.forum.forum/self", "cid": CID}},
        "role": {"role": {"uri": uri(0), "cid": CID}},
        "createdAt": AT,
    }
    forged = (
        repo(ANN, MEMBERSHIP, [claim])
        | repo(ANN, GRANT, [grant(ANN, uri(0))])
        | repo(ANN, ROLE, [role("Member", "*", priority=0)])
    )
    await index(database, repo(FORUM, ROLE, [role("Owner", "*", priority=0), MEMBER]), ann=forged)
    assert await rights(database) == Rights(
        role="Member", role_uri=uri(1), permissions=frozenset({CREATE_POSTS}), priority=20
    )


async def test_of_two_default_roles_the_newest(database: Pool) -> None:
    """A name is not a key; the highest record key is the newest."""
    await index(database, repo(FORUM, ROLE, [role("Member", "*"), MEMBER]))
    assert (await rights(database)).role_uri == uri(1)


async def test_banned(database: Pool) -> None:
    """A ban takes every right, also from an owner, and gives them back when it ends; nobody bans the forum."""
    await index(database, repo(FORUM, ROLE, [role("Owner", "*")]) | repo(FORUM, GRANT, [grant(ANN, uri(0))]))
    ban = (
        "INSERT INTO mod_actions (rkey, pair, is_on, subject, created_by, created_at, expires_at)"
        " VALUES ($1, 'ban', $2, $3, $3, now(), $4::timestamptz)"
    )
    async with database.connection() as connection:
        await connection.execute(ban, "3b", True, ANN, None)
        await connection.execute(ban, "3c", True, FORUM, None)
    assert await rights(database) == replace(NO_RIGHTS, banned=True)
    assert not may(await rights(database), CREATE_POSTS)
    assert may(await rights(database, FORUM), MANAGE_FORUM)
    async with database.connection() as connection:
        await connection.execute(ban, "3d", False, ANN, None)
    assert may(await rights(database), MANAGE_FORUM)


async def test_the_forum_itself_may_do_everything(database: Pool) -> None:
    """Whatever its records say of it, and with a priority that no role reaches."""
    await index(database, repo(FORUM, ROLE, [MEMBER]) | repo(FORUM, GRANT, [grant(FORUM, uri(0))]))
    found = await rights(database, FORUM)
    assert may(found, MANAGE_FORUM)
    assert may(found, f"{PREFIX}somethingOfTheFuture")
    assert all(found.priority < built_in.priority for built_in in BUILT_IN.values())


async def test_built_in_roles_are_in_force_without_records(database: Pool) -> None:
    """What a new forum's repository is given, and what the database takes for granted before, are the same."""
    for name, built_in in BUILT_IN.items():
        await index(database, {}, default_role=name)
        assert await rights(database) == built_in


def test_built_in_roles() -> None:
    """The table of the contract, in its words."""

    def short(name: str) -> set[str]:
        return {permission.removeprefix(PREFIX) for permission in BUILT_IN[name].permissions}

    moderator = {"moderatePosts", "lockTopics", "pinTopics", "banUsers", "createTopics", "createPosts"}
    assert short("Owner") == {"*"}
    assert short("Admin") == moderator | {"manageCategories", "manageRoles", "manageMembers", "manageThemes"}
    assert short("Moderator") == moderator
    assert short("Member") == {"createTopics", "createPosts"}
    assert [BUILT_IN[name].priority for name in ("Owner", "Admin", "Moderator", "Member")] == [0, 10, 20, 30]
    assert not may(BUILT_IN["Admin"], permissions.MANAGE_FORUM)
    assert may(BUILT_IN["Owner"], permissions.MANAGE_FORUM)
