"""The truth: what the repositories of a real PDS hold, read by XRPC, and an index built from nothing else."""

from collections import defaultdict

import trio

from daemon.pool import Pool
from demo.daemon import wait_until
from demo.xrpc import Pds, Record, Ref
from forum.errors import BadInput
from forum.protocol.events import RecordOp
from forum.records import check_record
from forum.records.names import FORUM, is_ours
from tests.conftest import fresh_database
from tests.support.index import Repos, build, miscounts_of, state_of

AT_ONCE = 4


async def wait_equal(index: Pool, pds: Pds, forum_did: str, server_dsn: str, *, default_role: str = "Member") -> None:
    """Return when the index equals the repositories, which nobody changes meanwhile; show the difference if never."""
    async with fresh_database(server_dsn) as other:
        rev = await pds.latest_rev(forum_did)
        repos = await read_repos(pds, forum_did)
        await build(other, forum_did, repos, rev=rev, default_role=default_role)
        async with other.connection() as connection:
            truth = await state_of(connection)
    assert truth["forum"], f"{FORUM} is not in the repository: this compares nothing"

    async def equal() -> bool:
        async with index.connection() as connection:
            return await state_of(connection) == truth and not await miscounts_of(connection)

    try:
        await wait_until(equal)
    except* trio.TooSlowError:
        async with index.connection() as connection:
            assert await state_of(connection) == truth
            assert await miscounts_of(connection) == {}


async def read_repos(pds: Pds, forum_did: str) -> Repos:
    """Every account's records of ours."""
    repos: dict[str, dict[str, dict[str, RecordOp]]] = {}
    limit = trio.CapacityLimiter(AT_ONCE)

    async def read(did: str) -> None:
        async with limit:
            repos[did] = await read_repo(pds, did, forum_did)

    async with trio.open_nursery() as nursery:
        for did in await pds.dids():
            nursery.start_soon(read, did)
    return repos


async def read_repo(pds: Pds, did: str, forum_did: str) -> dict[str, dict[str, RecordOp]]:
    """One account's: collection → rkey → what is there."""
    rev = await pds.latest_rev(did)
    found: dict[str, dict[str, RecordOp]] = defaultdict(dict)
    for collection in await pds.collections(did):
        if is_ours(did, collection, forum_did):
            for ref, record in await pds.records(did, collection):
                found[collection][ref.rkey] = op_of(did, collection, ref, record, rev)
    return dict(found)


def op_of(did: str, collection: str, ref: Ref, record: Record, rev: str) -> RecordOp:
    """The record as it must stand in the index, or why it must not."""
    why = None
    try:
        check_record(collection, ref.rkey, record)
    except BadInput as refused:
        why = refused.reason
    keep = why is None
    return RecordOp(
        did=did,
        collection=collection,
        rkey=ref.rkey,
        rev=rev,
        cid=ref.cid if keep else None,
        record=record if keep else None,
        why=why,
    )
