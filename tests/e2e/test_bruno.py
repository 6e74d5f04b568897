"""The Bruno collection, run by the stock client against a daemon on a real network."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import trio

from demo.daemon import PROGRAM, Daemon, wait_until
from demo.network import node
from demo.records import named
from forum import jobs
from forum.permissions import CREATE_POSTS, CREATE_TOPICS
from forum.records.names import ROLE
from tests.e2e.scene import Scene

pytestmark = [pytest.mark.network, pytest.mark.slow]

COLLECTION = Path(__file__).parents[2] / "bruno"
BRU = COLLECTION / "node_modules" / "@usebruno" / "cli" / "bin" / "bru.js"
SEED = "Backfill/Trigger Backfill.bru"


async def test_the_collection_passes(scene: Scene, tmp_path: Path) -> None:
    """Every request and every assertion; the user's own file among them, alone too."""
    member = await scene.member("alice")
    await scene.reply(member, await scene.topic(member, "Tomatoes"), "Plenty of them.")
    await scene.forum.create(ROLE, named("Member", permissions=[CREATE_TOPICS, CREATE_POSTS], priority=30))
    async with scene.daemon(FORUM_PASSWORD=scene.forum.password) as daemon:
        await wait_for_first_backfill(scene)
        await scene.wait_equal()
        await run(daemon, scene, tmp_path, SEED)
        results = await run(daemon, scene, tmp_path)
    assert len(results) > 1


async def wait_for_first_backfill(scene: Scene) -> None:
    """An index that begins asks for a full_sync by itself, beside which no other can be started."""

    async def done() -> bool:
        async with scene.index.connection() as connection:
            history = await jobs.history(connection, limit=1)
            return bool(history) and history[0].status == "completed"

    await wait_until(done)


async def run(daemon: Daemon, scene: Scene, directory: Path, *words: str) -> list[dict[str, Any]]:  # Any: JSON
    """Run requests as the forum's own account; their results, all of which passed."""
    report = directory / "report.json"
    options = ["--env", "local", "--env-var", f"appview_url={daemon.url}", "--reporter-json", str(report)]
    env = {"PATH": os.environ["PATH"], "HOME": str(directory), "ATBB_SESSION": await session(scene)}
    with trio.fail_after(120):
        done = await trio.run_process(
            [str(node()), str(BRU), "run", *words, *options],
            cwd=COLLECTION,
            env=env,
            capture_stdout=True,
            stderr=-2,
            check=False,
        )
    assert done.returncode == 0, done.stdout.decode()
    results: list[dict[str, Any]] = json.loads(await trio.Path(report).read_text())[0]["results"]
    assert all(found["status"] == "pass" for result in results for found in result["assertionResults"])
    return results


async def session(scene: Scene) -> str:
    """What the operator's shell gives for the forum's account."""
    done = await trio.run_process(
        [str(PROGRAM), "session", "create", "--did", scene.forum.did],
        env={"PATH": os.environ["PATH"], **scene.settings()},
        capture_stdout=True,
    )
    return done.stdout.decode().strip()
