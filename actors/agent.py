"""The forum's agent: keeps the forum account signed in, and lends its session to whoever writes as the forum.

`ForumAccount` is the handle of handlers and commands, with the state that health shows; `run_agent` signs in, refreshes
before the session ends, and waits longer after each failure. A refused password is final: asking again would only lock
the account. While nobody is signed in the forum is read-only. Words kept here name no host, account or secret.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, TypeVar

import structlog
import trio

from actors.health import Pulse
from actors.pds_client import PdsClient, Refused, Tokens
from actors.repository import Repository
from actors.resolver import Resolver
from forum.errors import BadInput, Unavailable
from forum.own_writes import OwnWrite, Record
from forum.protocol.events import RecordOp

T = TypeVar("T")

FIRST_WAIT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 160.0
REFRESH_AT = 0.9  # of a token's life
SESSION_IS_OVER = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})

NO_PASSWORD = "No password of the forum's account is set."  # noqa: S105 - a sentence
AWAY = "The server of the forum's account does not answer."
WRONG_PASSWORD = "The server of the forum's account refuses the password."  # noqa: S105 - a sentence
WRONG_ACCOUNT = "The password is that of another account than the forum's."
SIGNING_IN = "Its account is being signed in."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How the forum's account signs in. Without `did` it is whoever the server says; without `pds_url` we ask where."""

    did: str | None
    identifier: str
    password: str = field(repr=False)
    pds_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """The forumAgent of the health contract."""

    status: Literal["initializing", "authenticated", "retrying", "failed", "unavailable"]
    last_attempt: datetime | None = None
    retry_count: int = 0
    next_retry_at: datetime | None = None
    error: str | None = None


class ReadOnly(Unavailable):
    """Nobody can write as the forum now; the message is a sentence for people."""


class WrongAccount(Exception):
    """The session is not the forum's."""


class Session:
    """A signed-in account. Its tokens are refreshed by one task at a time: a replayed refresh token ends a session."""

    def __init__(self, pds: PdsClient, tokens: Tokens) -> None:
        self.pds = pds
        self.tokens = tokens
        self._refreshing = trio.Lock()

    async def use(self, act: Callable[[Repository], Awaitable[T]]) -> T:
        """Do it with a token that lives, once more with a new one if this has ended."""
        tokens = self.tokens
        try:
            return await act(self.repository)
        except Refused as refused:
            if refused.name not in SESSION_IS_OVER:
                raise
        await self.refresh(tokens)
        return await act(self.repository)

    @property
    def repository(self) -> Repository:
        """The account's, with the token of now."""
        return Repository(self.pds, self.tokens.did, partial(self.pds.web.post, token=self.tokens.access))

    async def refresh(self, old: Tokens) -> None:
        """Replace these tokens, unless that was done while we waited for our turn."""
        async with self._refreshing:
            if self.tokens is old:
                self.tokens = await self.pds.refresh_session(old)


class ForumAccount:
    """The forum's account for those who write with it. All methods raise `ReadOnly` while it is not signed in."""

    def __init__(self, state: AgentState, session: Session | None = None) -> None:
        self.state = state
        self._session = session
        self._lost = trio.Event()

    async def create(self, collection: str, record: Record, *, rkey: str | None = None) -> OwnWrite:
        """Write a new record; its key is the server's choice unless given."""
        return await self._use(lambda own: own.create(collection, record, rkey=rkey))

    async def create_all(self, collection: str, records: Sequence[Record], *, over: str) -> list[OwnWrite]:
        """Write new records, all of them or none; only `over` the commit of that CID, else `Refused`: InvalidSwap."""
        return await self._use(lambda own: own.create_all(collection, records, over=over))

    async def put(self, collection: str, rkey: str, record: Record, *, swap: str | None = None) -> OwnWrite:
        """Write a record; with `swap` only over the one of that CID, else `Refused` with the name InvalidSwap."""
        return await self._use(lambda own: own.put(collection, rkey, record, swap=swap))

    async def delete(self, collection: str, rkey: str) -> OwnWrite:
        """Delete a record; it need not be there."""
        return await self._use(lambda own: own.delete(collection, rkey))

    async def head(self) -> str:
        """The CID of the repository's newest commit."""
        return await self._use(lambda own: own.head())

    async def record(self, collection: str, rkey: str) -> RecordOp | None:
        """What the repository holds there now."""
        return await self._use(lambda own: own.record(collection, rkey))

    async def records(self, collection: str) -> list[RecordOp]:
        """What the repository holds of a collection, newest first; only what we can read."""
        return await self._use(lambda own: own.records(collection))

    @property
    def did(self) -> str:
        return self._signed_in().tokens.did

    @property
    def is_signed_in(self) -> bool:
        return self._session is not None

    def _signed_in(self) -> Session:
        if self._session is None:
            raise ReadOnly(f"The forum can only be read right now. {self.state.error or SIGNING_IN}")
        return self._session

    async def _use(self, act: Callable[[Repository], Awaitable[T]]) -> T:
        session = self._signed_in()
        try:
            return await session.use(act)
        except Refused as refused:
            if refused.name not in SESSION_IS_OVER:
                raise
            self._lose(session)
            raise ReadOnly("The forum can only be read right now. Its account was signed out.") from refused
        except Unavailable as away:
            self._lose(session)
            raise ReadOnly(f"The forum can only be read right now. {AWAY}") from away

    def _lose(self, session: Session) -> None:
        """Have the agent look after it; others need not meet the same failure."""
        if self._session is session:
            self.become(AgentState(status="retrying", last_attempt=self.state.last_attempt, error=AWAY))
            self._lost.set()

    # What follows is the agent's.

    def become(self, state: AgentState, session: Session | None = None) -> None:
        self.state, self._session = state, session

    async def wait_lost(self, seconds: float) -> None:
        """Until a write failed for want of a session, at most so long."""
        with trio.move_on_after(seconds):
            await self._lost.wait()
        self._lost = trio.Event()


def account_of(login: Login | None) -> ForumAccount:
    """The handle as it is before the agent runs."""
    if login is None:
        return ForumAccount(AgentState(status="unavailable", error=NO_PASSWORD))
    return ForumAccount(AgentState(status="initializing"))


async def run_agent(account: ForumAccount, login: Login | None, resolver: Resolver, pulse: Pulse) -> None:
    """Keep the account signed in, for ever; return at once if there is nothing to sign in with."""
    if login is None:
        return
    session: Session | None = None
    failures = 0
    while True:
        pulse.become("running")
        tried_at = datetime.now(UTC)
        try:
            session = await renewed(session, login, resolver)
        except Unavailable as away:
            seconds = min(FIRST_WAIT_SECONDS * 2.0**failures, LONGEST_WAIT_SECONDS)
            failures += 1
            account.become(retrying(tried_at, failures, seconds))
            pulse.fail(AWAY)
            pulse.become("waiting", AWAY)
            log.warning("agent_retrying", reason=str(away), failures=failures, seconds=seconds)
            await trio.sleep(seconds)
        except (Refused, WrongAccount) as final:
            error = sentence_of(final)
            account.become(AgentState(status="failed", last_attempt=tried_at, retry_count=failures, error=error))
            pulse.fail(error)
            pulse.become("failed", error)
            log.warning("agent_failed", reason=error)
            await trio.sleep_forever()
        else:
            failures = 0
            account.become(AgentState(status="authenticated", last_attempt=tried_at), session)
            pulse.rest()
            await account.wait_lost(session.tokens.lifetime_seconds * REFRESH_AT)


def retrying(tried_at: datetime, failures: int, seconds: float) -> AgentState:
    again = datetime.now(UTC) + timedelta(seconds=seconds)
    return AgentState(status="retrying", last_attempt=tried_at, retry_count=failures, next_retry_at=again, error=AWAY)


async def renewed(session: Session | None, login: Login, resolver: Resolver) -> Session:
    """The session with new tokens; a new one where there is none, or the server has ended it."""
    if session is not None:
        try:
            await session.refresh(session.tokens)
        except Refused as refused:
            log.info("agent_session_ended", reason=refused.name)
        else:
            return session
    return await sign_in(login, resolver)


async def sign_in(login: Login, resolver: Resolver) -> Session:
    """A new session. Raises `Unavailable`, or what is final: `Refused` and `WrongAccount`."""
    pds = PdsClient(resolver.client, login.pds_url or await server_of(login, resolver))
    tokens = await pds.create_session(login.identifier, login.password)
    if login.did not in (None, tokens.did):
        raise WrongAccount
    return Session(pds, tokens)


async def server_of(login: Login, resolver: Resolver) -> str:
    """The PDS in the account's DID document."""
    try:
        did = login.did or await resolver.did_of(login.identifier)
        document = await resolver.document(did) if did else None
    except BadInput as bad:
        raise Unavailable(str(bad)) from bad
    if document is None or document.pds is None:
        raise Unavailable("the network does not tell where the forum's account lives")
    return document.pds


def sentence_of(final: Refused | WrongAccount) -> str:
    """Why the account cannot be signed in, for people."""
    if isinstance(final, WrongAccount):
        return WRONG_ACCOUNT
    if final.name == "AuthenticationRequired":
        return WRONG_PASSWORD
    return f"The server of the forum's account refuses to sign it in: {final.name}."
