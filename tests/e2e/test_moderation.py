"""Moderation on the real network: acts in the forum's repository, their effect on the next read and after a rebuild."""

from datetime import timedelta
from typing import Any

import pytest

from demo.daemon import Daemon, running_daemon, wait_until
from demo.records import grant, mod_action, named, now
from demo.xrpc import Account, Ref
from forum.permissions import BUILT_IN
from forum.records.names import GRANT, MOD_ACTION, POST, ROLE
from tests.e2e.scene import Scene
from tests.e2e.test_forum_account import sign_in, wait_agent, with_password

pytestmark = [pytest.mark.network, pytest.mark.slow]

Json = Any  # JSON


async def with_moderator(scene: Scene) -> Account:
    """A member who moderates."""
    ann = await scene.member("ann")
    for name in ("Moderator", "Member"):
        rights = BUILT_IN[name]
        fields = named(name, permissions=sorted(rights.permissions), priority=rights.priority)
        role = await scene.forum.create(ROLE, fields)
        if name == "Moderator":
            await scene.forum.create(GRANT, grant(ann.did, role, by=scene.forum.did))
    return ann


async def act(daemon: Daemon, method: str, path: str, status: int = 200, **body: object) -> Json:
    response = await daemon.http.request(method, f"{daemon.url}/api/mod/{path}", json={"reason": "Rude", **body})
    assert response.status_code == status, response.text
    return response.json()


async def seen(scene: Scene, daemon: Daemon) -> dict[str, list[str]]:
    """The board's topics, in their order, with their replies, as the next reads have them."""
    found = {}
    for topic in await scene.topics(daemon):
        page = await daemon.get(f"/api/topics/{topic['id']}")
        found[page["post"]["title"]] = [reply["text"] for reply in page["replies"]]
    return found


async def ids(scene: Scene, daemon: Daemon) -> dict[str, str]:
    """The ids of the topics that are shown, by their URIs."""
    return {str(topic["uri"]): str(topic["id"]) for topic in await scene.topics(daemon)}


async def is_logged(daemon: Daemon, handle: str) -> bool:
    """Whether the newest act is told by its moderator's handle."""
    return bool((await daemon.get("/api/admin/modlog"))["actions"][0]["moderatorHandle"] == handle)


async def record_of(scene: Scene, answered: Json) -> Json:
    """What the forum's repository holds under the URI of an answer."""
    held = {ref.uri: record for ref, record in await scene.pds.records(scene.forum.did, MOD_ACTION)}
    return held[answered["uri"]]


async def test_ban_and_unban(scene: Scene) -> None:
    """Gone from the next read and back from the next, but for what its author deleted; also after a rebuild."""
    ann, bob = await with_moderator(scene), await scene.member("bob")
    pansies, weeds = await scene.topic(ann, "Pansies"), await scene.topic(bob, "Weeds")
    await scene.reply(bob, pansies, "Ugly.")
    regretted = await scene.reply(bob, pansies, "Very ugly.")
    await scene.reply(ann, weeds, "Please be kind.")
    settings = with_password(scene)
    async with running_daemon(settings) as daemon:
        await wait_agent(daemon, "authenticated")
        await scene.wait_equal()
        await sign_in(daemon, settings, ann.did)

        banned = await act(daemon, "POST", "ban", targetDid=bob.did)
        assert await seen(scene, daemon) == {"Pansies": []}
        record = await record_of(scene, banned)
        assert (record["subject"]["did"], record["createdBy"], record["reason"]) == (bob.did, ann.did, "Rude")
        assert (await act(daemon, "POST", "ban", targetDid=bob.did))["alreadyActive"]
        await scene.wait_equal()
        await bob.delete(POST, regretted.rkey)
        await scene.reply(bob, pansies, "Still ugly.")  # by a client of his own
        await scene.wait_equal()
        assert await seen(scene, daemon) == {"Pansies": []}

        await act(daemon, "DELETE", f"ban/{bob.did}")
        assert (await seen(scene, daemon))["Weeds"] == ["Please be kind."]
        assert [text for text in (await seen(scene, daemon))["Pansies"] if text] == ["Ugly.", "Still ugly."]
        await scene.wait_equal()
        log = await daemon.get("/api/admin/modlog")
        assert [one["subjectDid"] for one in log["actions"]] == [bob.did] * 2
        await wait_until(lambda: is_logged(daemon, ann.handle))  # which nobody waited for when she signed in
        await act(daemon, "POST", "ban", 403, targetDid=scene.forum.did)
        await act(daemon, "POST", "ban", 403, targetDid=ann.did)


async def test_topics_and_posts(scene: Scene) -> None:
    """Pins, locks, hides and mutes; what is written past us meanwhile obeys them."""
    ann, bob = await with_moderator(scene), await scene.member("bob")
    first, second = await scene.topic(bob, "First"), await scene.topic(bob, "Second")
    await scene.reply(bob, first, "Early.")
    settings = with_password(scene)
    async with running_daemon(settings) as daemon:
        await wait_agent(daemon, "authenticated")
        await scene.wait_equal()
        await sign_in(daemon, settings, ann.did)
        known = await ids(scene, daemon)

        await act(daemon, "POST", "pin", topicId=known[second.uri])
        assert list(await seen(scene, daemon)) == ["Second", "First"]
        locked = await act(daemon, "POST", "lock", topicId=known[first.uri])
        assert (await record_of(scene, locked))["subject"]["post"] == {"uri": first.uri, "cid": first.cid}
        await act(daemon, "POST", "mute", targetDid=bob.did)
        await say(scene, bob, first, second)
        await scene.wait_equal()
        assert await seen(scene, daemon) == {"Second": [], "First": ["Early."]}

        await act(daemon, "DELETE", f"mute/{bob.did}")
        assert await seen(scene, daemon) == {"Second": ["Late."], "First": ["Early."]}
        await act(daemon, "DELETE", f"lock/{known[first.uri]}")
        assert await seen(scene, daemon) == {"Second": ["Late."], "First": ["Early.", "Late."]}
        await act(daemon, "POST", "hide", postId=known[second.uri])
        assert await seen(scene, daemon) == {"First": ["Early.", "Late."]}
        await act(daemon, "DELETE", f"hide/{known[second.uri]}")
        await scene.wait_equal()


async def say(scene: Scene, author: Account, *topics: Ref) -> None:
    for topic in topics:
        await scene.reply(author, topic, "Late.")


async def test_ends_by_itself(scene: Scene) -> None:
    """A ban and a lock whose time comes while the daemon runs, and others whose time comes while it does not."""
    ann, bob = await with_moderator(scene), await scene.member("bob")
    topic = await scene.topic(ann, "Pansies")
    await scene.reply(bob, topic, "Ugly.")

    async def ban_and_lock(before: int) -> None:
        """For a second, by another client of the forum's; returns when the index has both."""
        for action, subject in (("ban", bob.did), ("lock", topic)):
            record = mod_action(action, subject, by=ann.did) | {"expiresAt": now(ago=timedelta(seconds=-1))}
            await scene.forum.create(MOD_ACTION, record)
        await wait_until(lambda: has_actions(scene, before + 2))

    async def is_over(daemon: Daemon) -> bool:
        (found,) = await scene.topics(daemon)
        return not found["locked"] and await seen(scene, daemon) == {"Pansies": ["Ugly."]}

    async with scene.daemon() as daemon:
        await scene.wait_equal()
        await ban_and_lock(0)
        await wait_until(lambda: is_over(daemon))
        await ban_and_lock(2)
        await daemon.kill()
    async with scene.daemon() as again:
        await wait_until(lambda: is_over(again))
        await scene.wait_equal()


async def has_actions(scene: Scene, number: int) -> bool:
    async with scene.index.connection() as connection:
        return bool(await connection.fetchval("SELECT count(*) = $1 FROM mod_actions", number))
