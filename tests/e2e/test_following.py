"""What is written to repositories by any client appears through the API, and the index equals the repositories."""

import pytest

from demo.daemon import wait_until
from demo.records import board, grant, membership, mod_action, named, reaction, reply, topic
from demo.xrpc import Change, Ref
from forum.permissions import MEMBER
from forum.records.names import BOARD, CATEGORY, FORUM, GRANT, MEMBERSHIP, MOD_ACTION, POST, REACTION, ROLE
from forum.records.syntax import tid_of
from tests.e2e.scene import Scene, found
from tests.e2e.test_crashes import has_health

pytestmark = [pytest.mark.network, pytest.mark.slow]


async def test_forum_appears(scene: Scene) -> None:
    """What was there before the daemon came, and what is written while it runs."""
    alice = await scene.member("alice")
    before = await scene.topic(alice, "Blight on the tomatoes")
    async with scene.daemon() as daemon:
        bob = await scene.member("bob")
        await scene.reply(bob, before, "Cut off the lower leaves, and water in the morning.")
        after = await scene.topic(bob, "Seed swap in March")
        await scene.wait_equal()
        forum = await daemon.get("/api/forum")
        assert (forum["name"], forum["topicCount"], forum["replyCount"], forum["memberCount"]) == (
            "The Potting Shed",
            2,
            1,
            2,
        )
        assert [found["uri"] for found in await scene.topics(daemon)] == [after.uri, before.uri]
        await wait_until(lambda: has_health(daemon, "degraded"))  # only the agent is not there: this daemon reads


async def test_changes_follow(scene: Scene) -> None:
    """Edits show their new text, what is deleted is gone, and an invalid edit is as good as a delete."""
    alice, bob = await scene.member("alice"), await scene.member("bob")
    kept, dropped, spoiled = [await scene.topic(alice, title) for title in ("Kept", "Dropped", "Spoiled")]
    answered = await scene.reply(bob, kept, "First!")
    await scene.reply(bob, kept, "I mean: thank you.")
    joined = await bob.create(MEMBERSHIP, membership(scene.self))
    other = await scene.forum.create(BOARD, board("Empty", scene.category))
    async with scene.daemon() as daemon:
        await scene.wait_equal()
        await alice.put(POST, kept.rkey, topic("Kept", "With a better text.", scene.board, markdown="*better*"))
        await alice.delete(POST, dropped.rkey)
        await alice.put(POST, spoiled.rkey, {"text": "No topic without a board", "createdAt": "yesterday"})
        await bob.delete(POST, answered.rkey)
        await bob.delete(MEMBERSHIP, joined.rkey)
        await scene.forum.delete(BOARD, other.rkey)
        await scene.forum.put(FORUM, "self", named("The Greenhouse"))
        await scene.wait_equal()
        (shown,) = await scene.topics(daemon)
        assert (shown["title"], shown["text"], shown["replyCount"]) == ("Kept", "With a better text.", 1)
        assert (await daemon.get("/api/forum"))["name"] == "The Greenhouse"
        assert [found["name"] for found in (await daemon.get("/api/boards"))["boards"]] == ["Vegetables"]


async def test_strangers_change_nothing(scene: Scene) -> None:
    """Another forum's posts are not ours, and forum records in a member's repository are only a member's claim."""
    stranger = await scene.pds.account("stranger")
    _, _, elsewhere = await found(stranger)
    mallory = await scene.member("mallory")
    honest = await scene.topic(mallory, "A question about slugs")
    await mallory.create(POST, topic("Not here", "A post on another forum's board.", elsewhere))
    await mallory.put(FORUM, "self", named("Mallory's forum"))
    category = await mallory.create(CATEGORY, named("Mallory's corner"))
    forged = await mallory.create(BOARD, board("Mallory's board", category))
    await mallory.create(POST, topic("In my corner", "A post on a forged board.", forged))
    await mallory.create(ROLE, named("Owner", permissions=["*"], priority=0))
    for author in (mallory, stranger):
        await author.create(MOD_ACTION, mod_action("pin", honest, by=author.did))
        await author.create(MOD_ACTION, mod_action("ban", scene.forum.did, by=author.did))
    async with scene.daemon() as daemon:
        await scene.wait_equal()
        (shown,) = await scene.topics(daemon)
        assert (shown["uri"], shown["pinned"]) == (honest.uri, False)
        assert (await daemon.get("/api/forum"))["name"] == "The Potting Shed"
        assert len((await daemon.get("/api/categories"))["categories"]) == 1


async def test_moderation(scene: Scene) -> None:
    """Pin, lock, hide, ban, and their ends, as the forum's repository says."""
    alice, bob = await scene.member("alice"), await scene.member("bob")
    first, second = await scene.topic(alice, "First"), await scene.topic(bob, "Second")
    answer = await scene.reply(bob, first, "Something rude.")

    async def act(action: str, subject: Ref | str) -> None:
        await scene.forum.create(MOD_ACTION, mod_action(action, subject, by=scene.forum.did, reason="For the test"))

    async with scene.daemon() as daemon:

        async def shown() -> list[tuple[object, ...]]:
            await scene.wait_equal()
            topics = await scene.topics(daemon)
            return [(topic["title"], topic["pinned"], topic["locked"], topic["replyCount"]) for topic in topics]

        assert await shown() == [("First", False, False, 1), ("Second", False, False, 0)]
        await act("pin", second)
        await act("lock", first)
        await act("delete", answer)
        await scene.reply(alice, first, "Too late: it is locked.")
        assert await shown() == [("Second", True, False, 0), ("First", False, True, 0)]
        await act("unlock", first)
        await act("ban", bob.did)
        assert await shown() == [("First", False, False, 1)]
        await act("unban", bob.did)
        await act("undelete", answer)
        await act("unpin", second)
        assert await shown() == [("First", False, False, 2), ("Second", False, False, 0)]


async def test_whole_forum_in_one_commit(scene: Scene) -> None:
    """Many changes in few commits: roles, grants and reactions."""
    alice = await scene.member("alice")
    root = await scene.topic(alice, "A long thread")
    role = await scene.forum.create(ROLE, named("Member", permissions=sorted(MEMBER), priority=30))
    await scene.forum.create(GRANT, grant(alice.did, role, by=scene.forum.did))
    keys = [tid_of(1_700_000_000_000_000 + number, 7) for number in range(150)]
    async with scene.daemon() as daemon:
        await alice.apply_writes(
            [Change("create", POST, key, {"$type": POST, **reply(f"No. {key}", root)}) for key in keys]
        )
        half = [Change("delete", POST, key) for key in keys[::2]]
        again = [Change("update", POST, key, {"$type": POST, **reply(f"Edited: {key}", root)}) for key in keys[1::2]]
        liked = Change(
            "create", REACTION, tid_of(1_700_000_001_000_000, 7), {"$type": REACTION, **reaction(root, "🌱")}
        )
        await alice.apply_writes([*half, *again, liked])
        await scene.wait_equal()
        (shown,) = await scene.topics(daemon)
        assert shown["replyCount"] == len(again)
