"""An empty index for each test, and a leader's first epoch."""

import pytest

from actors.health import Pulse
from daemon.pool import Pool
from tests.support.forum import Index


@pytest.fixture
async def index(database: Pool) -> Index:
    return Index(database)


@pytest.fixture
def pulse() -> Pulse:
    return Pulse("actor")
