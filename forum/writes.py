"""Writes on their way, by the `Idempotency-Key` their writer's client sent: which record key was chosen, and for what.

Stored before the account's server is asked, so that a double click, or a retry after an answer that was lost, writes
under the same key, and there is one post.
"""

import hashlib

import msgspec

from forum.database import Connection, Row

KNOWN = "SELECT asked_hash, rkey FROM writes WHERE did = $1 AND key = $2 AND claimed_at > now() - interval '1 day'"
# Sweeps in passing, but for this very key: a row cannot be taken out and put in by one statement.
CLAIM = """
WITH swept AS (DELETE FROM writes WHERE claimed_at <= now() - interval '1 day' AND (did, key) <> ($1, $2))
INSERT INTO writes AS w (did, key, asked_hash, rkey) VALUES ($1, $2, $3, $4)
    ON CONFLICT (did, key) DO UPDATE
   SET asked_hash = excluded.asked_hash, rkey = excluded.rkey, claimed_at = excluded.claimed_at
 WHERE w.claimed_at <= now() - interval '1 day'
RETURNING rkey
"""


class KeyTaken(Exception):
    """The same key came with another request."""


async def known_rkey(connection: Connection, did: str, key: str, asked: object) -> str | None:
    """The record key under which this was tried before, less than a day ago. Raises `KeyTaken`."""
    row = await connection.fetchrow(KNOWN, did, key)
    return None if row is None else _same(row, asked)


async def claim(connection: Connection, did: str, key: str, asked: object, *, rkey: str) -> str:
    """The record key under which this is to be written: `rkey`, or another if somebody was first. Raises `KeyTaken`.

    `asked` is what it is, as a msgspec struct or dataclass.
    """
    is_first = await connection.fetchval(CLAIM, did, key, _hashed(asked), rkey) is not None
    return rkey if is_first else await known_rkey(connection, did, key, asked) or rkey


def _same(row: Row, asked: object) -> str:
    if row["asked_hash"] != _hashed(asked):
        raise KeyTaken
    return str(row["rkey"])


def _hashed(asked: object) -> bytes:
    return hashlib.sha256(type(asked).__name__.encode() + msgspec.json.encode(asked)).digest()
