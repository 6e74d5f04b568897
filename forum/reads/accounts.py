"""Authors as pages show them.

Every read that shows a post asks the author's account too, so a ban, a takedown or a right that is taken hides at once;
`posts.shown`, and with it the counts, may follow within seconds.
"""

from dataclasses import dataclass

from forum.database import Connection, Row

HANDLE = "SELECT shown_handle FROM accounts WHERE did = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    did: str
    handle: str | None  # `handle.invalid`: not confirmed in both directions; None: never asked about


async def handle_of(connection: Connection, did: str) -> str | None:
    """An account's handle as people see it; None while it was never asked about."""
    handle: str | None = await connection.fetchval(HANDLE, did)
    return handle


def author_of(row: Row) -> Author | None:
    """The author from the columns `author` and `handle`; None if we hold no account of that DID."""
    return None if row["author"] is None else Author(did=row["author"], handle=row["handle"])
