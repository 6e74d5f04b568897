"""Taking a snapshot of one repository: its newest rev first, then each collection page by page.

Fetches and checks; what it brings goes to `commit`, in pieces that each become part of one transaction, but for the
last, which is the caller's to commit: a small repository is one piece. One that did not move since its last completed
snapshot is skipped, where that is wanted.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from actors.hosts import Hosts
from actors.web_client import TooLarge
from forum.errors import BadInput
from forum.ledger import Page, Snapshot
from forum.protocol.listing import PAGE, read_latest_commit, read_records
from forum.records.names import FORUM_COLLECTIONS, MEMBER_COLLECTIONS

PIECE_RECORDS = 1_000  # gathered before they are committed: the memory a repository may take
PAGE_BYTES = 12_000_000
MOST_EMPTY_PAGES = 20  # in a row: a server may sift its pages, but must come to an end


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Part of a snapshot. The first raises the floors; the last ends it."""

    snapshot: Snapshot
    pages: tuple[Page, ...]
    is_first: bool
    is_last: bool

    @property
    def records(self) -> int:
        return sum(len(page.ops) for page in self.pages)


class Pieces:
    """Gathers the pages of one repository until they are worth a transaction.

    `forged` are the collections in which a record does not match its CID.
    """

    def __init__(self, snapshot: Snapshot, commit: "Commit") -> None:
        self.snapshot = snapshot
        self._commit = commit
        self._pages: list[Page] = []
        self._is_first = True
        self.records = 0
        self.forged: set[str] = set()

    async def add(self, page: Page) -> None:
        if sum(len(page.ops) for page in self._pages) >= PIECE_RECORDS:
            await self._commit(self.take(is_last=False))
        self._pages.append(page)
        self.records += len(page.ops)
        if any(op.why == "bad_cid" for op in page.ops):
            self.forged.add(page.collection)

    def take(self, *, is_last: bool) -> Piece:
        """What is gathered."""
        pages = tuple(self._pages)
        piece = Piece(snapshot=self.snapshot, pages=pages, is_first=self._is_first, is_last=is_last)
        self._pages, self._is_first = [], False
        return piece


class BadCollection(Exception):
    """A collection whose pages cannot be believed."""

    def __init__(self, collection: str, cause: BadInput) -> None:
        super().__init__(str(cause))
        self.collection = collection


Commit = Callable[[Piece], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A repository that is fetched; its last piece is still to be committed."""

    records: int
    last: Piece


def collections_of(did: str, forum_did: str) -> tuple[str, ...]:
    """What a repository may hold of ours."""
    return tuple(sorted(MEMBER_COLLECTIONS | (FORUM_COLLECTIONS if did == forum_did else frozenset())))


async def take_snapshot(
    hosts: Hosts, pds: str, did: str, commit: Commit, *, forum_did: str, synced_rev: str | None
) -> Taken | None:
    """Bring one repository, or None when it is still at `synced_rev`.

    Raises what `Hosts.get` raises, and `BadCollection`.
    """
    answer = await hosts.get(pds, "com.atproto.sync.getLatestCommit", {"did": did})
    rev = read_latest_commit(answer, time.time_ns() // 1_000).rev
    if rev == synced_rev:
        return None
    snapshot = Snapshot(did=did, rev=rev, collections=collections_of(did, forum_did))
    pieces = Pieces(snapshot, commit)
    for collection in snapshot.collections:
        await _take_collection(hosts, pds, pieces, collection)
    if pieces.forged:  # what can be believed comes in, and the repository stays stale
        await commit(pieces.take(is_last=False))
        raise BadCollection(min(pieces.forged), BadInput("bad_cid", "a record does not match its CID"))
    return Taken(records=pieces.records, last=pieces.take(is_last=True))


async def _take_collection(hosts: Hosts, pds: str, pieces: Pieces, collection: str) -> None:
    high, count, empty = None, 0, 0
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = await _page(hosts, pds, pieces.snapshot, collection, high, cursor)
        empty = 0 if page.ops else empty + 1
        if empty > MOST_EMPTY_PAGES:
            raise BadCollection(collection, BadInput("endless", f"{empty} pages without a record"))
        if empty and cursor is not None:
            continue
        high, count = page.low, count + len(page.ops)
        if count > hosts.patience.records:
            raise BadCollection(collection, BadInput("endless", f"more than {hosts.patience.records} records"))
        await pieces.add(page)


async def _page(
    hosts: Hosts, pds: str, snapshot: Snapshot, collection: str, high: str | None, cursor: str
) -> tuple[Page, str | None]:
    """The page below `high`, and where the next begins; pages of fewer records when they are too large."""
    did, rev, limit = snapshot.did, snapshot.rev, PAGE
    while True:
        params = {"repo": did, "collection": collection, "limit": str(limit)}
        if cursor:
            params["cursor"] = cursor
        try:
            answer = await hosts.get(pds, "com.atproto.repo.listRecords", params, max_bytes=PAGE_BYTES)
            found = read_records(answer, did=did, collection=collection, rev=rev, below=high)
        except TooLarge as large:
            if limit == 1:
                raise BadCollection(collection, large) from large
            limit = max(limit // 4, 1)
        except BadInput as bad:
            raise BadCollection(collection, bad) from bad
        else:
            low = found.ops[-1].rkey if found.ops and found.cursor is not None else ""
            return Page(did=did, collection=collection, rev=rev, low=low, high=high, ops=found.ops), found.cursor
