"""The end of the daemon: orderly at the first signal, at once at the second, and never held up by a client."""

import json
import signal
from functools import partial

import pytest
import trio

from demo.daemon import Daemon, wait_until
from tests.e2e.load import under_load
from tests.e2e.scene import Scene

pytestmark = [pytest.mark.network, pytest.mark.slow]

BOTH = {128 + signal.SIGTERM, 128 + signal.SIGINT}
REQUESTS = 5_000  # whose answers fill every buffer on the way


async def test_stops_under_load_and_continues(scene: Scene) -> None:
    """A signal amid events ends with status 0; the next start goes on where this one stopped."""
    stopped_at = 0
    async with under_load(scene, seed=1) as load:
        for number in (signal.SIGTERM, signal.SIGINT):
            async with scene.daemon() as daemon:
                await wait_until(partial(is_past, scene, stopped_at))
                await load.wait_writes(30)
                assert await daemon.end(number) == 0
                assert stopped_at in connected_at(daemon)
            stopped_at = await stored_cursor(scene)
    async with scene.daemon() as daemon:
        await scene.wait_equal()
        await wait_until(lambda: has_connected(daemon, stopped_at))


async def test_second_signal_ends_at_once(scene: Scene) -> None:
    """Two signals that arrive together: the second is not put off until the orderly end."""
    async with scene.daemon() as daemon:
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            daemon.process.send_signal(number)
        assert await daemon.process.wait() in BOTH


async def test_reader_that_stalls(scene: Scene) -> None:
    """A client that asks and asks and never reads does not keep the daemon from its orderly end."""
    async with scene.daemon() as daemon:
        await wait_until(lambda: serves(daemon))
        host, port = daemon.url.removeprefix("http://").split(":")
        async with await trio.open_tcp_stream(host, int(port)) as client:
            with trio.move_on_after(1):  # by then both sides are full
                await client.send_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * REQUESTS)
            assert await daemon.end() == 0


async def serves(daemon: Daemon) -> bool:
    return (await daemon.http.get(f"{daemon.url}/readyz")).status_code == 200


async def stored_cursor(scene: Scene) -> int:
    async with scene.index.connection() as connection:
        return int(await connection.fetchval("SELECT cursor FROM stream") or 0)


async def is_past(scene: Scene, cursor: int) -> bool:
    return await stored_cursor(scene) > cursor


async def has_connected(daemon: Daemon, cursor: int) -> bool:
    return cursor in connected_at(daemon)


def connected_at(daemon: Daemon) -> list[int]:
    """The places in the stream it asked for, by its log."""
    lines = [json.loads(line) for line in daemon.log]
    return [line["cursor"] for line in lines if line["event"] == "stream_connected"]
