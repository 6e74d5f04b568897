"""Fresh accounts on the real network for each test, and a forum among them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from actors.health import Pulse
from daemon.pool import open_pool
from demo.network import Network
from demo.xrpc import Pds, client_of
from tests.conftest import fresh_dsn
from tests.e2e.scene import Scene, found


@pytest.fixture
async def pds(network: Network) -> AsyncIterator[Pds]:
    """The PDS, by XRPC."""
    async with client_of(network.pds) as pds:
        yield pds


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory; not pytest's, which the account of PostgreSQL could not enter when we are root."""
    with TemporaryDirectory(prefix="atbb-e2e-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
async def scene(network: Network, pds: Pds, postgres_dsn: str, data_dir: Path) -> AsyncIterator[Scene]:
    """A forum with one board, and a database for the daemon that follows it."""
    forum = await pds.account("forum")
    itself, category, board = await found(forum)
    async with fresh_dsn(postgres_dsn) as dsn, open_pool(dsn, size=2, pulse=Pulse("index")) as index:
        yield Scene(
            network=network,
            pds=pds,
            forum=forum,
            self=itself,
            category=category,
            board=board,
            server_dsn=postgres_dsn,
            dsn=dsn,
            index=index,
            data_dir=data_dir,
        )
