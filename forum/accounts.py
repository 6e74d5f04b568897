"""Accounts: who to ask about next, and what the answer changes. The queue is a column, so a crash forgets nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from forum import ledger, visibility
from forum.changes import Changes
from forum.database import Connection
from forum.index import INSERT_ACCOUNTS

Status = Literal["active", "deactivated", "suspended", "takendown", "deleted"]

KNOWN = "SELECT did FROM accounts"
ASK_AGAIN = "UPDATE accounts SET refresh_at = now(), refresh_failures = 0 WHERE did = ANY ($1::text[])"
# Spread over the time it takes to ask them all, twenty a second.
ASK_EVERYONE = """
UPDATE accounts SET refresh_at = least(refresh_at, now() + random() * make_interval(secs => n.count * 0.05))
  FROM (SELECT count(*) FROM accounts WHERE status <> 'deleted') AS n
 WHERE status <> 'deleted'
"""
PDS_ORIGINS = "SELECT DISTINCT pds FROM accounts WHERE pds IS NOT NULL"
KEY_OF = "SELECT signing_key FROM accounts WHERE did = $1"
DUE = "SELECT did, refresh_failures FROM accounts WHERE refresh_at <= now() ORDER BY refresh_at LIMIT $1"
BEFORE_ASKING = "SELECT now() AS at, (SELECT handle FROM accounts WHERE did = $1) AS handle"
NEXT_DUE = "SELECT extract(epoch FROM min(refresh_at) - now())::float8 FROM accounts"
READ = "SELECT pds, status, shown_handle FROM accounts WHERE did = $1 FOR UPDATE"
# A refresh asked for while we were asking (refresh_at moved) stays asked for.
STORE = """
UPDATE accounts
   SET handle = $2, pds = $3, signing_key = $4, resolved_at = now(), refresh_failures = 0, status = $5,
       refresh_at = CASE WHEN refresh_at > $6 THEN refresh_at ELSE now() + make_interval(secs => $7) END
 WHERE did = $1
RETURNING shown_handle
"""
POSTPONE = """
UPDATE accounts SET refresh_failures = refresh_failures + 1, refresh_at = now() + make_interval(secs => $2)
 WHERE did = $1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An account to be asked about, and how often that failed in a row."""

    did: str
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a DID document and its PDS say of an account. `handle` is None unless confirmed in both directions."""

    did: str
    handle: str | None
    pds: str | None
    signing_key: str | None
    status: Status


async def known_dids(connection: Connection) -> set[str]:
    """Everyone we ever indexed something of: whose identity and account events concern us."""
    return {row["did"] for row in await connection.fetch(KNOWN)}


async def key_of(connection: Connection, did: str) -> str | None:
    """The signing key as it was when the account was last asked about."""
    key: str | None = await connection.fetchval(KEY_OF, did)
    return key


async def meet(tx: Connection, did: str) -> None:
    """Know an account from now on, whether it has written anything or not. The caller holds the ledger's lock."""
    await tx.execute(INSERT_ACCOUNTS, [did])


async def ask_again(tx: Connection, dids: Sequence[str]) -> None:
    """Queue a refresh; of unknown accounts nothing is asked."""
    if dids:
        await tx.execute(ASK_AGAIN, list(dids))


async def ask_everyone(tx: Connection) -> None:
    """Queue a refresh of all accounts: we were away, and what was said of them is lost."""
    await tx.execute(ASK_EVERYONE)


async def pds_origins(connection: Connection) -> list[str]:
    """Every server on which an account we know lives."""
    return [row["pds"] for row in await connection.fetch(PDS_ORIGINS)]


async def due(connection: Connection, limit: int) -> list[Due]:
    """The accounts whose turn it is, longest waiting first."""
    return [Due(did=row["did"], failures=row["refresh_failures"]) for row in await connection.fetch(DUE, limit)]


async def seconds_to_next(connection: Connection) -> float | None:
    """How long until the next account is due; None when none ever is."""
    seconds: float | None = await connection.fetchval(NEXT_DUE)
    return seconds


async def before_asking(connection: Connection, did: str) -> tuple[datetime, str | None]:
    """The database's time, and the handle we believe an account to have."""
    row = await connection.fetchrow(BEFORE_ASKING, did)
    assert row is not None
    return row["at"], row["handle"]


async def store(tx: Connection, identity: Identity, *, asked_at: datetime, again_in_seconds: float) -> Changes:
    """Keep an answer, and do what a changed status or PDS asks for: hide, show, erase, mark stale.

    `asked_at` is the database's time before the asking began. The caller holds the ledger's lock.
    """
    before = await tx.fetchrow(READ, identity.did)
    if before is None:
        return Changes()
    shown_handle = await tx.fetchval(
        STORE,
        identity.did,
        identity.handle,
        identity.pds,
        identity.signing_key,
        identity.status,
        asked_at,
        again_in_seconds,
    )
    changes = Changes()
    if identity.status == "deleted" and before["status"] != "deleted":
        await ledger.erase(tx, identity.did)
        changes |= Changes(all=True)
    if (identity.status == "active") != (before["status"] == "active"):
        changes |= await visibility.show_authors(tx, [identity.did])
    if identity.status == "active":
        await _mark_if_moved(tx, identity, was_active=before["status"] == "active", old_pds=before["pds"])
    if shown_handle != before["shown_handle"]:
        changes |= Changes(dids=frozenset((identity.did,)))
    return changes


async def _mark_if_moved(tx: Connection, identity: Identity, *, was_active: bool, old_pds: str | None) -> None:
    if not was_active:
        await ledger.mark_stale(tx, {identity.did: "active_again"})
    elif old_pds is not None and identity.pds != old_pds:
        await ledger.mark_stale(tx, {identity.did: "moved"})


async def postpone(tx: Connection, did: str, *, seconds: float) -> None:
    """The asking failed: once more, later."""
    await tx.execute(POSTPONE, did, seconds)
