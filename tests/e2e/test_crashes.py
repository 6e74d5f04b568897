"""Whatever dies, and whenever: when all is back, the index equals the repositories, and health told of it meanwhile."""

import os
import random
import signal

import pytest

from actors.health import Pulse
from daemon.pool import open_pool
from demo.daemon import Daemon, running_daemon, wait_until
from tests.e2e.load import under_load
from tests.e2e.scene import Scene

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(3600)]

KILLS = int(os.environ.get("ATBB_KILLS", "5"))
SEED = int(os.environ.get("ATBB_SEED", random.randrange(10**6)))  # printed when it fails


async def test_kill_daemon(scene: Scene) -> None:
    """kill -9 at any point, also while it starts, loses nothing."""
    print(f"ATBB_SEED={SEED}")
    dice = random.Random(SEED)
    async with under_load(scene, seed=SEED) as load:
        for _ in range(KILLS):
            async with scene.daemon() as daemon:
                await load.wait_writes(dice.randrange(1, 60))
                await daemon.kill()
    async with scene.daemon():
        await scene.wait_equal()


async def test_kill_database(scene: Scene) -> None:
    """The embedded PostgreSQL dies and cannot start for a while: the daemon waits, says so, and goes on."""
    settings = scene.settings()
    del settings["DATABASE_URL"]
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
        async with open_pool(embedded_dsn(settings), size=2, pulse=Pulse("index")) as index:
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


def embedded_dsn(settings: dict[str, str]) -> str:
    """The database of the daemon's own: on a socket in its data directory."""
    return f"postgresql://atbb@/postgres?host={settings['ATBB_DATA_DIR']}/postgres"
