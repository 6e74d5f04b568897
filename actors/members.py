"""Members' accounts, as those sessions use them that came with a grant: what a member writes, goes to their own server.

A grant's tokens are renewed before they end, by one at a time in all processes: a refresh token that is sent twice ends
the grant. Who holds the lock of the session's row renews; the others wait for it and find the new tokens. Tokens pass
through here sealed or unlogged.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
import trio

from actors.oauth import Grant, GrantOver, OAuth
from actors.pds_client import PdsClient
from actors.repository import Repository
from actors.web_client import WebClient
from forum import sessions
from forum.database import Connection, Database
from forum.errors import Unavailable
from forum.sealing import Seal, Unsealable, opened, sealed

T = TypeVar("T")

EARLY_SECONDS = 30  # before its end a token is as good as ended
RENEWALS = 3  # at a time: each holds a connection to the database while a server makes up its mind
RENEWAL_SECONDS = 8  # all in all; when we are to stop, what is under way has about that long

log = structlog.get_logger(__name__)


class NoGrant(Exception):
    """The session did not come from its account's server: the operator made it."""


class MemberAccounts:
    """Opens the repositories of those who are signed in, each by the cookie of a session."""

    def __init__(self, database: Database, web: WebClient, oauth: OAuth, seal: Seal) -> None:
        self._database = database
        self._web = web
        self._oauth = oauth
        self._seal = seal
        self._renewing = trio.Semaphore(RENEWALS)

    async def use(self, token: str, act: Callable[[Repository], Awaitable[T]]) -> T:
        """Do it in the repository of the session's account, once more with new tokens if these have ended.

        Raises `NoGrant`, `GrantOver` when its owner must sign in again, and what a repository raises.
        """
        async with self._database.connection() as connection:
            found = await sessions.grant_of(connection, token)
        if found is None:
            raise NoGrant
        grant = self._opened(found)
        if grant.expires_at <= time.time() + EARLY_SECONDS:
            grant = await self._renewed(token, grant)
        try:
            return await act(self._repository(grant))
        except GrantOver:
            return await act(self._repository(await self._renewed(token, grant)))

    def _repository(self, grant: Grant) -> Repository:
        return Repository(PdsClient(self._web, grant.pds), grant.did, partial(self._oauth.post, grant))

    async def _renewed(self, token: str, old: Grant) -> Grant:
        """The grant with new tokens, whoever gets them.

        Not to be cancelled half-way: the server would have ended the old tokens, and nobody kept the new ones. So the
        outer limit ends only the wait for our turn.
        """
        with trio.move_on_after(RENEWAL_SECONDS):
            async with self._renewing:
                with trio.move_on_after(RENEWAL_SECONDS, shield=True):
                    return await self._renew(token, old)
        raise Unavailable("the grant could not be renewed in time")

    async def _renew(self, token: str, old: Grant) -> Grant:
        async with self._database.transaction() as tx:
            grant = self._opened(await sessions.grant_of(tx, token, lock=True))
            if grant.access != old.access:
                return grant  # somebody did it while we waited for our turn
            new = await self._ask(grant)
            await self._keep(tx, token, new)
        if new is None:
            raise GrantOver
        return new

    async def _ask(self, grant: Grant) -> Grant | None:
        """The grant with new tokens; None when it is over."""
        try:
            return await self._oauth.refresh(grant)
        except GrantOver:
            log.info("grant_over", did=grant.did)
            return None

    async def _keep(self, tx: Connection, token: str, grant: Grant | None) -> None:
        await sessions.keep_grant(tx, token, b"" if grant is None else sealed(self._seal, grant))

    def _opened(self, grant_sealed: bytes | None) -> Grant:
        """What cannot be opened, is over: its session ended, its server has ended it, the secret was changed."""
        try:
            return opened(self._seal, grant_sealed or b"", Grant)
        except Unsealable as error:
            raise GrantOver from error
