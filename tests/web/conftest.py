"""A forum in the database, and a client of the app over it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from actors.health import Board
from daemon.pool import Pool
from tests.web.forum_rows import SITE, Rows, client_of
from web.app import make_app


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
async def rows(database: Pool) -> Rows:
    return Rows(database)


@pytest.fixture
async def client(database: Pool, board: Board) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(database, board, SITE, pool_figures=lambda: database.figures)
    async with client_of(app) as client:
        yield client
