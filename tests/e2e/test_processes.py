"""Several processes on one socket and one database: any of them may end, in whatever way, and the forum is there."""

import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial

import httpx
import pytest
import trio

from demo.daemon import Daemon, wait_until
from tests.e2e.scene import Scene

pytestmark = [pytest.mark.network, pytest.mark.slow]


async def both_are_there(daemon: Daemon) -> bool:
    return len(await processes(daemon)) == 2


async def processes(daemon: Daemon) -> dict[int, list[str]]:
    """The names of each process's actors that run, by its number; the one that leads is the first."""
    found: dict[int, list[str]] = {}
    for actor in (await daemon.get("/api/health"))["actors"]:
        if actor["state"] == "running":
            found.setdefault(actor["process"], []).append(actor["name"])
    return found


async def knows_the_stream(client: httpx.AsyncClient, daemon: Daemon) -> bool:
    """Of a process that is asked again and again, for a database that is slow to answer tells it nothing."""
    health = (await client.get(f"{daemon.url}/api/health")).json()
    return bool(health["services"]["firehose"]["connected"])


def children_of(daemon: Daemon) -> list[int]:
    """Process ids, of the siblings alone: DATABASE_URL is set, so there is no other child."""
    with open(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children") as listed:
        return [int(pid) for pid in listed.read().split()]


def gone(pid: int) -> Callable[[], Awaitable[bool]]:
    async def is_gone() -> bool:
        return not await trio.Path(f"/proc/{pid}").exists()

    return is_gone


async def test_one_leads_and_all_serve(scene: Scene) -> None:
    """The index follows; health says the same whichever is asked; a killed sibling is begun anew; all end together."""
    ann = await scene.member("ann")
    async with scene.processes(2) as daemon:
        await wait_until(lambda: both_are_there(daemon))
        await wait_until(daemon.follows)
        for _ in range(20):
            async with daemon.another() as client:
                await wait_until(partial(knows_the_stream, client, daemon))
        await scene.topic(ann, "One of many")
        await scene.wait_equal()

        [first] = children_of(daemon)
        os.kill(first, signal.SIGKILL)

        async def is_another() -> bool:
            return bool(found := children_of(daemon)) and found != [first]

        await wait_until(is_another)
        await wait_until(lambda: both_are_there(daemon))
        [second] = children_of(daemon)
        assert await daemon.end() == 0
        assert await gone(second)()


async def test_the_first_is_killed(scene: Scene) -> None:
    """Then its sibling ends, too, and leaves the port."""
    async with scene.processes(2) as daemon:
        await wait_until(lambda: both_are_there(daemon))
        [sibling] = children_of(daemon)
        await daemon.kill()
        await wait_until(gone(sibling))


async def test_another_takes_over(scene: Scene) -> None:
    """When the process that leads hangs up on the database, a sibling goes on from where it was."""
    ann = await scene.member("ann")
    async with scene.processes(2) as daemon:
        await wait_until(lambda: both_are_there(daemon))
        await wait_until(daemon.follows)
        epoch = await scene.epoch()
        async with scene.index.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = $1",
                0x61746263,
            )

        await wait_until(lambda: scene.is_led_since(epoch))
        await scene.topic(ann, "Still here")
        await scene.wait_equal()
