"""Clients that are signed in, for tests of what is not for everybody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import trio

from actors.agent import ForumAccount
from actors.health import Board
from forum import sessions
from forum.database import Database
from tests.web.forum_rows import FORUM_DID, SITE, client_of
from web.app import make_app
from web.signed_in import COOKIE


async def session_of(database: Database, did: str) -> str:
    async with database.transaction() as tx:
        return await sessions.create(tx, did, timedelta(days=1))


@asynccontextmanager
async def client_as(
    database: Database,
    did: str = FORUM_DID,
    *,
    account: ForumAccount | None = None,
    stop: trio.Event | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a session of the account; the forum's own may do everything."""
    async with client_of(make_app(database, Board(), SITE, account=account, stop=stop)) as client:
        client.cookies.set(COOKIE, await session_of(database, did))
        yield client
