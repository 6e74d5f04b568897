"""Joining by approval, on a real network: members write with their own clients, the forum says who is shown."""

import pytest

from demo.daemon import wait_until
from demo.records import grant, named
from forum.permissions import MEMBER
from forum.records.names import GRANT, ROLE
from tests.e2e.scene import Scene
from tests.support.truth import wait_equal

pytestmark = [pytest.mark.network, pytest.mark.slow]


async def test_shown_when_approved(scene: Scene) -> None:
    """Nothing of a newcomer before, and everything after; other settings count from the next start."""
    alice, bob = await scene.member("alice"), await scene.member("bob")
    role = await scene.forum.create(ROLE, named("Member", permissions=sorted(MEMBER), priority=30))
    first, other = await scene.topic(alice, "May I come in?"), await scene.topic(bob, "Me too")
    async with scene.daemon(DEFAULT_MEMBER_ROLE="") as daemon:
        await wait_equal(scene.index, scene.pds, scene.forum.did, scene.server_dsn, default_role="")
        assert await scene.topics(daemon) == []
        await scene.forum.create(GRANT, grant(alice.did, role, by=scene.forum.did))
        second = await scene.topic(alice, "Thank you")
        await wait_equal(scene.index, scene.pds, scene.forum.did, scene.server_dsn, default_role="")
        assert [one["uri"] for one in await scene.topics(daemon)] == [second.uri, first.uri]
    async with scene.daemon() as daemon:

        async def all_are_shown() -> bool:
            return [one["uri"] for one in await scene.topics(daemon)] == [second.uri, other.uri, first.uri]

        await wait_until(all_are_shown)
