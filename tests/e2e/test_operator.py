"""An operator's shell beside a daemon that keeps its own PostgreSQL: the commands find that server by themselves."""

import os
import subprocess

import pytest
import trio

from demo.daemon import PROGRAM, running_daemon, settings_for, wait_until
from tests.e2e.scene import Scene
from tests.e2e.test_ending import serves

pytestmark = [pytest.mark.network, pytest.mark.slow]

BACKFILL = "/api/admin/backfill"


async def test_signs_in_and_runs_a_backfill(scene: Scene) -> None:
    """A session for the API, and a backfill watched to its end in both ways."""
    settings = settings_for(scene.network, scene.forum.did, scene.data_dir)
    async with running_daemon(settings) as daemon:
        await wait_until(lambda: serves(daemon))
        token = (await atbb("session", "create", "--did", scene.forum.did, settings=settings)).stdout.decode().strip()
        daemon.http.cookies.set("atbb_session", token)

        async def first_is_completed() -> bool:
            listed = (await daemon.get(BACKFILL))["backfills"]
            return bool(listed) and listed[0]["status"] == "completed"

        await wait_until(first_is_completed)
        done = await atbb("backfill", "--force", "full_sync", "--follow", settings=settings)
        assert done.returncode == 0, done.stderr
        assert " is completed: " in done.stdout.decode().splitlines()[-1]

        started = (await daemon.http.post(f"{daemon.url}{BACKFILL}?force=full_sync")).json()
        events = await daemon.http.get(f"{daemon.url}{BACKFILL}/{started['id']}/events")
        assert events.text.rstrip().split("\n\n")[-1].startswith("event: end\n")
        assert (await daemon.get(f"{BACKFILL}/{started['id']}"))["status"] == "completed"


async def atbb(*words: str, settings: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """A command with the daemon's own settings."""
    with trio.fail_after(60):
        return await trio.run_process(
            [str(PROGRAM), *words],
            env={"PATH": os.environ["PATH"], **settings},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
