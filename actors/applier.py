"""The record applier: takes what waits in its inbox and commits it, with the cursor, in one transaction.

Talks to the firehose (through its inbox) and to PostgreSQL; never to the network. What is committed is true; what is
not will come again from the cursor. Ends when the inbox is closed and empty.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
import trio

from actors.backoff import delays
from actors.health import Pulse
from actors.inbox import Inbox
from forum import accounts, changes, ledger, stream
from forum.database import Connection, Database, DatabaseAway, RowRefused
from forum.protocol.events import (
    AccountSeen,
    CommitSeen,
    GapFound,
    IdentitySeen,
    RecordOp,
    RepoSuspect,
    StreamEvent,
    SyncSeen,
)

BATCH = 500  # events; between 250 and 1,000 the throughput is the same
BUSY = 25  # a batch this large says that more is on its way: waiting a moment for it makes fewer, cheaper batches
LINGER_SECONDS = 0.02
UNSURE_OF_KEY = ("bad_signature", "bad_key", "no_identity")  # reasons to ask who the account is

log = structlog.get_logger()


async def run_applier(
    inbox: Inbox,
    database: Database,
    pulse: Pulse,
    *,
    forum_did: str,
    source: str,
    epoch: int,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Write what arrives, in order, until the inbox closes. Raises `stream.Replaced` when another process leads."""
    store = Store(database, pulse, forum_did=forum_did, source=source, epoch=epoch)
    pulse.become("running")
    pulse.rest()
    task_status.started()
    try:
        while events := await inbox.receive_some(BATCH):
            if BUSY <= len(events) < BATCH:
                await trio.sleep(LINGER_SECONDS)
                events += inbox.receive_nowait(BATCH - len(events))
            pulse.beat(inbox_depth=inbox.depth)
            await _until_stored(store, events, pulse)
            pulse.rest()
    finally:
        inbox.close()


async def _until_stored(store: "Store", events: Sequence[StreamEvent], pulse: Pulse) -> None:
    """Hold the batch while the database is away: the inbox fills, and the stream waits with us."""
    waits = delays(longest=10)
    while True:
        try:
            await store(events)
        except DatabaseAway as error:
            pulse.fail(str(error))
            pulse.become("waiting", "the database is away")
            await trio.sleep(next(waits))
        else:
            pulse.become("running")
            return


class Store:
    """One batch into one transaction; of a batch PostgreSQL refuses, all but the record it refuses."""

    def __init__(self, database: Database, pulse: Pulse, *, forum_did: str, source: str, epoch: int) -> None:
        self._database = database
        self._pulse = pulse
        self._forum_did = forum_did
        self._source = source
        self._epoch = epoch

    async def __call__(self, events: Sequence[StreamEvent]) -> None:
        ops = [op for event in events if isinstance(event, CommitSeen) for op in event.ops]
        try:
            await self._commit(events, ops)
        except RowRefused:
            await self._apply_apart(
                list(ledger.fold(ops))
            )  # folded: halves must not part what one commit says of a key
            await self._commit(events, [])
        self._pulse.counters["batches"] += 1
        self._pulse.counters["events"] += len(events)
        self._pulse.handled += len(events)
        self._pulse.committed_at = datetime.now(UTC)

    async def _commit(self, events: Sequence[StreamEvent], ops: Sequence[RecordOp]) -> None:
        async with self._database.transaction() as tx:
            await ledger.take_lock(tx, replayable=True)
            gaps = [event for event in events if isinstance(event, GapFound)]
            await stream.open_gaps(tx, self._source, gaps)
            applied = await ledger.apply(tx, ops, forum_did=self._forum_did)
            await note_accounts(tx, events)
            await changes.notify(tx, applied.changes | changes.Changes(jobs=bool(gaps)))
            await self._store_position(tx, events)
        self._count(applied)

    async def _store_position(self, tx: Connection, events: Sequence[StreamEvent]) -> None:
        last = next((e for e in reversed(events) if not isinstance(e, GapFound)), None)
        if last is not None:
            connected_at = min(stream.moment(last.at), datetime.now(UTC))
            await stream.store_position(
                tx, source=self._source, cursor=last.cursor, connected_at=connected_at, epoch=self._epoch
            )

    async def _apply_apart(self, ops: Sequence[RecordOp]) -> None:
        """Halve until the refused record stands alone. Halves commit by themselves: applying twice changes nothing."""
        if not ops:
            return
        try:
            async with self._database.transaction() as tx:
                await ledger.take_lock(tx)
                await stream.check_epoch(tx, self._epoch)
                applied = await ledger.apply(tx, ops, forum_did=self._forum_did)
                await changes.notify(tx, applied.changes)
        except RowRefused as error:
            if len(ops) == 1:
                log.warning("record_refused_by_database", uri=ops[0].uri, reason=str(error))
                halves = [[refused(ops[0], "refused_by_database")]]
            else:
                halves = [list(ops[: len(ops) // 2]), list(ops[len(ops) // 2 :])]
            for half in halves:
                await self._apply_apart(half)
        else:
            self._count(applied)

    def _count(self, applied: ledger.Applied) -> None:
        self._pulse.counters["effective"] += applied.effective
        self._pulse.counters.update(Counter({f"refused:{why}": n for why, n in applied.refused.items()}))


def refused(op: RecordOp, why: str) -> RecordOp:
    """The operation with the effect of a delete, for a reason."""
    return RecordOp(did=op.did, collection=op.collection, rkey=op.rkey, rev=op.rev, why=why)


async def note_accounts(tx: Connection, events: Sequence[StreamEvent]) -> None:
    """What the stream says of accounts and repositories rather than of records."""
    await stream.follow(tx, [e for e in events if isinstance(e, CommitSeen)])
    await stream.note_syncs(tx, [e for e in events if isinstance(e, SyncSeen)])
    suspects = {e.did: e.reason for e in events if isinstance(e, RepoSuspect)}
    await ledger.mark_stale(tx, suspects)
    asked = {e.did for e in events if isinstance(e, IdentitySeen | AccountSeen)}
    asked.update(did for did, reason in suspects.items() if reason in UNSURE_OF_KEY)
    await accounts.ask_again(tx, sorted(asked))
    if asked:
        await changes.notify(tx, changes.Changes(dids=frozenset(asked)))
