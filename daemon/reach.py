"""The configured database, for a command: DATABASE_URL's, that of the daemon which is running, or one of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.health import Pulse
from daemon.pool import DEFAULT_LIMITS, Limits, Pool, open_pool
from daemon.postgres import open_postgres, running_dsn
from daemon.settings import Settings
from forum.errors import Unavailable


@asynccontextmanager
async def open_database(settings: Settings, *, limits: Limits = DEFAULT_LIMITS) -> AsyncIterator[Pool]:
    """For the time of the block; an embedded server that does not run is started for as long."""
    if dsn := reachable_dsn(settings):
        async with open_pool(dsn, size=1, pulse=Pulse("pool"), limits=limits) as pool:
            yield pool
        return
    async with (
        open_postgres(settings, pulse=Pulse("postgres")) as dsn,
        open_pool(dsn, size=1, pulse=Pulse("pool"), limits=limits) as pool,
    ):
        yield pool


@asynccontextmanager
async def join_database(settings: Settings) -> AsyncIterator[Pool]:
    """As above, for what is of use only beside a running daemon. Raises `Unavailable` when there is none."""
    dsn = reachable_dsn(settings)
    if dsn is None:
        raise Unavailable(f"No daemon is running in {settings.atbb_data_dir}; start it with `atbb serve`.")
    async with open_pool(dsn, size=1, pulse=Pulse("pool")) as pool:
        yield pool


def reachable_dsn(settings: Settings) -> str | None:
    """Where a server is already, as far as we know."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return running_dsn(settings.atbb_data_dir)
