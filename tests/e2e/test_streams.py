"""The daemon ends equal on every wire: also on both of Jetstream's, here by a stand-in that a real PDS feeds."""

from dataclasses import replace

import pytest

from demo.daemon import wait_until
from demo.xrpc import Account
from tests.e2e.load import under_load
from tests.e2e.scene import Scene, found
from tests.e2e.test_crashes import has_health
from tests.standins.jetstream import NSID, jetstream_of

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.mark.parametrize("path", ["/subscribe", f"/xrpc/{NSID}"])
async def test_jetstream(scene: Scene, path: str) -> None:
    """A forum founded and used while the daemon listens, is killed, and listens again."""
    forum = await scene.pds.account("forum")
    async with jetstream_of(scene.pds.address.url) as jetstream:
        stream = {"FIREHOSE_URL": jetstream.url + path, "FORUM_DID": forum.did}
        async with scene.daemon(**stream) as daemon:
            await wait_until(daemon.follows)
            scene = await refounded(scene, forum)
            async with under_load(scene, seed=2) as load:
                await load.wait_writes(30)
                jetstream.cut()
                await load.wait_writes(30)
                await daemon.kill()
        async with under_load(scene, seed=3) as load, scene.daemon(**stream):
            await load.wait_writes(60)
        async with scene.daemon(**stream) as daemon:
            await scene.wait_equal()
            await wait_until(lambda: has_health(daemon, "degraded"))


async def refounded(scene: Scene, forum: Account) -> Scene:
    """The scene with a forum whose first record is written now."""
    itself, category, board = await found(forum)
    return replace(scene, forum=forum, self=itself, category=category, board=board)
