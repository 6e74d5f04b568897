"""Writing as the forum, for those who may: whoever asks, the API or a page.

What is written goes to the forum's repository first, over the record that is there now, and is then in the index and in
the audit before it is answered. Whoever changed the same record in between is not overwritten. What changes nothing is
not noted.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from quart import Response
from werkzeug.exceptions import Conflict, NotFound

from actors.agent import ForumAccount
from actors.pds_client import Refused
from forum.audit import Act, Entry, State
from forum.database import Database
from forum.own_writes import OwnWrite, Record, show_own_write
from forum.protocol.events import RecordOp
from forum.records.syntax import parse_at_uri
from web.answers import answer
from web.errors import CHANGED
from web.signed_in import require
from web.site import Site


class Hindered(Conflict):
    """Something stands in the way; `why` is the word by which pages say what, and `count` how much of it there is."""

    def __init__(self, why: str, sentence: str, *, count: int = 0) -> None:
        super().__init__(sentence)
        self.why, self.count = why, count


class Changed(Hindered):
    """The record is no longer the one that was looked at."""

    def __init__(self) -> None:
        super().__init__("changed", CHANGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """The forum's, in the hand of `actor`, who may do what they do with it."""

    database: Database
    site: Site
    account: ForumAccount
    actor: str

    async def found(self, uri: str, *, seen: str | None = None) -> RecordOp:
        """The record to be changed; `seen` is the CID of the one that was looked at."""
        op = await record_at(self.account, uri)
        if seen is not None and op.cid != seen:
            raise Changed
        return op

    async def create(self, act: Act, collection: str, record: Record, *, rkey: str | None = None) -> OwnWrite:
        """A new one; its key is the server's choice unless given."""
        return await self._shown(await self.account.create(collection, record, rkey=rkey), act)

    async def create_all(self, act: Act, collection: str, records: Sequence[Record], *, over: str) -> list[OwnWrite]:
        """New ones in one commit: all or none, and nothing since the one of CID `over`."""
        with refusing_swaps():
            writes = await self.account.create_all(collection, records, over=over)
        return [await self._shown(write, act) for write in writes]

    async def put(self, act: Act, over: RecordOp, record: Record) -> OwnWrite:
        """Over the record that was found."""
        with refusing_swaps():
            write = await self.account.put(over.collection, over.rkey, record, swap=over.cid)
        return write if write.cid == over.cid else await self._shown(write, act, over.record)

    async def delete(self, act: Act, uri: str) -> OwnWrite:
        """It need not be there."""
        place = parse_at_uri(uri)
        found = await self.account.record(place.collection, place.rkey)
        write = await self.account.delete(place.collection, place.rkey)
        return write if found is None else await self._shown(write, act, found.record)

    async def _shown(self, write: OwnWrite, act: Act, before: State | None = None) -> OwnWrite:
        """In the index, for the next read, and in the audit."""
        entry = Entry(actor=self.actor, act=act, subject=write.uri, before=before, after=write.record)
        await show_own_write(self.database, write, forum_did=self.site.forum_did, entry=entry)
        return write


@contextmanager
def refusing_swaps() -> Iterator[None]:
    """Have it `Changed` that another one was there."""
    try:
        yield
    except Refused as refused:
        if refused.name != "InvalidSwap":
            raise
        raise Changed from refused


async def pen_for(database: Database, site: Site, account: ForumAccount, *permissions: str) -> Pen:
    """For who asks, if any of the permissions is theirs: 401 or 403 otherwise."""
    return Pen(database=database, site=site, account=account, actor=await require(database, site, *permissions))


async def record_at(account: ForumAccount, uri: str) -> RecordOp:
    """The record as the repository has it, with what the index does not keep."""
    place = parse_at_uri(uri)
    found = await account.record(place.collection, place.rkey)
    if found is None or found.record is None:
        raise NotFound("The forum's repository holds no such record.")
    return found


def answer_of(write: OwnWrite, *, status: int = 200) -> Response:
    """What the API says of it."""
    return answer({"uri": write.uri, "cid": write.cid}, status=status)
