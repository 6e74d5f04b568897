"""The forum's account on the real network: founding by one command, changes seen at once, a server away and back."""

import os
import subprocess
from typing import Any

import httpx
import pytest
import trio

from demo.daemon import PROGRAM, Daemon, running_daemon, settings_for, wait_until
from demo.network import Network
from demo.records import grant, named
from demo.xrpc import Account, Pds
from forum.permissions import BUILT_IN, MANAGE_ROLES
from forum.records.names import BOARD, CATEGORY, FORUM, FORUM_COLLECTIONS, GRANT, ROLE
from tests.e2e.scene import Scene
from tests.support.truth import wait_equal

pytestmark = [pytest.mark.network, pytest.mark.slow]

Json = Any  # JSON


async def atbb(settings: dict[str, str], *words: str, answers: str = "") -> subprocess.CompletedProcess[bytes]:
    with trio.fail_after(60):
        return await trio.run_process(
            [str(PROGRAM), *words],
            stdin=answers.encode(),
            env={"PATH": os.environ["PATH"], **settings},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )


def with_password(scene: Scene) -> dict[str, str]:
    return scene.settings(FORUM_PASSWORD=scene.forum.password)


async def held(pds: Pds, did: str) -> dict[str, list[str]]:
    """The URIs of everything in the forum's repository."""
    return {name: [ref.uri for ref, _ in await pds.records(did, name)] for name in FORUM_COLLECTIONS}


async def agent_of(daemon: Daemon) -> Json:
    return (await daemon.get("/api/health"))["services"]["forumAgent"]


async def wait_agent(daemon: Daemon, status: str) -> Json:
    async def is_so() -> bool:
        return bool((await agent_of(daemon))["status"] == status)

    await wait_until(is_so)
    return await agent_of(daemon)


async def test_founding(network: Network, pds: Pds, scene: Scene) -> None:
    """A fresh account becomes a forum by one command; a second time makes nothing; the daemon shows it all."""
    account, owner = await pds.account("fresh"), await pds.account("owner")
    settings = settings_for(
        network, account.did, scene.data_dir, DATABASE_URL=scene.dsn, FORUM_PASSWORD=account.password
    )
    words = ("init", "--yes", "--name", "A Fresh Forum", "--owner", owner.handle, "--board", "Chat")

    done = await atbb(settings, *words)
    assert done.returncode == 0, done.stderr
    first = await held(pds, account.did)
    sizes = {name: len(uris) for name, uris in first.items() if uris}
    assert sizes == {FORUM: 1, ROLE: 4, GRANT: 1, CATEGORY: 1, BOARD: 1}

    again = await atbb(settings, *words)
    assert again.returncode == 0, again.stderr
    assert b"Made" not in again.stdout
    assert await held(pds, account.did) == first

    async with running_daemon(settings) as daemon:
        await wait_equal(scene.index, pds, account.did, scene.server_dsn)
        assert [board["name"] for board in (await daemon.get("/api/boards"))["boards"]] == ["Chat"]
        assert (await daemon.get("/api/forum"))["name"] == "A Fresh Forum"
        await sign_in(daemon, settings, owner.did)
        me = await daemon.get("/api/admin/members/me")
        assert (me["role"], me["permissions"]) == ("Owner", ["*"])

        added = await atbb(settings, "category", "add", "Second")
        assert added.returncode == 0, added.stderr
        uri = added.stdout.decode().strip()
        assert (await atbb(settings, "board", "add", "Deep", "--category", "Second")).returncode == 0

        async def deep_is_shown() -> bool:
            boards = (await daemon.get("/api/boards"))["boards"]
            return any(board["name"] == "Deep" and board["categoryUri"] == uri for board in boards)

        await wait_until(deep_is_shown)
    unknown = await atbb(settings, "board", "add", "Nowhere", "--category", "Third")
    assert (unknown.returncode, unknown.stderr.decode()) == (1, "Error: There is no category Third.\n")


async def test_founding_asks(network: Network, pds: Pds, scene: Scene) -> None:
    """For the account too; it tells the DID to keep, and never the password."""
    account, owner = await pds.account("asked"), await pds.account("owner")
    settings = settings_for(network, "", scene.data_dir, DATABASE_URL=scene.dsn, FORUM_PASSWORD=account.password)
    done = await atbb(settings, "init", answers=f"{account.handle}\nAsked For\n@{owner.handle}\nOutdoors\n\n")
    assert done.returncode == 0, done.stderr
    assert f"FORUM_DID={account.did}" in done.stdout.decode()
    assert account.password not in f"{done.stdout!r} {done.stderr!r}"
    [(_, itself)] = await pds.records(account.did, FORUM)
    [(_, board)] = await pds.records(account.did, BOARD)
    [(_, granted)] = await pds.records(account.did, GRANT)
    assert (itself["name"], board["name"], granted["subject"]) == ("Asked For", "General discussion", owner.did)


async def test_founding_goes_on_where_it_ended(scene: Scene) -> None:
    """What a run that failed has made is used; what it asks for is asked before anything is written."""
    before = await held(scene.pds, scene.forum.did)
    refused = await atbb(with_password(scene), "init", "--yes")
    assert (refused.returncode, await held(scene.pds, scene.forum.did)) == (2, before)
    stranger = await atbb(with_password(scene), "init", "--yes", "--owner", "nobody.pds0.test")
    assert (stranger.returncode, await held(scene.pds, scene.forum.did)) == (1, before)

    done = await atbb(with_password(scene), "init", "--yes", "--owner", scene.forum.handle)
    assert done.returncode == 0, done.stderr
    after = await held(scene.pds, scene.forum.did)
    assert len(after[ROLE]) == 4
    assert {name: after[name] for name in (FORUM, CATEGORY, BOARD, GRANT)} == {
        name: before[name] for name in (FORUM, CATEGORY, BOARD, GRANT)
    }

    member = await scene.member("ann")
    assert (await atbb(with_password(scene), "role", "grant", member.did, "Admin")).returncode == 0
    [(_, granted)] = await scene.pds.records(scene.forum.did, GRANT)
    assert granted["subject"] == member.did


async def test_wrong_password(scene: Scene) -> None:
    """Said once, and final; the forum can be read, and writing says why not. Also for another account's password."""
    stranger = await scene.pds.account("stranger")
    settings = scene.settings(FORUM_PASSWORD="wrong")
    done = await atbb(settings, "init", "--yes")
    assert (done.returncode, done.stderr.decode().count("\n")) == (78, 1)
    async with running_daemon(settings) as daemon:
        agent = await wait_agent(daemon, "failed")
        assert agent["error"] == "The server of the forum's account refuses the password."
        assert "next_retry_at" not in agent
        await sign_in(daemon, settings, scene.forum.did)
        response = await daemon.http.post(f"{daemon.url}/api/admin/categories", json={"name": "Any"})
        assert response.status_code == 503
        assert response.json()["error"].startswith("The forum can only be read right now.")
    async with scene.daemon(FORUM_PASSWORD=stranger.password, FORUM_HANDLE=stranger.handle) as daemon:
        assert "another account" in (await wait_agent(daemon, "failed"))["error"]


async def test_server_away_and_back(scene: Scene) -> None:
    """Retrying while the server is stopped, signed in again when it is back; nothing of it needs a restart."""
    settings = with_password(scene)
    async with running_daemon(settings) as daemon:
        await wait_agent(daemon, "authenticated")
        await wait_until(lambda: has_status(daemon, "healthy"))
        await sign_in(daemon, settings, scene.forum.did)
        await scene.network.stop_pds()
        try:
            response = await daemon.http.post(f"{daemon.url}/api/admin/categories", json={"name": "Any"})
            assert response.status_code == 503
            agent = await agent_of(daemon)
            assert (agent["status"], agent["authenticated"]) == ("retrying", False)
        finally:
            await scene.network.start_pds()
        await wait_agent(daemon, "authenticated")
        response = await daemon.http.post(f"{daemon.url}/api/admin/categories", json={"name": "Any"})
        assert response.status_code == 201


async def has_status(daemon: Daemon, status: str) -> bool:
    return await daemon.health() == status


async def test_categories_and_boards(scene: Scene) -> None:
    """Each change is in the next read; what is omitted stays; what is not empty stays too."""
    settings = with_password(scene)
    author = await scene.member("ann")
    await scene.topic(author, "In the way")
    async with running_daemon(settings) as daemon:
        await wait_agent(daemon, "authenticated")
        await scene.wait_equal()
        await sign_in(daemon, settings, scene.forum.did)

        made = await call(daemon, "POST", "categories", 201, name="New", description="Fresh", sortOrder=7)
        category = await listed(daemon, "categories", made["uri"])
        assert (category["name"], category["description"], category["sortOrder"]) == ("New", "Fresh", 7)
        changed = await call(daemon, "PUT", f"categories/{category['id']}", 200, name="Newer")
        assert changed["uri"] == made["uri"]
        assert changed["cid"] != made["cid"]
        category = await listed(daemon, "categories", made["uri"])
        assert (category["name"], category["description"], category["sortOrder"]) == ("Newer", "Fresh", 7)
        same = await call(daemon, "PUT", f"categories/{category['id']}", 200, name="Newer")
        assert same["cid"] == changed["cid"]

        made = await call(daemon, "POST", "boards", 201, name="Room", categoryUri=category["uri"])
        board = await listed(daemon, "boards", made["uri"])
        await call(daemon, "DELETE", f"categories/{category['id']}", 409)
        await call(daemon, "PUT", f"boards/{board['id']}", 200, description="Quiet", categoryUri=scene.category.uri)
        board = await listed(daemon, "boards", made["uri"])
        assert (board["name"], board["description"], board["categoryUri"]) == ("Room", "Quiet", scene.category.uri)
        await call(daemon, "DELETE", f"boards/{board['id']}", 200)
        assert await listed(daemon, "boards", made["uri"]) is None
        await call(daemon, "DELETE", f"categories/{category['id']}", 200)
        assert await listed(daemon, "categories", category["uri"]) is None

        full = await listed(daemon, "boards", scene.board.uri)
        await call(daemon, "DELETE", f"boards/{full['id']}", 409)
        await call(daemon, "POST", "boards", 404, name="Lost", categoryUri=category["uri"])
        await scene.wait_equal()


async def test_roles(scene: Scene) -> None:
    """An admin gives weaker roles to weaker members, and to nobody else; the grant counts at once."""
    settings = with_password(scene)
    ann, bob, outsider = await scene.member("ann"), await scene.member("bob"), await scene.pds.account("out")
    admin = await scene.forum.create(ROLE, named("Admin", permissions=[MANAGE_ROLES], priority=10))
    helper = await scene.forum.create(ROLE, named("Helper", permissions=[MANAGE_ROLES], priority=20))
    member = await scene.forum.create(ROLE, named("Member", permissions=[], priority=30))
    await scene.forum.create(GRANT, grant(ann.did, admin, by=scene.forum.did))
    async with running_daemon(settings) as daemon:
        await wait_agent(daemon, "authenticated")
        await scene.wait_equal()
        await sign_in(daemon, settings, ann.did)

        async def give(who: Account, uri: str, status: int) -> Json:
            return await call(daemon, "POST", f"members/{who.did}/role", status, roleUri=uri)

        await give(bob, admin.uri, 403)  # as strong as her own
        await give(ann, member.uri, 403)  # herself
        await give(scene.forum, member.uri, 403)
        await give(outsider, helper.uri, 404)
        await give(bob, f"{helper.uri}x", 404)
        assert (await give(bob, helper.uri, 200))["roleAssigned"] == "Helper"
        await call(daemon, "POST", "categories", 403, name="No right to")

        await sign_in(daemon, settings, bob.did)
        assert (await daemon.get("/api/admin/members/me"))["role"] == "Helper"
        await give(ann, member.uri, 403)
        await scene.wait_equal()


async def test_first_roles(scene: Scene) -> None:
    """Those built in are written down with the first role: once and in one commit, whoever else makes one."""
    settings = with_password(scene)
    async with running_daemon(settings) as daemon:
        await wait_agent(daemon, "authenticated")
        await scene.wait_equal()
        await sign_in(daemon, settings, scene.forum.did)
        statuses: list[int] = []

        async def add(name: str) -> None:
            role = {"name": name, "permissions": [], "priority": 25}
            response = await daemon.http.post(f"{daemon.url}/api/admin/roles", json=role)
            statuses.append(response.status_code)

        async with trio.open_nursery() as nursery:
            for name in ("One", "Two"):
                nursery.start_soon(add, name)
        assert set(statuses) <= {201, 409}
        names = [record["name"] for _, record in await scene.pds.records(scene.forum.did, ROLE)]
        assert sorted(set(names) - {"One", "Two"}) == sorted(BUILT_IN)
        assert len(names) == len(BUILT_IN) + statuses.count(201)
        await scene.wait_equal()


async def sign_in(daemon: Daemon, settings: dict[str, str], did: str) -> None:
    done = await atbb(settings, "session", "create", "--did", did)
    daemon.http.cookies.clear()
    daemon.http.cookies.set("atbb_session", done.stdout.decode().strip())


async def call(daemon: Daemon, method: str, path: str, status: int, **body: object) -> Json:
    """Ask the admin API; the answer must have this status."""
    response: httpx.Response = await daemon.http.request(method, f"{daemon.url}/api/admin/{path}", json=body or None)
    assert response.status_code == status, response.text
    return response.json()


async def listed(daemon: Daemon, kind: str, uri: str) -> Json:
    """The category or board as the very next read has it."""
    found = (await daemon.get(f"/api/{kind}"))[kind]
    return next((one for one in found if one["uri"] == uri), None)
