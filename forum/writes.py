"""Writes on their way, by the `Idempotency-Key` their writer's client sent: which record key was chosen, and for what.

Stored before the account's server is asked, so that a double click, or a retry after an answer that was lost, writes
under the same key, and there is one post.
"""

import hashlib

import msgspec

from forum.database import Connection

# In its own statement: within one, a row of this very key could not be taken out and put in.
SWEEP = "DELETE FROM writes WHERE claimed_at < now() - interval '1 day'"
CLAIM = """
INSERT INTO writes AS w (did, key, asked_hash, rkey) VALUES ($1, $2, $3, $4)
    ON CONFLICT (did, key) DO UPDATE SET rkey = w.rkey
RETURNING asked_hash, rkey
"""


class KeyTaken(Exception):
    """The same key came with another request."""


async def claim(tx: Connection, did: str, key: str, asked: object, *, rkey: str) -> str:
    """The record key under which this is to be written: `rkey`, or that of its first try, less than a day ago.

    `asked` is what it is, as a msgspec struct or dataclass. Raises `KeyTaken`.
    """
    await tx.execute(SWEEP)
    said = hashlib.sha256(type(asked).__name__.encode() + msgspec.json.encode(asked)).digest()
    row = await tx.fetchrow(CLAIM, did, key, said, rkey)
    assert row is not None
    if row["asked_hash"] != said:
        raise KeyTaken
    return str(row["rkey"])
