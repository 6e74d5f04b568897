"""Sign-ins under way: what we must remember between sending a browser to its account's server and its coming back.

The row is found by the hash of OAuth's `state` and taken away by whoever finds it, so an answer counts once. It belongs
to the browser that began it, told by a cookie: nobody is signed in by an answer to what somebody else began.
"""

from dataclasses import dataclass, field

from forum.database import Connection
from forum.sessions import hashed

LONGEST_STATE = 1000

KEEP = """
WITH swept AS (DELETE FROM sign_ins WHERE expires_at <= now())
INSERT INTO sign_ins (state_hash, browser_hash, sealed, next_path, expires_at)
VALUES ($1, $2, $3, $4, now() + make_interval(mins => $5))
"""
TAKE = """
DELETE FROM sign_ins WHERE state_hash = $1
RETURNING browser_hash, sealed, next_path, expires_at > now() AS is_alive
"""
MINUTES = 10  # to find a password, and a second factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A sign-in that was begun, and where the browser wanted to go."""

    sealed: bytes = field(repr=False)
    next_path: str
    browser_hash: bytes = field(repr=False)

    def is_of(self, browser: str) -> bool:
        """Whether the browser with this cookie began it."""
        return self.browser_hash == hashed(browser)


async def keep(tx: Connection, *, state: str, browser: str, sealed: bytes, next_path: str) -> None:
    """Remember it for ten minutes. Those that were abandoned are removed in passing."""
    await tx.execute(KEEP, hashed(state), hashed(browser), sealed, next_path, MINUTES)


async def take(tx: Connection, state: str) -> Kept | None:
    """What was kept under a state, which is then forgotten; None if nothing was, or for too long."""
    if len(state) > LONGEST_STATE:
        return None
    row = await tx.fetchrow(TAKE, hashed(state))
    if row is None or not row["is_alive"]:
        return None
    return Kept(sealed=row["sealed"], next_path=row["next_path"], browser_hash=row["browser_hash"])
