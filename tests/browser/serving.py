"""The forum on a port of this machine, in the test's own loop: the app itself, over a database the test has filled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from actors.agent import ForumAccount
from actors.health import Board, Pulse
from actors.server import listen, port_of, run_server
from forum.database import Database
from tests.web.forum_rows import FORUM_DID
from web.app import make_app
from web.door import CLOSED, Closed, Door
from web.live import Live
from web.site import Site

GRACE_SECONDS = 1  # for connections that a browser keeps open


@asynccontextmanager
async def serving(
    database: Database,
    *,
    live: Live | None = None,
    door: Door | Closed = CLOSED,
    account: ForumAccount | None = None,
) -> AsyncIterator[str]:
    """Its address. Whoever gives open pages tells them of changes."""
    stop = trio.Event()
    async with await listen(0) as listener, trio.open_nursery() as nursery:
        url = f"http://127.0.0.1:{port_of(listener)}"
        site = Site(forum_did=FORUM_DID, public_origin=url)
        app = make_app(database, Board(), site, account=account, door=door, stop=stop, live=live)
        pulse = Pulse("server")
        await nursery.start(partial(run_server, app, listener, stop=stop, pulse=pulse, grace_seconds=GRACE_SECONDS))
        yield url
        stop.set()
