"""Sessions: who is signed in, by the cookie `atbb_session`.

The cookie is a random word of 256 bits and the table holds only its SHA-256, so a stolen copy of the table signs nobody
in. No slow hash and no secret: such a word cannot be guessed, and who can write the table could as well write grants.
"""

import hashlib
import secrets
from datetime import timedelta

from forum.database import Connection

TOKEN_BYTES = 32
LONGEST_TOKEN = 100  # what a client sends need not be what we gave

CREATE = """
WITH swept AS (DELETE FROM sessions WHERE expires_at <= now())
INSERT INTO sessions (token_hash, did, expires_at) VALUES ($1, $2, now() + $3::interval)
"""
# Each use moves the end: a session lives as long after its last use as it was made for. Written once a minute at most.
DID_OF = """
WITH touched AS (
    UPDATE sessions SET expires_at = now() + (expires_at - seen_at), seen_at = now()
     WHERE token_hash = $1 AND expires_at > now() AND seen_at <= now() - interval '1 minute')
SELECT did FROM sessions WHERE token_hash = $1 AND expires_at > now()
"""
END = "DELETE FROM sessions WHERE token_hash = $1"


async def create(tx: Connection, did: str, ttl: timedelta) -> str:
    """Sign an account in; the cookie's value. Those that have expired are removed in passing."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    await tx.execute(CREATE, hashed(token), did, ttl)
    return token


async def did_of(connection: Connection, token: str) -> str | None:
    """The account a cookie stands for; None if it stands for none, or no longer."""
    if len(token) > LONGEST_TOKEN:
        return None
    did: str | None = await connection.fetchval(DID_OF, hashed(token))
    return did


async def end(tx: Connection, token: str) -> None:
    """Sign out."""
    await tx.execute(END, hashed(token))


def hashed(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode(errors="replace")).digest()
