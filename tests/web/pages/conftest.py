"""A small forum to look at: one category, one board, three accounts; and a browser without scripts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import httpx
import pytest

from actors.health import Board
from daemon.pool import Pool
from tests.web.forum_rows import SITE, Rows, client_of
from tests.web.pages.parsed import Parsed, parsed
from web.app import make_app

ANN, BOB, CAT = "did:plc:ann", "did:plc:bob", "did:plc:cat"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Browse(Protocol):
    """Fetch a page and take it apart."""

    def __call__(self, path: str, status: int = 200, **headers: str) -> Awaitable[Parsed]: ...


@pytest.fixture
async def browser(database: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app(database, Board(), SITE)) as client:
        client.headers.update(HTML)
        yield client


@pytest.fixture
def browse(browser: httpx.AsyncClient) -> Callable[..., Awaitable[Parsed]]:
    async def fetch(path: str, status: int = 200, **headers: str) -> Parsed:
        response = await browser.get(path, headers=headers)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        return parsed(response.text)

    return fetch


@pytest.fixture
async def forum(rows: Rows) -> Rows:
    await rows.forum()
    await rows.category(1)
    await rows.board(1)
    await rows.account(ANN, "ann.test")
    await rows.account(BOB, "bob.test")
    await rows.account(CAT)
    return rows
