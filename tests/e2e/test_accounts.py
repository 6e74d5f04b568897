"""What becomes of an account becomes of its posts: hidden while it is away, shown when it is back, erased with it."""

import pytest

from demo.daemon import wait_until
from tests.e2e.scene import Scene

pytestmark = [pytest.mark.network, pytest.mark.slow]


async def test_life_of_an_account(scene: Scene) -> None:
    """Deactivated, active again, taken down, restored, deleted; posts and counts follow each time."""
    alice, bob = await scene.member("alice"), await scene.member("bob")
    await scene.topic(alice, "By Alice")
    theirs = await scene.topic(bob, "By Bob")
    await scene.reply(alice, theirs, "An answer by Alice.")
    both, without = {"By Alice": 0, "By Bob": 1}, {"By Bob": 0}
    async with scene.daemon() as daemon:

        async def wait_shown(expected: dict[str, int]) -> None:
            async def shown() -> bool:
                topics = await scene.topics(daemon)
                return {topic["title"]: topic["replyCount"] for topic in topics} == expected

            await wait_until(shown)

        await wait_shown(both)
        await alice.deactivate()
        await wait_shown(without)
        await alice.activate()
        await wait_shown(both)
        await wait_until(lambda: is_mended(scene, alice.did))  # what it did meanwhile was not followed
        await scene.pds.take_down(alice.did)
        await wait_shown(without)
        await scene.pds.take_down(alice.did, applied=False)
        await wait_shown(both)
        await scene.topic(alice, "Back again")
        await wait_shown({**both, "Back again": 0})
        await scene.pds.delete_account(alice.did)
        await wait_shown(without)
        assert await records_left(scene, alice.did) == 0
        assert (await daemon.get("/api/forum"))["memberCount"] == 1


async def test_handle_is_shown(scene: Scene) -> None:
    """The author's handle comes once it is confirmed in both directions, and follows a change."""
    alice = await scene.member("alice")
    await scene.topic(alice, "Who am I?")
    async with scene.daemon() as daemon:

        async def has(handle: str) -> bool:
            topics = await scene.topics(daemon)
            return bool(topics) and topics[0]["author"] == {"did": alice.did, "handle": handle}

        await wait_until(lambda: has(alice.handle))
        renamed = await alice.rename("alicia")
        await wait_until(lambda: has(renamed))


async def is_mended(scene: Scene, did: str) -> bool:
    """Whether the repository was fetched anew since it was last marked stale."""
    async with scene.index.connection() as connection:
        return bool(await connection.fetchval("SELECT stale_since IS NULL FROM repos WHERE did = $1", did))


async def records_left(scene: Scene, did: str) -> int:
    """What the index still holds of an account's content."""
    count = "SELECT (SELECT count(*) FROM ledger WHERE did = $1) + (SELECT count(*) FROM posts WHERE did = $1)"
    async with scene.index.connection() as connection:
        return int(await connection.fetchval(count, did))
