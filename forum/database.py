"""The narrow door to PostgreSQL that everything uses; `daemon/pool.py` implements it.

Nothing here knows the driver. Queries are named constants of `forum/`, always with `$1` parameters.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from forum.errors import BadInput, Unavailable


class DatabaseAway(Unavailable):
    """No connection could be had, or the one in use was lost; the transaction did not commit as far as we know."""


class RowRefused(BadInput):
    """PostgreSQL refused a value (SQLSTATE class 22 or 23): the batch holds something it cannot store."""


class Row(Protocol):
    """One row of a result: `row["name"]` or `row[0]`."""

    def __getitem__(self, key: str | int) -> Any: ...  # Any: a column's type is the query's affair


class Connection(Protocol):
    """A held connection. Raises `DatabaseAway` when it is lost and `RowRefused` for values that cannot be stored."""

    async def fetch(self, query: str, *args: object) -> Sequence[Row]: ...

    async def fetchrow(self, query: str, *args: object) -> Row | None: ...

    async def fetchval(self, query: str, *args: object) -> Any: ...  # Any: as above

    async def execute(self, query: str, *args: object) -> None: ...


class Database(Protocol):
    """A pool of connections."""

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Hold a connection for a few reads. Raises `DatabaseAway` if none can be had within the pool's deadline."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """Hold a connection inside BEGIN … COMMIT; any exception rolls back."""
        ...

    def listen(self, *channels: str) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Payloads of NOTIFY on the channels, on a connection of its own; ends when that connection dies."""
        ...
