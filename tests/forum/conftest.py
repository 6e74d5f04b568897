"""An empty index for each test."""

import pytest

from daemon.pool import Pool
from tests.support.forum import Index


@pytest.fixture
async def index(database: Pool) -> Index:
    return Index(database)
