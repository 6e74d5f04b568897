"""Watching the actors while real things go wrong with them: each is said, with what to do, until it is over."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import trio
from playwright.sync_api import Browser, Page, expect

from actors.health import Pulse
from daemon.pool import Pool, open_pool
from demo.daemon import running_daemon, wait_until
from demo.xrpc import client_of
from forum import jobs, sessions
from tests.browser.chromium import Chromium, visitor
from tests.browser.looking import barriers
from tests.e2e.scene import Scene
from tests.e2e.test_crashes import has_health
from web.signed_in import COOKIE

pytestmark = [pytest.mark.network, pytest.mark.slow]

AWAY, CRASHED = "The database does not answer.", "identity has crashed"
STREAM_AWAY, PARKED = "The stream is not connected.", "left alone for now"


@asynccontextmanager
async def own_database(scene: Scene) -> AsyncIterator[Pool]:
    """The daemon's, which is its child."""
    dsn = f"postgresql://atbb@/postgres?host={scene.data_dir}/postgres"
    async with open_pool(dsn, size=1, pulse=Pulse("index")) as index:
        yield index


async def test_troubles_come_and_go(scene: Scene, chromium: Chromium) -> None:
    """A stopped database, a crashing actor, a server that is away, a stream that is: on one page that stays open."""
    settings = {**scene.settings(), "FORUM_HANDLE": scene.forum.handle, "FORUM_PASSWORD": scene.forum.password}
    del settings["DATABASE_URL"]
    cluster = scene.data_dir / "postgres"

    async def kill_database() -> None:
        vital = cluster / "global" / "pg_control"
        vital.rename(vital.with_name("aside"))
        os.kill(int((cluster / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    async def mend_database() -> None:
        (cluster / "global" / "aside").rename(cluster / "global" / "pg_control")

    async def do(statement: str) -> None:
        async with own_database(scene) as index, index.connection() as connection:
            await connection.execute(statement)

    def meanwhile(act: Callable[..., Awaitable[None]], *args: str) -> None:
        trio.from_thread.run(act, *args, trio_token=token)

    def walk(browser: Browser) -> None:
        with visitor(browser, daemon.url, viewport={"width": 360, "height": 800}) as owner:
            owner.plant(COOKIE, session, daemon.url)
            page = owner.page
            page.goto("/admin/actors")
            expect(page.get_by_text("All is well.")).to_be_visible()
            assert barriers(page) == []

            see(page, STREAM_AWAY, lambda: meanwhile(scene.network.stop_pds))
            assert barriers(page) == []  # this can take as long as it likes: an actor must not crash all the time
            unsee(page, STREAM_AWAY, lambda: meanwhile(scene.network.start_pds))

            meanwhile(do, "ALTER TABLE former_handles RENAME TO hidden")
            meanwhile(do, "ALTER TABLE accounts RENAME COLUMN refresh_failures TO failures")
            see(page, CRASHED, lambda: meanwhile(do, "NOTIFY atbb_changes, 'all'"))
            meanwhile(do, "ALTER TABLE accounts RENAME COLUMN failures TO refresh_failures")
            unsee(page, CRASHED, lambda: meanwhile(do, "ALTER TABLE hidden RENAME TO former_handles"))
            expect(page.get_by_text("restarted").first).to_be_visible()

            see(page, AWAY, lambda: meanwhile(kill_database))
            unsee(page, AWAY, lambda: meanwhile(mend_database))
            expect(page.get_by_text("All is well.")).to_be_visible()

    token = trio.lowlevel.current_trio_token()
    async with running_daemon(settings) as daemon:
        await wait_until(lambda: has_health(daemon, "healthy"))
        async with own_database(scene) as index, index.transaction() as tx:
            session = await sessions.create(tx, scene.forum.did, timedelta(days=1))
        await chromium.run(walk)


def see(page: Page, sentence: str, act: Callable[[], None]) -> None:
    """After it was done the page says so, without being loaded again."""
    act()
    page.locator(".troubles").get_by_text(sentence).wait_for()


def unsee(page: Page, sentence: str, act: Callable[[], None]) -> None:
    act()
    page.locator(".troubles").get_by_text(sentence).wait_for(state="detached")


async def test_a_server_is_left_alone(scene: Scene, chromium: Chromium) -> None:
    """While a backfill waits for it, and the others are visited; when it is there again the page says no more of it."""
    token = trio.lowlevel.current_trio_token()
    async with scene.network.with_new_pds() as other, client_of(other.pds) as elsewhere:
        lost = [(await elsewhere.account("lost")).did for _ in range(6)]
        async with running_daemon(scene.settings(BACKFILL_DIDS=",".join(lost))) as daemon:

            async def all_are_visited() -> bool:
                async with scene.index.connection() as connection:
                    return bool(await connection.fetchval("SELECT bool_and(status = 'completed') FROM backfills"))

            async def lose() -> None:
                await other.stop_pds()
                async with scene.index.transaction() as tx:
                    await jobs.start(tx, "full_sync")

            def walk(browser: Browser) -> None:
                with visitor(browser, daemon.url) as owner:
                    owner.plant(COOKIE, session, daemon.url)
                    owner.page.goto("/admin/actors")  # before, for that server is given up some seconds later
                    trio.from_thread.run(lose, trio_token=token)
                    owner.page.locator(".troubles li", has_text=PARKED).filter(has_text=other.pds.url).wait_for()
                    unsee(owner.page, PARKED, lambda: trio.from_thread.run(other.start_pds, trio_token=token))

            await wait_until(all_are_visited)
            async with scene.index.transaction() as tx:
                session = await sessions.create(tx, scene.forum.did, timedelta(days=1))
            await chromium.run(walk)
            await wait_until(all_are_visited)
