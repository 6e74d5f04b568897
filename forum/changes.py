"""What a transaction changed, for caches and open pages: told by NOTIFY when it commits, never before.

A payload names at most 100 keys and fits PostgreSQL's 8,000 bytes; more than that is told as "all".
"""

from dataclasses import dataclass

import msgspec

from forum.database import Connection

CHANNEL = "atbb_changes"
MAX_KEYS = 100
MAX_BYTES = 7_900

NOTIFY = "SELECT pg_notify($1, $2)"


@dataclass(frozen=True, slots=True)
class Changes:
    """URIs of forum, boards and topics whose pages may look different now, DIDs to be looked at, jobs asked for, and
    whether something was decided that ends by itself.
    """

    uris: frozenset[str] = frozenset()
    dids: frozenset[str] = frozenset()
    jobs: bool = False
    all: bool = False
    ends: bool = False

    def __or__(self, other: "Changes") -> "Changes":
        return Changes(
            uris=self.uris | other.uris,
            dids=self.dids | other.dids,
            jobs=self.jobs or other.jobs,
            all=self.all or other.all,
            ends=self.ends or other.ends,
        )

    def __bool__(self) -> bool:
        return bool(self.uris or self.dids or self.jobs or self.all or self.ends)


def dump(changes: Changes) -> str:
    """The payload of a NOTIFY."""
    keys = len(changes.uris) + len(changes.dids)
    if not changes.all and keys <= MAX_KEYS:
        told = {
            "uris": sorted(changes.uris),
            "dids": sorted(changes.dids),
            "jobs": ["asked"] if changes.jobs else [],
            "ends": ["set"] if changes.ends else [],
        }
        payload = msgspec.json.encode(told)
        if len(payload) <= MAX_BYTES:
            return payload.decode()
    return "all"


def load(payload: str) -> Changes:
    """The changes a payload tells of; whatever cannot be read counts as "all"."""
    try:
        told = msgspec.json.decode(payload, type=dict[str, list[str]])
    except msgspec.DecodeError:
        return Changes(all=True)
    return Changes(
        uris=frozenset(told.get("uris", ())),
        dids=frozenset(told.get("dids", ())),
        jobs=bool(told.get("jobs")),
        ends=bool(told.get("ends")),
    )


async def notify(tx: Connection, changes: Changes) -> None:
    """Tell all processes when the transaction commits; nothing is sent when nothing changed."""
    if changes:
        await tx.execute(NOTIFY, CHANNEL, dump(changes))
