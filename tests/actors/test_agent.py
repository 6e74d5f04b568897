"""The forum's agent at a server of its own: signed in whenever that can be, and never asking too often."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import structlog
import trio
from trio.testing import MockClock

from actors.agent import (
    NO_PASSWORD,
    WRONG_ACCOUNT,
    WRONG_PASSWORD,
    ForumAccount,
    Login,
    ReadOnly,
    Session,
    account_of,
    run_agent,
)
from actors.health import Pulse
from actors.pds_client import UNTOLD_LIFETIME_SECONDS, PdsClient, Refused, lifetime_of
from actors.resolver import Resolver
from forum.errors import Unavailable
from forum.records.names import CATEGORY
from tests.standins.account_server import CID, DID, HANDLE, PASSWORD, AccountServer

HOST = "https://pds.example.org"
LOGIN = Login(did=DID, identifier=HANDLE, password=PASSWORD, pds_url=HOST)
RECORD = {"$type": CATEGORY, "name": "Any", "createdAt": "2026-01-01T00:00:00Z"}
AWAY = httpx.Response(502, text="<html>bad gateway")
TEN = timedelta(seconds=10)


@asynccontextmanager
async def agent(server: AccountServer, login: Login = LOGIN) -> AsyncIterator[ForumAccount]:
    """An agent at work, after its first attempt."""
    account = account_of(login)
    assert account.state.status == "initializing"
    resolver = Resolver(
        client=server.client(),
        plc_url="https://plc.example.org",
        handle_resolver_url=None,
        dns_server=None,
        development=False,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_agent, account, login, resolver, Pulse("agent"))
        await trio.testing.wait_all_tasks_blocked()
        yield account
        nursery.cancel_scope.cancel()


async def test_signs_in_and_writes(autojump_clock: MockClock) -> None:
    """Each kind of write, with what the server says of it."""
    server = AccountServer()
    async with agent(server) as account:
        assert account.state.status == "authenticated"
        assert account.state.last_attempt is not None
        assert account.did == DID
        made = await account.create(CATEGORY, RECORD)
        assert made.uri == f"at://{DID}/{CATEGORY}/{made.rkey}"
        assert made.rev is not None
        there = await account.record(CATEGORY, made.rkey)
        assert there is not None
        assert (there.cid, there.record) == (made.cid, RECORD)
        changed = await account.put(CATEGORY, made.rkey, {**RECORD, "name": "Other"}, swap=made.cid)
        assert changed.cid != made.cid
        again = await account.put(CATEGORY, made.rkey, {**RECORD, "name": "Other"})
        assert again.cid == changed.cid
        gone = await account.delete(CATEGORY, made.rkey)
        assert (gone.cid, gone.record) == (None, None)
        assert await account.record(CATEGORY, made.rkey) is None
        assert (await account.delete(CATEGORY, made.rkey)).cid is None
    assert {write["repo"] for write in server.written} == {DID}


async def test_without_a_password() -> None:
    """There is nothing to do, and whoever would write is told."""
    account = account_of(None)
    resolver = Resolver(
        client=AccountServer().client(), plc_url=HOST, handle_resolver_url=None, dns_server=None, development=False
    )
    await run_agent(account, None, resolver, Pulse("agent"))
    assert (account.state.status, account.state.error) == ("unavailable", NO_PASSWORD)
    with pytest.raises(ReadOnly, match="can only be read"):
        await account.create(CATEGORY, RECORD)


@pytest.mark.parametrize(
    "answer",
    [
        AWAY,
        httpx.Response(429, json={"error": "RateLimitExceeded"}),
        httpx.Response(404, text="no such page"),
        httpx.Response(200, text="{"),
        httpx.Response(200, json={"did": DID, "accessJwt": "a\nb", "refreshJwt": "c"}),
    ],
    ids=["away", "busy", "nothing", "no json", "bad token"],
)
async def test_waits_longer_each_time(autojump_clock: MockClock, answer: httpx.Response) -> None:
    """10, 20, 40, 80, then 160 s, without end; the first success starts it over."""
    server = AccountServer(answers={"createSession": answer})
    async with agent(server) as account:
        state = account.state
        assert (state.status, state.retry_count) == ("retrying", 1)
        assert state.last_attempt is not None
        assert state.next_retry_at is not None
        assert state.last_attempt + TEN <= state.next_retry_at <= datetime.now(UTC) + TEN
        with pytest.raises(ReadOnly):
            await account.create(CATEGORY, RECORD)
        await trio.sleep(500)
        times = server.times("createSession")
        assert [round(at - times[0]) for at in times] == [0, 10, 30, 70, 150, 310, 470]
        assert account.state.retry_count == 7
        server.answers.clear()
        await trio.sleep(160)
        assert (account.state.status, account.state.retry_count, account.state.error) == ("authenticated", 0, None)


@pytest.mark.parametrize(
    ("server", "login", "error"),
    [
        (AccountServer(), replace(LOGIN, password="wrong"), WRONG_PASSWORD),
        (AccountServer(did="did:plc:" + "e" * 24), LOGIN, WRONG_ACCOUNT),
        (
            AccountServer(answers={"createSession": httpx.Response(400, json={"error": "AccountTakedown"})}),
            LOGIN,
            "The server of the forum's account refuses to sign it in: AccountTakedown.",
        ),
    ],
    ids=["password", "account", "takedown"],
)
async def test_what_is_final(autojump_clock: MockClock, server: AccountServer, login: Login, error: str) -> None:
    """It is not asked again, and health says why."""
    async with agent(server, login) as account:
        await trio.sleep(24 * 3600)
        assert (account.state.status, account.state.error) == ("failed", error)
        with pytest.raises(ReadOnly) as refused:
            await account.create(CATEGORY, RECORD)
        assert str(refused.value).endswith(error)
    assert len(server.asked) == 1


async def test_refreshes_before_the_end(autojump_clock: MockClock) -> None:
    """At nine tenths of what the token says; writers never meet one that has ended."""
    server = AccountServer(lifetime_seconds=1000)
    async with agent(server) as account:
        await trio.sleep(1850)
        await account.create(CATEGORY, RECORD)
    start = server.times("createSession")
    assert [round(at - start[0]) for at in server.times("refreshSession")] == [900, 1800]
    assert len(start) == 1


async def test_token_ended_early(autojump_clock: MockClock) -> None:
    """Of many writers who meet it at once one refreshes, and all write."""
    server = AccountServer()
    async with agent(server) as account:
        server.forget_access()
        async with trio.open_nursery() as writers:
            for _ in range(5):
                writers.start_soon(account.create, CATEGORY, RECORD)
        assert account.state.status == "authenticated"
    assert len(server.times("refreshSession")) == 1
    assert len(server.written) == 5


async def test_session_ended(autojump_clock: MockClock) -> None:
    """The writer is told to wait; the agent signs in anew at once, with the password."""
    server = AccountServer()
    async with agent(server) as account:
        server.forget_session()
        with pytest.raises(ReadOnly, match="signed out"):
            await account.create(CATEGORY, RECORD)
        assert account.state.status == "retrying"
        await trio.testing.wait_all_tasks_blocked()
        assert account.state.status == "authenticated"
        await account.create(CATEGORY, RECORD)
    assert len(server.times("createSession")) == 2


async def test_server_away_while_writing(autojump_clock: MockClock) -> None:
    """Others are told at once, without asking it; it is tried again by the agent alone."""
    server = AccountServer()
    async with agent(server) as account:
        server.answers = {"createRecord": AWAY, "refreshSession": AWAY}
        for _ in range(3):
            with pytest.raises(ReadOnly, match="does not answer"):
                await account.create(CATEGORY, RECORD)
        assert len(server.times("createRecord")) == 1
        await trio.testing.wait_all_tasks_blocked()
        assert account.state.retry_count == 1
        server.answers.clear()
        await trio.sleep(11)
        await account.create(CATEGORY, RECORD)


async def test_a_server_that_tells_no_commit(autojump_clock: MockClock) -> None:
    """It need not: what it has by then is asked for. And where that cannot be had, the write is done all the same."""
    server = AccountServer(tells_commits=False)
    async with agent(server) as account:
        made = await account.create(CATEGORY, RECORD)
        assert made.rev == server.commit()["rev"]
        assert made.record == RECORD
        gone = await account.delete(CATEGORY, made.rkey)
        assert (gone.rev, gone.record) == (server.commit()["rev"], None)
        server.answers["getLatestCommit"] = AWAY
        made = await account.create(CATEGORY, RECORD)
        assert (made.rev, made.record) == (None, RECORD)
        assert account.state.status == "authenticated"


async def test_writes_all_at_once_or_nothing(autojump_clock: MockClock) -> None:
    """In one commit, over the one that was looked at."""
    server = AccountServer()
    async with agent(server) as account:
        head = await account.head()
        records = [{**RECORD, "name": name} for name in ("One", "Two")]
        made = await account.create_all(CATEGORY, records, over=head)
        assert [write.record for write in made] == records
        assert len({write.rev for write in made}) == 1
        assert {op.uri for op in await account.records(CATEGORY)} == {write.uri for write in made}
        with pytest.raises(Refused, match="InvalidSwap"):
            await account.create_all(CATEGORY, records, over=head)
        assert len(await account.records(CATEGORY)) == 2


async def test_refusals_are_the_writers_affair(autojump_clock: MockClock) -> None:
    """A record the server will not take says nothing of the session."""
    server = AccountServer()
    async with agent(server) as account:
        server.refuse("putRecord", "InvalidSwap")
        with pytest.raises(Refused) as refused:
            await account.put(CATEGORY, "3kabc", RECORD, swap=CID)
        assert refused.value.name == "InvalidSwap"
        assert account.state.status == "authenticated"


async def test_asks_where_the_account_lives(autojump_clock: MockClock) -> None:
    """Without PDS_URL the DID document tells, and is waited for."""
    server = AccountServer()
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": HOST}
    async with agent(server, replace(LOGIN, pds_url=None)) as account:
        assert account.state.status == "retrying"
        server.answers[f"/{DID}"] = httpx.Response(200, json={"id": DID, "service": [service]})
        await trio.sleep(11)
        assert account.state.status == "authenticated"


@pytest.mark.parametrize("answer", [{}, {"uri": 1}, {"uri": "at://else/x/y", "cid": CID}, {"uri": "", "cid": "no"}, []])
async def test_writes_answered_with_nonsense(answer: object) -> None:
    server = AccountServer()
    pds = PdsClient(server.client(), HOST)
    repository = Session(pds, await pds.create_session(HANDLE, PASSWORD)).repository
    server.answers["createRecord"] = httpx.Response(200, json=answer)
    with pytest.raises(Unavailable, match="no sensible answer"):
        await repository.create(CATEGORY, RECORD)


@pytest.mark.parametrize("results", [None, 1, [], [{}], [1], [{"uri": f"at://{DID}/{CATEGORY}/3kabc", "cid": CID}]])
async def test_many_writes_answered_with_nonsense(results: object) -> None:
    server = AccountServer()
    pds = PdsClient(server.client(), HOST)
    repository = Session(pds, await pds.create_session(HANDLE, PASSWORD)).repository
    server.answers["applyWrites"] = httpx.Response(200, json={"commit": {}, "results": results})
    with pytest.raises(Unavailable, match="no sensible answer"):
        await repository.create_all(CATEGORY, [RECORD], over=await repository.head())


async def test_secrets_stay_out_of_words(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """Neither reprs nor logs nor the state name a password, a token, a host or an account."""
    server = AccountServer()
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as events:
        async with agent(server) as account:
            tokens = await PdsClient(server.client(), HOST).create_session(HANDLE, PASSWORD)
            server.forget_session()
            server.answers["createSession"] = AWAY
            with pytest.raises(ReadOnly):
                await account.create(CATEGORY, RECORD)
            await trio.testing.wait_all_tasks_blocked()
            words = f"{events} {caplog.text} {LOGIN!r} {tokens!r} {account.state}"
            for secret in (PASSWORD, tokens.access, tokens.refresh):
                assert secret not in words
            for name in (HANDLE, DID, "pds.example.org"):
                assert name not in str(account.state)


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.!!.c", "e30.e30.x", "e30.W10.x", "e30.bnVsbA.x"])
def test_tokens_that_tell_no_end(token: str) -> None:
    assert lifetime_of(token) == UNTOLD_LIFETIME_SECONDS
