"""One account's own repository, to write in: its records, by XRPC.

The same for the forum's session and for a member's grant; how a request shows whose it is, is the affair of the `send`
it is given. What anybody may read is asked without: there no token is needed. What a server answers is checked.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from actors.pds_client import PdsClient, Refused
from actors.web_client import Answer
from forum.errors import BadInput, Unavailable
from forum.own_writes import OwnWrite, Record, read_delete, read_put
from forum.protocol.events import RecordOp
from forum.protocol.wire import is_future_rev
from forum.records.datamodel import cid_of

log = structlog.get_logger(__name__)

Send = Callable[[str, object], Awaitable[Answer]]  # POST a body to a URL, as the account


@dataclass(frozen=True, slots=True)
class Repository:
    """All methods raise `Unavailable` when its server gives no sensible answer, `Refused` when that says no."""

    pds: PdsClient
    did: str
    send: Send = field(repr=False)  # holds a token

    async def create(self, collection: str, record: Record, *, rkey: str | None = None) -> OwnWrite:
        """Write a new record; its key is the server's choice unless given."""
        asked = {"collection": collection, "record": record} | ({} if rkey is None else {"rkey": rkey})
        return await self._dated(self._read_put(await self._write("createRecord", asked), collection, record))

    async def create_all(self, collection: str, records: Sequence[Record], *, over: str) -> list[OwnWrite]:
        """Write new records in one commit, all or none; `over` the commit of that CID, else refused: `InvalidSwap`."""
        create = "com.atproto.repo.applyWrites#create"
        writes = [{"$type": create, "collection": collection, "value": record} for record in records]
        answer = await self._write("applyWrites", {"writes": writes, "swapCommit": over})
        match answer:
            case {"commit": commit, "results": [*results]} if len(results) == len(records):
                written = [
                    self._read_put(
                        {**result, "commit": commit} if isinstance(result, Mapping) else None, collection, record
                    )
                    for result, record in zip(results, records, strict=True)
                ]
                return [await self._dated(write) for write in written]
        raise self.pds.senseless("not every write has a result")

    async def put(self, collection: str, rkey: str, record: Record, *, swap: str | None = None) -> OwnWrite:
        """Write a record; with `swap` only if that is the CID of the one there, else it is refused: `InvalidSwap`."""
        return await self._put(collection, rkey, record, {} if swap is None else {"swapRecord": swap})

    async def put_new(self, collection: str, rkey: str, record: Record) -> OwnWrite:
        """Write a record where none is, however often: the same again changes nothing, another is `InvalidSwap`."""
        return await self._put(collection, rkey, record, {"swapRecord": None})

    async def delete(self, collection: str, rkey: str) -> OwnWrite:
        """Delete a record; it need not be there."""
        answer = await self._write("deleteRecord", {"collection": collection, "rkey": rkey})
        return await self._dated(read_delete(answer, did=self.did, collection=collection, rkey=rkey))

    async def head(self) -> str:
        """The CID of its newest commit."""
        return (await self.pds.latest_commit(self.did)).cid

    async def record(self, collection: str, rkey: str) -> RecordOp | None:
        """What is there now."""
        return await self.pds.get_record(self.did, collection, rkey)

    async def records(self, collection: str) -> list[RecordOp]:
        """What there is of a collection, newest first; only what we can read."""
        return [op for op in await self.pds.list_records(self.did, collection) if op.record is not None]

    async def found(self, collection: str, rkey: str) -> OwnWrite:
        """What is there now, as if it were written by the newest commit: the snapshot of one record."""
        _, rev = await self.pds.latest_commit(
            self.did
        )  # before the record: what changes in between is newer than it says
        op = await self.record(collection, rkey)
        if op is not None and op.why is not None:
            raise self.pds.senseless(op.why)
        there = OwnWrite(did=self.did, collection=collection, rkey=rkey, rev=rev)
        return there if op is None else replace(there, cid=op.cid, record=op.record)

    async def _put(self, collection: str, rkey: str, record: Record, swap: Record) -> OwnWrite:
        asked = {"collection": collection, "rkey": rkey, "record": record, **swap}
        return await self._dated(self._read_put(await self._write("putRecord", asked), collection, record))

    async def _write(self, method: str, asked: Record) -> object:
        url = f"{self.pds.origin}/xrpc/com.atproto.repo.{method}"
        return await self.pds.said(self.send(url, {"repo": self.did, **asked}))

    def _read_put(self, answer: object, collection: str, record: Record) -> OwnWrite:
        try:
            write = read_put(answer, did=self.did, collection=collection, record=record)
        except BadInput as bad:
            raise self.pds.senseless(bad.reason) from bad
        if write.cid != cid_of(record):
            raise self.pds.senseless("what it wrote is another record")
        return write

    async def _dated(self, write: OwnWrite) -> OwnWrite:
        """With a rev: a write that changed nothing tells none, and servers need not; what is there now tells one.

        A rev of the future would shut out what honestly follows. Where none can be had the write is done all the same.
        """
        if write.rev is not None and not is_future_rev(write.rev, time.time_ns() // 1_000):
            return write
        try:
            return await self.found(write.collection, write.rkey)
        except (Unavailable, Refused) as hindrance:
            log.warning("write_without_rev", did=self.did, collection=write.collection, reason=str(hindrance))
            return replace(write, rev=None)
