"""Sessions: who is signed in, by the cookie `atbb_session`.

The cookie is a random word of 256 bits and the table holds only its SHA-256, so a stolen copy of the table signs nobody
in. No slow hash and no secret: such a word cannot be guessed, and who can write the table could as well write grants.
What the account's own server gave us for the session stands beside it, encrypted.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from forum.database import Connection, Row

TOKEN_BYTES = 32
LONGEST_TOKEN = 100  # what a client sends need not be what we gave
LONGEST_USER_AGENT = 300

CREATE = """
WITH swept AS (DELETE FROM sessions WHERE expires_at <= now())
INSERT INTO sessions (token_hash, did, expires_at, grant_sealed, user_agent)
VALUES ($1, $2, now() + $3::interval, $4, $5)
"""
# Each use moves the end: a session lives as long after its last use as it was made for. Written once a minute at
# most, and not while its grant is being renewed: nobody need wait for that to read.
TOUCHING = """
WITH touched AS (
    UPDATE sessions SET expires_at = now() + (expires_at - seen_at), seen_at = now()
     WHERE token_hash IN (SELECT token_hash FROM sessions
                           WHERE token_hash = $1 AND expires_at > now() AND seen_at <= now() - interval '1 minute'
                             FOR UPDATE SKIP LOCKED))"""
_DID_OF = "{touching} SELECT did FROM sessions WHERE token_hash = $1 AND expires_at > now()"
DID_OF = _DID_OF.format(touching=TOUCHING)
SESSIONS_OF = """
SELECT id, did, created_at, seen_at, user_agent, token_hash FROM sessions
 WHERE did = $1 AND expires_at > now() ORDER BY seen_at DESC, id DESC
"""
GRANT_OF = "SELECT grant_sealed FROM sessions WHERE token_hash = $1 AND expires_at > now()"
LOCK_GRANT = f"{GRANT_OF} FOR UPDATE"
KEEP_GRANT = "UPDATE sessions SET grant_sealed = $2 WHERE token_hash = $1"
END = "DELETE FROM sessions WHERE token_hash = $1 RETURNING token_hash, grant_sealed"
END_OTHERS = "DELETE FROM sessions WHERE did = $1 AND token_hash <> $2 RETURNING token_hash, grant_sealed"
END_BY_ID = "DELETE FROM sessions WHERE did = $1 AND id = $2 RETURNING token_hash, grant_sealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One of an account's sessions, as its owner sees it."""

    id: int
    created_at: datetime
    seen_at: datetime
    user_agent: str | None
    token_hash: bytes = field(repr=False)

    def is_of(self, token: str) -> bool:
        """Whether it is the session of this cookie."""
        return self.token_hash == hashed(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What is left of a session that is no more: the grant, to be revoked, where it had one."""

    token_hash: bytes = field(repr=False)
    grant_sealed: bytes | None = field(repr=False)

    def was_of(self, token: str) -> bool:
        """Whether it was the session of this cookie."""
        return self.token_hash == hashed(token)


async def create(
    tx: Connection, did: str, ttl: timedelta, *, grant_sealed: bytes | None = None, user_agent: str | None = None
) -> str:
    """Sign an account in; the cookie's value. Those that have expired are removed in passing."""
    token = new_token()
    said = None if user_agent is None else user_agent.replace("\0", "")[:LONGEST_USER_AGENT]
    await tx.execute(CREATE, hashed(token), did, ttl, grant_sealed, said)
    return token


async def did_of(connection: Connection, token: str) -> str | None:
    """The account a cookie stands for; None if it stands for none, or no longer."""
    did: str | None = await connection.fetchval(DID_OF, hashed(token))
    return did


async def grant_of(connection: Connection, token: str, *, lock: bool = False) -> bytes | None:
    """What the session's account has granted us, sealed; empty when that is over, None if there is none.

    `lock`: nobody else renews it until the transaction ends.
    """
    sealed: bytes | None = await connection.fetchval(LOCK_GRANT if lock else GRANT_OF, hashed(token))
    return sealed


async def keep_grant(tx: Connection, token: str, grant_sealed: bytes) -> None:
    """Store what a grant has become."""
    await tx.execute(KEEP_GRANT, hashed(token), grant_sealed)


async def sessions_of(connection: Connection, did: str) -> tuple[Session, ...]:
    """An account's sessions, the one used last first."""
    return tuple(_session(row) for row in await connection.fetch(SESSIONS_OF, did))


async def end(tx: Connection, token: str) -> Ended | None:
    """Sign out; None if there is no such session."""
    return _ended(await tx.fetchrow(END, hashed(token)))


async def end_by_id(tx: Connection, did: str, session_id: int) -> Ended | None:
    """End a session of this account; None if it has no such one."""
    return _ended(await tx.fetchrow(END_BY_ID, did, session_id))


async def end_others(tx: Connection, did: str, token: str) -> tuple[Ended, ...]:
    """End all of this account's sessions but that of the cookie."""
    return tuple(map(_read_ended, await tx.fetch(END_OTHERS, did, hashed(token))))


def new_token() -> str:
    """A word that nobody guesses, as cookies hold it."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hashed(token: str) -> bytes:
    """What is stored of a token; a client may send one of any length."""
    return hashlib.sha256(token[:LONGEST_TOKEN].encode(errors="replace")).digest()


def _session(row: Row) -> Session:
    return Session(
        id=row["id"],
        created_at=row["created_at"],
        seen_at=row["seen_at"],
        user_agent=row["user_agent"],
        token_hash=row["token_hash"],
    )


def _ended(row: Row | None) -> Ended | None:
    return None if row is None else _read_ended(row)


def _read_ended(row: Row) -> Ended:
    return Ended(token_hash=row["token_hash"], grant_sealed=row["grant_sealed"])
