"""How fast the committer confirms what is in sync already: in this process, with pieces as snapshots bring them."""

from functools import partial

import trio

from actors.committer import Committer, Delivery, run_committer
from actors.health import Pulse
from actors.snapshots import Piece, collections_of
from actors.visits import JobBook
from bench.events import FORUM_DID, START, topic
from bench.measure import Plan
from bench.repos import RECORDS, TEXT, side_by_side
from bench.subject import data_directory
from daemon.pool import Pool, open_pool
from daemon.postgres import embedded_postgres
from daemon.schema import apply_schema
from forum import jobs
from forum.ledger import Page, Snapshot
from forum.protocol.events import RecordOp
from forum.records.datamodel import cid_of
from forum.records.names import BOARD, POST
from forum.records.syntax import tid_of

REV = tid_of(START + 1_000_000, 0)
BOARD_URI = f"at://{FORUM_DID}/{BOARD}/{tid_of(START, 0)}"


def piece(number: int) -> Piece:
    """A small repository, whole."""
    did, record = f"did:plc:{number:024}", {"$type": POST, **topic(f"By {number}", TEXT, BOARD_URI)}
    cid = cid_of(record)
    ops = tuple(
        RecordOp(did=did, collection=POST, rkey=tid_of(START + n, 0), rev=REV, cid=cid, record=record)
        for n in reversed(range(RECORDS))
    )
    snapshot = Snapshot(did=did, rev=REV, collections=collections_of(did, FORUM_DID))
    pages = tuple(
        Page(did=did, collection=name, rev=REV, low="", high=None, ops=ops if name == POST else ())
        for name in snapshot.collections
    )
    return Piece(snapshot=snapshot, pages=pages, is_first=True, is_last=True)


async def commit_seconds(database: Pool, pieces: list[Piece]) -> float:
    """One job, whose visitors have everything at hand."""
    async with database.transaction() as tx:
        job = await jobs.start(tx, "full_sync")
        await jobs.plan(tx, job.id, [one.snapshot.did for one in pieces])
    send, receive = trio.open_memory_channel[Delivery](0)
    book = JobBook(database=database, job_id=job.id)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(run_committer, receive, database, book, forum_did=FORUM_DID))
        began = trio.current_time()
        async with send:
            await side_by_side([partial(Committer(send).commit, one) for one in pieces])
        seconds = trio.current_time() - began
    async with database.transaction() as tx:
        await jobs.finish(tx, job.id, "completed")
    return seconds


async def confirm_rates(plan: Plan) -> list[float]:
    """Records a second, once per round."""
    pieces = [piece(number) for number in range(plan.events)]
    with data_directory() as data_dir:
        async with (
            embedded_postgres(data_dir, pulse=Pulse("postgres")) as dsn,
            open_pool(dsn, size=2, pulse=Pulse("pool")) as database,
        ):
            await apply_schema(database)
            await commit_seconds(database, pieces)
            return [len(pieces) * RECORDS / await commit_seconds(database, pieces) for _ in range(plan.rounds)]
