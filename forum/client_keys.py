"""The key by which members' servers know this forum's client (private_key_jwt), kept encrypted; made once.

What servers granted is bound to it, so it is replaced only when it cannot be opened any more.
"""

import structlog

from forum.database import Connection
from forum.protocol.dpop import Key, new_key
from forum.sealing import Seal, Unsealable, opened, sealed

LOCK = "LOCK TABLE client_keys IN SHARE ROW EXCLUSIVE MODE"  # of two processes that start, one makes it
READ = "SELECT sealed FROM client_keys"
KEEP = "INSERT INTO client_keys (sealed) VALUES ($1) ON CONFLICT (single) DO UPDATE SET sealed = excluded.sealed"

log = structlog.get_logger(__name__)


async def client_key(tx: Connection, seal: Seal) -> Key:
    """The private key. It is sealed anew each time, so that a secret that was replaced can be forgotten."""
    await tx.execute(LOCK)
    kept: bytes | None = await tx.fetchval(READ)
    key = (None if kept is None else _opened(seal, kept)) or new_key()
    await tx.execute(KEEP, sealed(seal, key))
    return key


def _opened(seal: Seal, kept: bytes) -> Key | None:
    try:
        return opened(seal, kept, dict[str, str])
    except Unsealable:
        log.warning("client_key_replaced", reason="SESSION_SECRET was changed; members have to sign in again to write")
        return None
