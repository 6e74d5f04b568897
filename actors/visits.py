"""One visit to one repository, and what each way it can end asks for.

The same for the repositories of a job and for stale ones between jobs; they differ in the book that is kept. A visit
never fails a job: what goes wrong with a repository is an entry in the book, and the repository stays stale.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
import trio

from actors.committer import Committer
from actors.hosts import PATIENT, HostGivenUp, HostParked, Hosts, Patience, RepoAway
from actors.identity import refresh
from actors.resolver import Resolver
from actors.snapshots import BadCollection, take_snapshot
from forum import jobs, ledger
from forum.database import Connection, Database, DatabaseAway, RowRefused
from forum.errors import BadInput, Unavailable

TRIES = 3  # of a repository within a job
LONGEST_MEND_SECONDS = 3600.0

log = structlog.get_logger()


class Book(Protocol):
    """What is kept of visits. Each entry is one transaction, but `finished` is part of the last page's."""

    async def finished(self, tx: Connection, records: Mapping[str, int]) -> None:
        """These repositories are in, with so many records each."""
        ...

    async def unmoved(self, did: str) -> None:
        """The repository is where its last snapshot left it."""
        ...

    async def later(self, due: jobs.RepoDue, reason: str, *, seconds: float) -> None:
        """Its host wants to be left alone for a while."""
        ...

    async def failed(self, due: jobs.RepoDue, collection: str | None, reason: str, *, worth_retry: bool) -> None:
        """It could not be fetched."""
        ...

    async def gone(self, did: str, reason: str) -> None:
        """Its server says that it is not to be had; the account was asked about."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBook:
    """The book of a job: progress and errors in its rows."""

    database: Database
    job_id: int
    patience: Patience = PATIENT

    async def finished(self, tx: Connection, records: Mapping[str, int]) -> None:
        await jobs.repos_done(tx, self.job_id, sorted(records), records=sum(records.values()))

    async def unmoved(self, did: str) -> None:
        async with self.database.transaction() as tx:
            await jobs.repos_done(tx, self.job_id, [did], records=0)

    async def later(self, due: jobs.RepoDue, reason: str, *, seconds: float) -> None:
        async with self.database.transaction() as tx:
            await jobs.repo_later(tx, self.job_id, due.did, seconds=seconds, counts=False)

    async def failed(self, due: jobs.RepoDue, collection: str | None, reason: str, *, worth_retry: bool) -> None:
        async with self.database.transaction() as tx:
            if worth_retry and due.tries + 1 < TRIES:
                seconds = self.patience.first_retry_seconds * float(4**due.tries)
                await jobs.repo_later(tx, self.job_id, due.did, seconds=seconds, counts=True)
                return
            await jobs.add_error(tx, self.job_id, due.did, collection, reason)
            await ledger.mark_stale(tx, {due.did: "fetch_failed"})
            await jobs.mend_later(tx, due.did, seconds=self.patience.first_mend_seconds)
            await jobs.repos_done(tx, self.job_id, [due.did], records=0)

    async def gone(self, did: str, reason: str) -> None:
        async with self.database.transaction() as tx:
            await jobs.add_error(tx, self.job_id, did, None, reason)
            await jobs.leave(tx, did)
            await jobs.repos_done(tx, self.job_id, [did], records=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MendBook:
    """The book between jobs: a failed repository waits longer each time."""

    database: Database
    patience: Patience = PATIENT

    async def finished(self, tx: Connection, records: Mapping[str, int]) -> None:
        return None  # the snapshot's own end says so

    async def unmoved(self, did: str) -> None:
        raise AssertionError("mending never skips")

    async def later(self, due: jobs.RepoDue, reason: str, *, seconds: float) -> None:
        await self._later(due, at_least=seconds)

    async def failed(self, due: jobs.RepoDue, collection: str | None, reason: str, *, worth_retry: bool) -> None:
        await self._later(due)

    async def _later(self, due: jobs.RepoDue, *, at_least: float = 0.0) -> None:
        seconds = min(self.patience.first_mend_seconds * float(2 ** min(due.tries, 12)), LONGEST_MEND_SECONDS)
        async with self.database.transaction() as tx:
            await jobs.mend_later(tx, due.did, seconds=max(seconds, at_least))

    async def gone(self, did: str, reason: str) -> None:
        async with self.database.transaction() as tx:
            await jobs.leave(tx, did)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Visits repositories for one book, so many at a time as `fetching` lets in: while one is committed the next comes.

    `settle` is told where one lives, and may say that it shall wait; `fetched`, that its server is done with.
    """

    hosts: Hosts
    resolver: Resolver
    database: Database
    committer: Committer
    book: Book
    forum_did: str
    known: set[str]
    skips_unmoved: bool
    fetching: trio.CapacityLimiter
    settle: Callable[[str, str], Awaitable[bool]]
    fetched: Callable[[str], None]

    async def visit(self, due: jobs.RepoDue) -> None:
        """Bring the repository, or note why not. Raises `DatabaseAway` only."""
        try:
            with trio.fail_after(self.hosts.patience.visit_seconds):
                await self._bring(due)
        except DatabaseAway:
            raise
        except trio.TooSlowError:
            await self._failed(due, None, Unavailable("it takes too long"), worth_retry=False)
        except HostParked as parked:
            await self.book.later(due, str(parked), seconds=parked.seconds)
        except HostGivenUp as given_up:
            await self._failed(due, None, given_up, worth_retry=False)
        except Unavailable as error:
            await self._failed(due, None, error, worth_retry=True)
        except BadCollection as bad:
            await self._failed(due, bad.collection, bad, worth_retry=False)
        except (BadInput, RowRefused) as bad:
            await self._failed(due, None, bad, worth_retry=False)

    async def _bring(self, due: jobs.RepoDue) -> None:
        """What we know of the account is believed as long as nothing speaks against it."""
        is_doubtful = due.tries > 0 or due.is_closed
        pds = await (self._ask(due) if is_doubtful else self._pds_of(due))
        if pds is None or not await self.settle(due.did, pds):
            return
        try:
            await self._snapshot(due, pds)
        except RepoAway as away:
            # It may have moved, been closed, or be gone: the account is asked about before anything is believed.
            new_pds = await self._ask(due)
            if new_pds is None:
                return
            if new_pds == pds:
                raise _denied(pds, away) from away
            await self._snapshot_after_move(due, new_pds)

    async def _snapshot_after_move(self, due: jobs.RepoDue, pds: str) -> None:
        try:
            await self._snapshot(due, pds)
        except RepoAway as away:
            raise _denied(pds, away) from away

    async def _snapshot(self, due: jobs.RepoDue, pds: str) -> None:
        may_skip = self.skips_unmoved and due.pds in (None, pds) and not due.is_closed
        known_rev = due.synced_rev if may_skip else None
        async with self.fetching:
            taken = await take_snapshot(
                self.hosts, pds, due.did, self.committer.commit, forum_did=self.forum_did, synced_rev=known_rev
            )
        self.fetched(due.did)
        if taken is None:
            await self.book.unmoved(due.did)
            return
        await self.committer.commit(taken.last)
        if taken.records:
            self.known.add(due.did)

    async def _pds_of(self, due: jobs.RepoDue) -> str:
        if due.pds is not None:
            return due.pds
        document = await self.resolver.document(due.did)
        if document is None or document.pds is None:
            raise BadInput("no_pds", f"{due.did} has no server")
        return document.pds

    async def _ask(self, due: jobs.RepoDue) -> str | None:
        """The server of the account, which is asked about anew; None, and noted, when it is closed."""
        identity = await refresh(self.resolver, self.database, due.did)
        if identity.status != "active":
            await self.book.gone(due.did, f"the account is {identity.status}")
            return None
        if identity.pds is None:
            raise BadInput("no_pds", f"{due.did} has no server")
        return identity.pds

    async def _failed(self, due: jobs.RepoDue, collection: str | None, error: Exception, *, worth_retry: bool) -> None:
        log.info("repo_not_fetched", did=due.did, collection=collection, reason=str(error), tries=due.tries + 1)
        await self.book.failed(due, collection, str(error), worth_retry=worth_retry)


def _denied(pds: str, away: RepoAway) -> BadInput:
    return BadInput("refused", f"{pds} answers {away} for an active account")
