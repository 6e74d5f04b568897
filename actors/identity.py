"""Identity: keeps `accounts` true to the DID documents and PDSes, and answers with signing keys.

The queue is accounts.refresh_at: new accounts, `#identity` and `#account` events, and age set it; a notice wakes us.
What the PDS says of an account decides, an event is only a hint. Talks to the network and the database.
"""

import random

import structlog
import trio

from actors.health import Pulse
from actors.resolver import Resolver
from forum import accounts, changes, ledger
from forum.database import Database, DatabaseAway
from forum.errors import BadInput, Unavailable

AT_ONCE = 8
FRESH_SECONDS = 24 * 3600.0
UNCONFIRMED_SECONDS = 600.0  # a handle that nobody could tell about a moment ago
LONGEST_WAIT_SECONDS = 6 * 3600.0
LOOK_SECONDS = 60.0  # how long a lost wake-up can go unnoticed

log = structlog.get_logger()


class WakeUp:
    """A bell that remembers one ring."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Until rung, at most so long."""
        with trio.move_on_after(seconds):
            await self._rung.wait()
        self._rung = trio.Event()


async def run_identity(resolver: Resolver, database: Database, wake_up: WakeUp, pulse: Pulse) -> None:
    """Ask about the accounts that are due, a few at a time, for ever."""
    while True:
        pulse.become("running")
        seconds = 2.0
        try:
            seconds = await _refresh_due(resolver, database, pulse)
        except* DatabaseAway:
            pulse.become("waiting", "the database is away")
        if seconds > 0:
            await wake_up.wait(min(seconds, LOOK_SECONDS))


async def _refresh_due(resolver: Resolver, database: Database, pulse: Pulse) -> float:
    """One round; the seconds until the next is due."""
    async with database.connection() as connection:
        due = await accounts.due(connection, AT_ONCE)
        wait = await accounts.seconds_to_next(connection)
    async with trio.open_nursery() as nursery:
        for account in due:
            nursery.start_soon(_refresh, resolver, database, account, pulse)
    return 0.0 if due else LOOK_SECONDS if wait is None else max(wait, 0.1)


async def _refresh(resolver: Resolver, database: Database, account: accounts.Due, pulse: Pulse) -> None:
    try:
        await refresh(resolver, database, account.did)
    except DatabaseAway:
        raise
    except (Unavailable, BadInput) as error:
        pulse.counters["failed"] += 1
        log.info("identity_unavailable", did=account.did, reason=str(error), failures=account.failures + 1)
        async with database.transaction() as tx:
            await accounts.postpone(tx, account.did, seconds=_wait_seconds(account.failures))
        return
    pulse.counters["refreshed"] += 1
    pulse.handled += 1
    pulse.beat()


async def meet(resolver: Resolver, database: Database, did: str) -> accounts.Identity:
    """Ask about an account that may be new to us. Raises as `refresh`, and the queue has it then."""
    async with database.transaction() as tx:
        await ledger.take_lock(tx)
        await accounts.meet(tx, did)
    return await refresh(resolver, database, did)


async def refresh(resolver: Resolver, database: Database, did: str) -> accounts.Identity:
    """Ask the network about an account and keep the answer. Raises `Unavailable` or `BadInput` without one."""
    async with database.connection() as connection:
        asked_at, believed = await accounts.before_asking(connection, did)
    identity = await resolver.ask(did, believed=believed)
    async with database.transaction() as tx:
        await ledger.take_lock(tx)
        fresh = FRESH_SECONDS if identity.handle else UNCONFIRMED_SECONDS
        again = fresh * random.uniform(0.8, 1.2)  # noqa: S311 - spreads the load
        changed = await accounts.store(tx, identity, asked_at=asked_at, again_in_seconds=again)
        await changes.notify(tx, changed)
    return identity


def _wait_seconds(failures: int) -> float:
    """10 s, doubling with each failure, with jitter."""
    longest = min(10.0 * float(1 << min(failures, 20)), LONGEST_WAIT_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret


class Keys:
    """Signing keys for the firehose: those remembered, else those the index has, else asked for.

    A did:web host is not waited for, since whoever writes may name a slow one and so hold up the stream: its commits
    make the repository stale, until it was fetched and identity has asked for the key in its own time.
    """

    def __init__(self, resolver: Resolver, database: Database, *, remember: int = 100_000) -> None:
        self._resolver = resolver
        self._database = database
        self._remember = remember
        self._keys: dict[str, str | None] = {}

    async def __call__(self, did: str, *, fresh: bool = False) -> str | None:
        """Raises `Unavailable` or `BadInput` where no key can be had now."""
        if did in self._keys and not fresh:
            return self._keys[did]
        is_quick = did.startswith("did:plc:")
        key = None if fresh and is_quick else await self._stored(did)
        if key is None or (fresh and key == self._keys.get(did)):
            if not is_quick:
                raise Unavailable(f"{did} is asked about in its own time")
            document = await self._resolver.document(did)
            key = document.signing_key if document else None
        if len(self._keys) >= self._remember:
            self._keys.pop(next(iter(self._keys)))  # the oldest: it is looked up again when it posts
        self._keys[did] = key
        return key

    async def _stored(self, did: str) -> str | None:
        try:
            async with self._database.connection() as connection:
                return await accounts.key_of(connection, did)
        except DatabaseAway:
            return None
