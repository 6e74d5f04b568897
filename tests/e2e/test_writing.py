"""Members writing on the real network, each with a grant of their own server: shown at once, once, and no more."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import trio

from actors.oauth import Grant
from demo.daemon import Daemon, running_daemon
from demo.records import mod_action, named
from demo.xrpc import Account
from forum.permissions import CREATE_POSTS, CREATE_TOPICS
from forum.records.names import MOD_ACTION, POST, ROLE
from forum.sealing import Seal, opened, sealed
from tests.e2e.browser import open_browser
from tests.e2e.scene import Scene

pytestmark = [pytest.mark.network, pytest.mark.slow]

Json = Any  # JSON
SECRET = "only of this test, and longer than thirty-two characters"


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody signed in."""

    daemon: Daemon
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, status: int, *, key: str | None = None, **body: object) -> Json:
        headers = {} if key is None else {"Idempotency-Key": key}
        response = await self.http.request(method, f"/api/{path}", json=body or None, headers=headers)
        assert response.status_code == status, response.text
        return response.json()

    async def reply(self, topic: str, text: str, *, key: str | None = None, status: int = 201) -> Json:
        return await self.ask("POST", "posts", status, key=key, text=text, rootPostId=topic, parentPostId=topic)

    async def page(self, topic: str) -> Json:
        return await self.ask("GET", f"topics/{topic}?limit=100", 200)

    async def texts(self, topic: str) -> list[str]:
        return [reply["text"] for reply in (await self.page(topic))["replies"]]


@asynccontextmanager
async def signed_in(daemon: Daemon, account: Account) -> AsyncIterator[Writer]:
    async with open_browser(daemon.url) as browser:
        assert (await browser.sign_in(account)).status_code == 303
        yield Writer(daemon, browser.http)


def settings_of(scene: Scene) -> dict[str, str]:
    return scene.settings(SESSION_SECRET=SECRET)


async def opening(scene: Scene, writer: Writer, title: str = "Tomatoes") -> tuple[Json, str]:
    """A topic that the writer starts, and its id, by which the next read names it."""
    made = await writer.ask("POST", "topics", 201, title=title, text="Red ones?", boardUri=scene.board.uri)
    [number] = [topic["id"] for topic in await scene.topics(writer.daemon) if topic["uri"] == made["uri"]]
    return made, str(number)


async def held(scene: Scene, account: Account) -> dict[str, Json]:
    """The posts in a member's repository, by their CIDs."""
    return {ref.cid: dict(record) for ref, record in await scene.pds.records(account.did, POST)}


async def test_shown_at_once(scene: Scene) -> None:
    """Written, edited, deleted: the next read has it, the repository too, and the stream's copy changes nothing."""
    ann = await scene.member("ann")
    async with running_daemon(settings_of(scene)) as daemon, signed_in(daemon, ann) as writer:
        await scene.wait_equal()
        made, topic = await opening(scene, writer)
        page = await writer.page(topic)
        assert (page["post"]["title"], page["post"]["text"]) == ("Tomatoes", "Red ones?")
        assert list(await held(scene, ann)) == [made["cid"]]
        await scene.wait_equal()
        assert await writer.page(topic) == page

        await writer.reply(topic, "**Green** ones.")
        [first] = (await writer.page(topic))["replies"]
        assert (first["text"], first["content"]["markdown"]) == ("Green ones.", "**Green** ones.")
        changed = await writer.ask("PUT", f"posts/{first['id']}", 200, text="Yellow ones.")
        await writer.ask("PUT", f"posts/{first['id']}", 200, text="Yellow ones.", cid=changed["cid"])
        [second] = (await writer.page(topic))["replies"]
        assert (second["text"], "content" in second, "editedAt" in second) == ("Yellow ones.", False, True)
        await writer.ask("PUT", f"posts/{first['id']}", 409, text="Blue ones.", cid=made["cid"])
        assert (await held(scene, ann))[changed["cid"]]["text"] == "Yellow ones."
        await scene.wait_equal()

        await writer.ask("DELETE", f"posts/{first['id']}", 200)
        assert (await writer.page(topic))["replies"][0]["deleted"]
        await writer.ask("DELETE", f"posts/{topic}", 200)
        assert await scene.topics(daemon) == []
        assert await held(scene, ann) == {}
        await scene.wait_equal()


async def test_twenty_at_once(scene: Scene) -> None:
    """Each clicks twice; every post is there exactly once."""
    accounts = [await scene.member(f"m{number}") for number in range(20)]
    ann = accounts[0]
    async with running_daemon(settings_of(scene)) as daemon, signed_in(daemon, ann) as writer:
        await scene.wait_equal()
        _, topic = await opening(scene, writer)

        async with AsyncExitStack() as stack:
            members = [writer]
            for account in accounts[1:]:
                members.append(await stack.enter_async_context(signed_in(daemon, account)))

            async def click_twice(member: Writer, text: str) -> None:
                heard: list[Json] = []

                async def click() -> None:
                    heard.append(await member.reply(topic, text, key="once"))
                    assert text in await member.texts(topic)

                async with trio.open_nursery() as clicks:
                    for _ in range(2):
                        clicks.start_soon(click)
                assert heard[0] == heard[1]

            async with trio.open_nursery() as nursery:
                for member, account in zip(members, accounts, strict=True):
                    nursery.start_soon(click_twice, member, account.handle)
        handles = sorted(account.handle for account in accounts)
        assert sorted(await writer.texts(topic)) == handles
        assert [len(await held(scene, account)) for account in accounts] == [2, *[1] * 19]
        await scene.wait_equal()
        page = await writer.page(topic)
        assert (page["total"], sorted(reply["text"] for reply in page["replies"])) == (20, handles)


async def test_server_ends_in_the_middle(scene: Scene) -> None:
    """503 with the text kept by whoever typed it; once the server is back, the same try makes one post."""
    ann = await scene.member("ann")
    async with running_daemon(settings_of(scene)) as daemon, signed_in(daemon, ann) as writer:
        await scene.wait_equal()
        _, topic = await opening(scene, writer)
        statuses: list[int] = []

        async def click(number: int) -> None:
            body = {"text": f"{number}", "rootPostId": topic, "parentPostId": topic}
            headers = {"Idempotency-Key": f"{number}"}
            response = await writer.http.post("/api/posts", json=body, headers=headers)
            statuses.append(response.status_code)

        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(click, number)
            await scene.network.stop_pds()
        assert set(statuses) <= {201, 503}
        await writer.reply(topic, "10", key="10", status=503)
        await scene.network.start_pds()
        for number in range(11):
            await writer.reply(topic, f"{number}", key=f"{number}")
        expected = sorted(f"{number}" for number in range(11))
        assert sorted(await writer.texts(topic)) == expected
        assert sorted(record["text"] for record in (await held(scene, ann)).values()) == sorted(
            [*expected, "Red ones?"]
        )
        await scene.wait_equal()
        assert sorted(await writer.texts(topic)) == expected


async def test_not_here(scene: Scene) -> None:
    """Locked, banned, without the right: told, and nothing is written."""
    ann = await scene.member("ann")
    rights = {"permissions": [CREATE_TOPICS, CREATE_POSTS], "priority": 30}
    role = await scene.forum.create(ROLE, named("Member", **rights))
    async with running_daemon(settings_of(scene)) as daemon, signed_in(daemon, ann) as writer:
        await scene.wait_equal()
        made, topic = await opening(scene, writer)
        [ref] = [ref for ref, _ in await scene.pds.records(ann.did, POST)]
        assert ref.uri == made["uri"]

        async def act(action: str, on_topic: bool) -> None:
            subject = ref if on_topic else ann.did
            await scene.forum.create(MOD_ACTION, mod_action(action, subject, by=scene.forum.did))
            await scene.wait_equal()

        await act("lock", True)
        assert "locked" in (await writer.reply(topic, "Too late", status=403))["error"]
        await act("unlock", True)
        await act("ban", False)
        assert "banned" in (await writer.reply(topic, "No way", status=403))["error"]
        await act("unban", False)
        await scene.forum.put(ROLE, role.rkey, named("Member", **rights | {"permissions": [CREATE_TOPICS]}))
        await scene.wait_equal()
        assert (await writer.reply(topic, "Nor this", status=403))["error"] == "Insufficient permissions"
        assert len(await held(scene, ann)) == 1


async def test_a_token_that_has_ended(scene: Scene) -> None:
    """Of parallel requests one renews it: the server ends the grant of whoever sends a refresh token twice."""
    ann = await scene.member("ann")
    async with running_daemon(settings_of(scene)) as daemon, signed_in(daemon, ann) as writer:
        await scene.wait_equal()
        _, topic = await opening(scene, writer)
        for _ in range(2):
            before = await forget_token(scene)
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(writer.reply, topic, f"{number}")
            after = await grant_of(scene)
            assert (after.access != before.access, after.expires_at > time.time()) == (True, True)
        assert len(await writer.texts(topic)) == 10


async def forget_token(scene: Scene) -> Grant:
    """Have the daemon believe that the access token of the one session has ended; the grant as it was."""
    grant = await grant_of(scene)
    ended = sealed(Seal(SECRET), replace(grant, expires_at=0.0))
    async with scene.index.connection() as connection:
        await connection.execute("UPDATE sessions SET grant_sealed = $1", ended)
    return grant


async def grant_of(scene: Scene) -> Grant:
    async with scene.index.connection() as connection:
        return opened(Seal(SECRET), await connection.fetchval("SELECT grant_sealed FROM sessions"), Grant)
