"""Whatever dies, and whenever: when all is back, the index equals the repositories, and health told of it meanwhile."""

import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors.health import Pulse
from daemon.pool import Pool, open_pool
from demo.daemon import Daemon, running_daemon, wait_until
from tests.e2e.load import under_load
from tests.e2e.scene import Scene

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(3600)]

KILLS = int(os.environ.get("ATBB_KILLS", "5"))
SEED = int(os.environ.get("ATBB_SEED", random.randrange(10**6)))  # printed when it fails


async def test_kill_daemon(scene: Scene) -> None:
    """kill -9 at any moment loses nothing, also while it still connects or recovers from the last."""
    print(f"ATBB_SEED={SEED}")
    dice = random.Random(SEED)
    async with under_load(scene, seed=SEED) as load:
        for _ in range(KILLS):
            async with scene.daemon() as daemon:
                await load.wait_writes(dice.randrange(1, 60))
                await daemon.kill()
    async with scene.daemon():
        await scene.wait_equal()


async def test_kill_daemon_with_its_database(scene: Scene) -> None:
    """The embedded PostgreSQL ends with the daemon, whatever ended that, and the next start finds all of it."""
    settings = embedded(scene)
    async with under_load(scene, seed=SEED) as load:
        for _ in range(3):
            async with running_daemon(settings) as daemon:
                await wait_until(lambda: has_health(daemon, "degraded"))
                await load.wait_writes(20)
                await daemon.kill()
    async with running_daemon(settings) as daemon, embedded_index(settings, daemon) as index:
        await scene.wait_equal(index)


async def test_kill_leader(scene: Scene) -> None:
    """Of two daemons on one database one follows the stream; when it dies the other takes over where it was."""
    async with scene.daemon() as leader:
        await wait_until(leader.follows)
        epoch = await scene.epoch()
        async with scene.daemon() as other:
            async with under_load(scene, seed=SEED) as load:
                await load.wait_writes(20)
                assert not await scene.is_led_since(epoch)
                await leader.kill()
                await wait_until(lambda: scene.is_led_since(epoch))
                await wait_until(other.follows)
                await load.wait_writes(20)
            await scene.wait_equal()


async def test_kill_database(scene: Scene) -> None:
    """The embedded PostgreSQL dies and cannot start for a while: the daemon waits, says so, and goes on."""
    settings = embedded(scene)
    cluster = scene.data_dir / "postgres"
    async with running_daemon(settings) as daemon:
        await wait_until(lambda: has_health(daemon, "degraded"))
        async with under_load(scene, seed=SEED) as load:
            await load.wait_writes(20)
            vital = cluster / "global" / "pg_control"
            vital.rename(aside := vital.with_name("aside"))
            os.kill(int((cluster / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            await wait_until(lambda: has_health(daemon, "unhealthy"))
            assert (await daemon.get("/api/health"))["services"]["database"]["status"] == "down"
            assert (await daemon.http.get(f"{daemon.url}/readyz")).status_code == 503
            assert (await daemon.http.get(f"{daemon.url}/api/forum")).status_code == 503
            await load.wait_writes(20)
            aside.rename(vital)
            await wait_until(lambda: has_health(daemon, "degraded"))
            await load.wait_writes(20)
        async with embedded_index(settings, daemon) as index:
            await scene.wait_equal(index)
        assert await daemon.end() == 0


async def test_stop_pds(scene: Scene) -> None:
    """The PDS goes, is missed in health, comes back and is followed from where it was."""
    member = await scene.member("alice")
    async with scene.daemon() as daemon:
        await wait_until(lambda: has_health(daemon, "degraded"))
        for title in ("Before", "Between", "After"):
            await scene.topic(member, title)
            await scene.network.stop_pds()
            try:
                await wait_until(lambda: has_health(daemon, "unhealthy"))
                assert (await daemon.get("/api/health"))["services"]["firehose"]["connected"] is False
            finally:
                await scene.network.start_pds()
        await wait_until(lambda: has_health(daemon, "degraded"))
        await scene.wait_equal()


async def has_health(daemon: Daemon, word: str) -> bool:
    return await daemon.health() == word


def embedded(scene: Scene) -> dict[str, str]:
    """The scene's settings, for a daemon that keeps its own PostgreSQL."""
    settings = scene.settings()
    del settings["DATABASE_URL"]
    return settings


@asynccontextmanager
async def embedded_index(settings: dict[str, str], daemon: Daemon) -> AsyncIterator[Pool]:
    """That PostgreSQL, on its socket in the data directory, as soon as it is ready."""
    await wait_until(lambda: has_health(daemon, "degraded"))
    dsn = f"postgresql://atbb@/postgres?host={settings['ATBB_DATA_DIR']}/postgres"
    async with open_pool(dsn, size=2, pulse=Pulse("index")) as index:
        yield index
