"""A forum in the database, and a client of the app over it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from actors.agent import AgentState, ForumAccount, Session
from actors.health import Board
from actors.pds_client import PdsClient
from daemon.pool import Pool
from tests.standins.account_server import HANDLE, PASSWORD, AccountServer
from tests.web.forum_rows import FORUM_DID, SITE, Rows, client_of
from web.app import make_app


@pytest.fixture
def board() -> Board:
    return Board("here")


@pytest.fixture
async def rows(database: Pool) -> Rows:
    return Rows(database)


@pytest.fixture
async def client(database: Pool, board: Board) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(database, board, SITE, pool_figures=lambda: database.figures)
    async with client_of(app) as client:
        yield client


@pytest.fixture
def server() -> AccountServer:
    """Where the forum's account lives."""
    return AccountServer(did=FORUM_DID)


@pytest.fixture
async def account(server: AccountServer) -> ForumAccount:
    """The forum's account, signed in there."""
    pds = PdsClient(server.client(), "https://pds.example.org")
    session = Session(pds, await pds.create_session(HANDLE, PASSWORD))
    return ForumAccount(AgentState(status="authenticated"), session)
