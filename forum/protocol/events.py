"""What a stream says, whatever its wire: the one vocabulary between sources, firehose and applier.

msgspec structs rather than dataclasses: they are made ten thousand times a second. All are immutable.
"""

from collections.abc import Mapping
from typing import Any

import msgspec


class RecordOp(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record created, changed or gone, at the revision of its commit.

    `cid` and `record` are None for a delete. `why` names what a check of ours refused: such an operation has the
    effect of a delete at its rev, with the reason kept. `record` is the JSON data model, validated when `why` is None.
    """

    did: str
    collection: str
    rkey: str
    rev: str
    cid: str | None = None
    record: Mapping[str, Any] | None = None  # Any: a record is whatever its author wrote
    why: str | None = None

    @property
    def uri(self) -> str:
        return f"at://{self.did}/{self.collection}/{self.rkey}"


class CommitSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A commit, or one operation of one (Jetstream sends an event per operation).

    `since` and `verified` are known on the raw stream only, where every commit of a repository is seen.
    """

    cursor: int
    at: int  # microseconds since 1970, the stream's own clock
    did: str
    rev: str
    ops: tuple[RecordOp, ...]
    since: str | None = None
    verified: bool = False


class IdentitySeen(msgspec.Struct, frozen=True, kw_only=True):
    """A handle, key or PDS of the account may have changed: ask again."""

    cursor: int
    at: int
    did: str


class AccountSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The hosting status may have changed; only a hint, so the PDS is asked."""

    cursor: int
    at: int
    did: str


class SyncSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The repository was reset to `rev` without operations: what we hold of it may be wrong."""

    cursor: int
    at: int
    did: str
    rev: str


class RepoSuspect(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that failed a check: its operations are not applied, the repository is stale."""

    cursor: int
    at: int
    did: str
    reason: str


class GapFound(msgspec.Struct, frozen=True, kw_only=True):
    """The stream cannot give what came after `from_cursor`; recorded before any later cursor is."""

    from_cursor: int | None
    reason: str


class StreamIdle(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing came for a while on an open stream: we are caught up at this position and time."""

    cursor: int | None
    at: int


StreamEvent = CommitSeen | IdentitySeen | AccountSeen | SyncSeen | RepoSuspect | GapFound | StreamIdle
