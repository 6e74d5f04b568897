"""Sessions as rows: what the cookie is, how long it lasts, and that the table does not give it away."""

from datetime import timedelta
from typing import Any

import pytest

from daemon.pool import Pool
from forum import sessions

ANN, BOB = "did:plc:ann", "did:plc:bob"
WEEK = timedelta(days=7)
AGE = "UPDATE sessions SET seen_at = seen_at - $1::interval, expires_at = expires_at - $1::interval"
LEFT = "SELECT extract(epoch FROM expires_at - now())::float FROM sessions"


async def signed_in(database: Pool, did: str = ANN, **more: Any) -> str:
    async with database.transaction() as tx:
        return await sessions.create(tx, did, WEEK, **more)


async def who(database: Pool, token: str) -> str | None:
    async with database.connection() as connection:
        return await sessions.did_of(connection, token)


async def value(database: Pool, query: str, *args: object) -> float:
    async with database.connection() as connection:
        return await connection.fetchval(query, *args)


async def test_stands_for_its_account(database: Pool) -> None:
    """Each cookie for the account it was made for, several for one if need be."""
    tokens = [await signed_in(database, did) for did in (ANN, BOB, ANN)]
    assert [await who(database, token) for token in tokens] == [ANN, BOB, ANN]
    assert len(set(tokens)) == 3


async def test_the_table_gives_no_cookie(database: Pool) -> None:
    """What is stored is not what is sent, in no column."""
    token = await signed_in(database)
    assert token not in await value(database, "SELECT sessions::text FROM sessions")
    assert await value(database, "SELECT octet_length(token_hash) FROM sessions") == 32


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é", "\ud800", "\x00", "A" * 1_000_000])
async def test_strange_cookies(database: Pool, token: str) -> None:
    """Whatever a client makes up is nobody's session, and no error."""
    await signed_in(database)
    assert await who(database, token) is None


async def test_ends(database: Pool) -> None:
    """Signing out ends this one session, once, and gives what is to be revoked."""
    token, other = await signed_in(database, grant_sealed=b"sealed"), await signed_in(database)
    async with database.transaction() as tx:
        ended = await sessions.end(tx, token)
        assert ended is not None
        assert ended.grant_sealed == b"sealed"
        assert ended.was_of(token)
        assert not ended.was_of(other)
        assert await sessions.end(tx, token) is None
    assert await who(database, token) is None
    assert await who(database, other) == ANN


async def test_its_owner_sees_and_ends_it(database: Pool) -> None:
    """By its id, and nobody else does; what has expired is no longer there."""
    await signed_in(database)
    await value(database, AGE, WEEK)
    tokens = [await signed_in(database, did, user_agent=did) for did in (ANN, BOB, ANN)]
    async with database.transaction() as tx:
        newest, oldest = await sessions.sessions_of(tx, ANN)
        assert [newest.is_of(token) for token in tokens] == [False, False, True]
        assert [oldest.is_of(token) for token in tokens] == [True, False, False]
        assert newest.user_agent == ANN
        assert await sessions.end_by_id(tx, BOB, oldest.id) is None
        assert await sessions.end_by_id(tx, ANN, oldest.id) is not None
        assert await sessions.end_by_id(tx, ANN, oldest.id) is None
        assert [found.id for found in await sessions.sessions_of(tx, ANN)] == [newest.id]
    assert [await who(database, token) for token in tokens] == [None, BOB, ANN]


@pytest.mark.parametrize("said", ["a\0b", "x" * 100_000, "", "ü"])
async def test_strange_browsers(database: Pool, said: str) -> None:
    """What a browser says of itself is kept as far as it can be."""
    token = await signed_in(database, user_agent=said)
    assert await who(database, token) == ANN
    assert await value(database, "SELECT length(user_agent) <= 300 FROM sessions")


async def test_nothing_secret_is_shown(database: Pool) -> None:
    """Neither the hash nor the grant is in what might be logged."""
    token = await signed_in(database, grant_sealed=b"sealed-grant")
    async with database.transaction() as tx:
        [found] = await sessions.sessions_of(tx, ANN)
        ended = await sessions.end(tx, token)
    assert "hash" not in f"{found!r} {ended!r}"
    assert "sealed" not in f"{found!r} {ended!r}"


async def test_slides(database: Pool) -> None:
    """Use moves the end by the session's own length; unused, it ends."""
    token = await signed_in(database)
    await value(database, AGE, timedelta(days=6))
    assert await who(database, token) == ANN
    assert await value(database, LEFT) > timedelta(days=6).total_seconds()
    await value(database, AGE, WEEK)
    assert await who(database, token) is None


async def test_is_written_once_a_minute(database: Pool) -> None:
    """A busy session costs no write per request."""
    token = await signed_in(database)
    await value(database, AGE, timedelta(seconds=30))
    seen = await value(database, "SELECT seen_at FROM sessions")
    assert await who(database, token) == ANN
    assert await value(database, "SELECT seen_at FROM sessions") == seen


async def test_expired_ones_are_swept_out(database: Pool) -> None:
    """The next sign-in removes them."""
    await signed_in(database)
    await value(database, AGE, WEEK)
    await signed_in(database, BOB)
    assert await value(database, "SELECT count(*) FROM sessions") == 1
