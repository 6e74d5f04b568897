"""What a repository's pieces take of the database does not grow with what is in already."""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import trio

from actors.committer import Committer, Delivery, run_committer
from actors.snapshots import Piece, collections_of
from daemon.pool import Pool
from forum.database import Connection
from forum.ledger import Page, Snapshot
from forum.protocol.events import RecordOp
from forum.records.datamodel import cid_of
from forum.records.names import POST
from tests.support.forum import F, tid, topic

RECORDS, REPOS = 100, 40
WALKED = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'ledger'"


class Watch:
    """A book that keeps how many rows of the ledger were walked through, since PostgreSQL last summed up."""

    def __init__(self) -> None:
        self.walked: list[int] = []

    async def finished(self, tx: Connection, records: Mapping[str, int]) -> None:
        self.walked.append(await tx.fetchval(WALKED))


def piece(number: int) -> Piece:
    """A repository, whole."""
    did, rev, record = f"did:plc:{number:024}", tid(RECORDS), topic()
    ops = tuple(
        RecordOp(did=did, collection=POST, rkey=tid(n), rev=rev, cid=cid_of(record), record=record)
        for n in reversed(range(RECORDS))
    )
    snapshot = Snapshot(did=did, rev=rev, collections=collections_of(did, F))
    pages = tuple(
        Page(did=did, collection=name, rev=rev, low="", high=None, ops=ops if name == POST else ())
        for name in snapshot.collections
    )
    return Piece(snapshot=snapshot, pages=pages, is_first=True, is_last=True)


async def test_nothing_is_walked_through(database: Pool) -> None:
    """Statements are not held to plans from when there was nothing."""
    watch = Watch()
    async with database.connection() as connection:
        # Were it analysed just now, in its own time, the planner would know it for small, and rightly walk through it.
        await connection.execute("ALTER TABLE ledger SET (autovacuum_enabled = off)")
    send, receive = trio.open_memory_channel[Delivery](0)
    async with trio.open_nursery() as nursery, send:
        nursery.start_soon(partial(run_committer, receive, database, watch, forum_did=F))
        for number in range(REPOS):
            await Committer(send).commit(piece(number))
    assert len(watch.walked) == REPOS
    assert not any(before < after for before, after in pairwise(watch.walked[REPOS // 2 :]))
