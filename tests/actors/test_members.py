"""Members' grants: renewed by one at a time in all processes, kept sealed, and over when they are over."""

import time
from datetime import timedelta
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from actors.members import RENEWAL_SECONDS, RENEWALS, MemberAccounts, NoGrant
from actors.oauth import Grant, GrantOver, OAuth
from actors.repository import Repository
from daemon.pool import Pool
from forum import sessions
from forum.errors import Unavailable
from forum.own_writes import OwnWrite
from forum.records.names import POST
from forum.records.syntax import tid_of
from forum.sealing import Seal, opened, sealed
from tests.standins.account_server import CID
from tests.standins.member_servers import MemberServers

ANN, BOB = "did:plc:ann", "did:plc:bob"
SEAL = Seal("s" * 40)
RKEY = tid_of(1_700_000_000_000_000, 0)
BOARD = {"board": {"uri": f"at://{BOB}/space.atbb.forum.board/{RKEY}", "cid": CID}}
RECORD = {"$type": POST, "text": "Any", "board": BOARD, "createdAt": "2026-01-01T00:00:00Z"}


@pytest.fixture
def servers() -> MemberServers:
    return MemberServers()


@pytest.fixture
def members(database: Pool, servers: MemberServers) -> MemberAccounts:
    return accounts(database, servers)


def accounts(database: Pool, servers: MemberServers, seal: Seal = SEAL) -> MemberAccounts:
    return MemberAccounts(database, servers.web(), cast(OAuth, servers), seal)


async def signed_in(database: Pool, grant: Grant | None, did: str = ANN) -> str:
    """A session's cookie."""
    kept = None if grant is None else sealed(SEAL, grant)
    async with database.transaction() as tx:
        return await sessions.create(tx, did, timedelta(days=1), grant_sealed=kept)


async def kept(database: Pool, token: str) -> bytes | None:
    async with database.connection() as connection:
        return await sessions.grant_of(connection, token)


async def write(own: Repository) -> OwnWrite:
    return await own.put(POST, RKEY, RECORD)


async def test_writes_in_its_own_repository(database: Pool, servers: MemberServers, members: MemberAccounts) -> None:
    """Each session in that of its account; a token that lives is not renewed."""
    tokens = {did: await signed_in(database, servers.grant(did), did) for did in (ANN, BOB)}
    for did, token in tokens.items():
        assert (await members.use(token, write)).uri == f"at://{did}/{POST}/{RKEY}"
        assert [written["repo"] for written in servers.of(did).written] == [did]
    assert servers.refreshed == []


async def test_reads_show_no_token(database: Pool, servers: MemberServers, members: MemberAccounts) -> None:
    """What anybody may read is asked for by nobody."""
    token = await signed_in(database, servers.grant(ANN))
    await members.use(token, write)
    servers.of(ANN).forget_access()
    found = await members.use(token, lambda own: own.found(POST, RKEY))
    assert found.record == RECORD
    assert servers.refreshed == []


async def test_many_at_once_renew_once(database: Pool, servers: MemberServers) -> None:
    """Tasks of two processes meet a token that has ended: one of them renews it, and all write."""
    token = await signed_in(database, servers.grant(ANN, seconds=-1))
    both = [accounts(database, servers) for _ in range(2)]
    async with trio.open_nursery() as nursery:
        for process in both * 5:
            nursery.start_soon(process.use, token, write)
    assert servers.refreshed == [ANN]
    assert len(servers.of(ANN).written) == 10


async def test_renewed_before_the_end(database: Pool, servers: MemberServers, members: MemberAccounts) -> None:
    """Half a minute before: a request takes its time. What is kept is the new one, sealed."""
    token = await signed_in(database, servers.grant(ANN, seconds=29))
    await members.use(token, write)
    found = await kept(database, token)
    grant = opened(SEAL, found or b"", Grant)
    assert (grant.access, grant.refresh) == (servers.of(ANN).access, servers.of(ANN).refresh)
    assert grant.expires_at > time.time() + 60
    assert grant.access.encode() not in (found or b"")
    await members.use(token, write)
    assert servers.refreshed == [ANN]


async def test_token_ended_early(database: Pool, servers: MemberServers, members: MemberAccounts) -> None:
    """Whoever meets it at the server renews it, once for all."""
    token = await signed_in(database, servers.grant(ANN))
    servers.of(ANN).forget_access()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(members.use, token, write)
    assert servers.refreshed == [ANN]
    assert len(servers.of(ANN).written) == 5


async def test_over(database: Pool, servers: MemberServers, members: MemberAccounts) -> None:
    """Taken out of the session, which stays to read with; its server is not asked again."""
    token = await signed_in(database, servers.grant(ANN))
    servers.of(ANN).forget_session()
    for _ in range(3):
        with pytest.raises(GrantOver):
            await members.use(token, write)
    assert servers.refreshed == [ANN]
    assert await kept(database, token) == b""
    async with database.connection() as connection:
        assert await sessions.did_of(connection, token) == ANN


async def test_another_secret(database: Pool, servers: MemberServers) -> None:
    """What cannot be opened is as good as over; one more look with the old secret, and it is not."""
    token = await signed_in(database, servers.grant(ANN))
    with pytest.raises(GrantOver):
        await accounts(database, servers, Seal("t" * 40)).use(token, write)
    await accounts(database, servers, Seal("t" * 40, "s" * 40)).use(token, write)


async def test_operators_session(database: Pool, members: MemberAccounts) -> None:
    """It came with no grant; nor does one that is unknown."""
    for token in (await signed_in(database, None), "nobody's"):
        with pytest.raises(NoGrant):
            await members.use(token, write)


async def test_the_browser_goes_away(
    database: Pool, servers: MemberServers, members: MemberAccounts, mock_clock: MockClock
) -> None:
    """In the middle of renewing: what the server gave is kept nonetheless, for the old tokens are gone."""
    token = await signed_in(database, servers.grant(ANN, seconds=-1))
    servers.gate = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(members.use, token, write)
        while not servers.refreshed:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
        servers.gate.set()
    assert servers.of(ANN).written == []
    await members.use(token, write)
    assert servers.refreshed == [ANN]


async def test_others_do_not_wait_for_renewals(
    database: Pool, servers: MemberServers, members: MemberAccounts, mock_clock: MockClock
) -> None:
    """However many servers are silent: reading goes on, signed in or not, and so do writes that need none."""
    silent = [f"did:plc:silent{number}" for number in range(20)]
    tokens = [await signed_in(database, servers.grant(did, seconds=-1), did) for did in silent]
    async with database.connection() as connection:
        await connection.execute("UPDATE sessions SET seen_at = seen_at - interval '1 hour'")
    token = await signed_in(database, servers.grant(ANN))
    servers.gate = trio.Event()
    async with trio.open_nursery() as nursery:
        for one in tokens:
            nursery.start_soon(members.use, one, write)
        while len(servers.refreshed) < 3:
            await trio.lowlevel.checkpoint()
        await members.use(token, write)
        async with database.connection() as connection:
            for one in tokens:
                assert await sessions.did_of(connection, one) in silent
        assert len(servers.refreshed) == 3
        servers.gate.set()
    assert sorted(servers.refreshed) == sorted(silent)


async def test_waiting_for_a_turn_has_an_end(
    database: Pool, servers: MemberServers, members: MemberAccounts, mock_clock: MockClock
) -> None:
    """Whose turn does not come in time is told so, and their server is not asked on their behalf."""
    dids = [f"did:plc:silent{number}" for number in range(7)]
    tokens = [await signed_in(database, servers.grant(did, seconds=-1), did) for did in dids]
    servers.gate = trio.Event()

    async def try_to_write(token: str) -> None:
        with pytest.raises(Unavailable, match="in time"):
            await members.use(token, write)

    async with trio.open_nursery() as nursery:
        for token in tokens:
            nursery.start_soon(try_to_write, token)
        while len(servers.refreshed) < RENEWALS or members._renewing.statistics().tasks_waiting < 7 - RENEWALS:
            await trio.lowlevel.checkpoint()
        mock_clock.jump(RENEWAL_SECONDS + 1)
        servers.gate.set()
    assert len(servers.refreshed) == RENEWALS
