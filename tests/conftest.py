"""Fixtures shared by all tests: per worker a throw-away PostgreSQL and a real network, per test a fresh database.

The server is the daemon's own embedded one, without the safety of fsync, and in memory where there is room. A database
is a copy of a template that has the schema: of its files, for which a server without fsync takes half as long. Inside
Hypothesis tests use `fresh_database` itself: a fixture would be closed after the first example.
"""

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trio
from hypothesis import settings

from actors.health import Pulse
from daemon.pool import Limits, Pool, open_pool
from daemon.postgres import SERVER_SETTINGS, prepared, spawn, stop, wait_ready
from daemon.schema import apply_schema
from demo.network import Network, running_network

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

FAST = {**SERVER_SETTINGS, "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
TEMPLATE = "atbb_template"
# Nor is how long the database takes any matter, where a test does not say so.
PATIENT = Limits(acquire_seconds=120, connect_seconds=120, command_seconds=120, settle_seconds=30)
MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A server for this worker; its database `atbb_template` has the schema and nothing else."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    with tempfile.TemporaryDirectory(prefix="atbb-test-", dir=MEMORY if has_room else None) as made:
        Path(made).chmod(0o711)  # the account of PostgreSQL must get through
        with prepared(Path(made), FAST) as server:
            process = spawn(server)
            try:
                trio.run(wait_ready, server, process)
                trio.run(make_template, server.dsn)
                yield server.dsn
            finally:
                trio.run(stop, process)


@pytest.fixture(scope="session")
def whole_network() -> Iterator[Network]:
    """A PLC directory, and room for PDSes, for this worker."""
    with running_network() as network:
        yield network


@pytest.fixture
async def network(whole_network: Network) -> AsyncIterator[Network]:
    """The network with a PDS of this test's own: it knows nobody, so a full_sync visits only whom the test made."""
    async with whole_network.with_new_pds() as network:
        yield network


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Pool]:
    """An open pool on a database of this test's own."""
    async with fresh_database(postgres_dsn) as pool:
        yield pool


@asynccontextmanager
async def fresh_database(postgres_dsn: str, *, size: int = 4, limits: Limits = PATIENT) -> AsyncIterator[Pool]:
    """A pool on a new database with the schema; for use inside a test."""
    async with fresh_dsn(postgres_dsn) as dsn, open_pool(dsn, size=size, pulse=Pulse("pool"), limits=limits) as pool:
        yield pool


@asynccontextmanager
async def fresh_dsn(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of a new database with the schema, for whatever opens its own pool."""
    name = f"test_{secrets.token_hex(8)}"
    await administer(postgres_dsn, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    try:
        yield with_name(postgres_dsn, name)
    finally:
        with trio.CancelScope(shield=True):
            await administer(postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


def with_name(dsn: str, name: str) -> str:
    """The same server, another database."""
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


async def administer(dsn: str, statement: str) -> None:
    """One statement in the server's maintenance database."""
    async with (
        open_pool(dsn, size=1, pulse=Pulse("admin"), limits=PATIENT) as pool,
        pool.connection() as connection,
    ):
        await connection.execute(statement)


async def make_template(dsn: str) -> None:
    """The database every test's own is copied from."""
    await administer(dsn, f"CREATE DATABASE {TEMPLATE}")
    async with open_pool(with_name(dsn, TEMPLATE), size=1, pulse=Pulse("template"), limits=PATIENT) as pool:
        await apply_schema(pool)
