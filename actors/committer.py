"""Commits what snapshots bring: many pieces to a transaction, so that a thousand small repositories cost little.

The one task that writes during a backfill. A piece that PostgreSQL refuses fails alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import trio

from actors.snapshots import Piece
from forum import changes, ledger
from forum.database import Connection, Database, RowRefused

PIECES_AT_ONCE = 16


class Finished(Protocol):
    """Where it is noted, in the same transaction, that repositories are in."""

    async def finished(self, tx: Connection, records: Mapping[str, int]) -> None: ...


@dataclass(slots=True)
class Delivery:
    """A piece on its way in; `done` is set when it is committed, or refused."""

    piece: Piece
    done: trio.Event = field(default_factory=trio.Event)
    refused: RowRefused | None = None


class Committer:
    """The senders' side: hand over a piece and wait until it is in."""

    def __init__(self, out: trio.MemorySendChannel[Delivery]) -> None:
        self._out = out

    async def commit(self, piece: Piece) -> None:
        """Return when the piece is committed. Raises `RowRefused`."""
        delivery = Delivery(piece)
        await self._out.send(delivery)
        await delivery.done.wait()
        if delivery.refused is not None:
            raise delivery.refused


async def run_committer(
    inbox: trio.MemoryReceiveChannel[Delivery], database: Database, book: Finished, *, forum_did: str
) -> None:
    """Commit what arrives until the senders close."""
    tally = Tally(database, book, forum_did)
    async with inbox:
        async for first in inbox:
            deliveries = [first]
            try:
                while len(deliveries) < PIECES_AT_ONCE:
                    deliveries.append(inbox.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                pass
            await tally.store(deliveries)
            for delivery in deliveries:
                delivery.done.set()


class Tally:
    """What is under way: marks and counts of repositories whose last piece is still to come."""

    def __init__(self, database: Database, book: Finished, forum_did: str) -> None:
        self._database, self._book, self._forum_did = database, book, forum_did
        self._marks: dict[str, int] = {}
        self._records: dict[str, int] = {}

    async def store(self, deliveries: Sequence[Delivery]) -> None:
        """All of them in one transaction; if one is refused, each in its own."""
        try:
            await self._transaction([delivery.piece for delivery in deliveries])
        except RowRefused as refused:
            if len(deliveries) == 1:
                deliveries[0].refused = refused
                return
            for delivery in deliveries:
                await self.store([delivery])

    async def _transaction(self, pieces: Sequence[Piece]) -> None:
        begun = [piece.snapshot for piece in pieces if piece.is_first]
        ended = [piece.snapshot for piece in pieces if piece.is_last]
        records = self._records | {one.did: 0 for one in begun}
        async with self._database.transaction() as tx:
            await ledger.take_lock(tx)
            await ledger.plan_anew(tx)
            marks = self._marks | await ledger.begin_snapshots(tx, begun)
            pages = [page for piece in pieces for page in piece.pages]
            applied = await ledger.apply_pages(tx, pages, forum_did=self._forum_did)
            for piece in pieces:
                records[piece.snapshot.did] += piece.records
            await ledger.finish_snapshots(tx, [(one, marks.pop(one.did)) for one in ended])
            if ended:
                await self._book.finished(tx, {one.did: records.pop(one.did) for one in ended})
            await changes.notify(tx, applied.changes)
        self._marks, self._records = marks, records
