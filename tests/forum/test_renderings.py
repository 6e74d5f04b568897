"""Kept renderings go with the text they were made of, in its transaction, whoever is reading meanwhile."""

import pytest
import trio

from daemon.pool import Pool
from forum import accounts, ledger
from forum.reads.bodies import Body, keep_renderings
from tests.support.forum import ANN, BOB, F, Index, gone, put, reply, topic, uri

TOPIC, REPLY = uri(ANN, 1), uri(BOB, 2)


async def kept(index: Index) -> list[str]:
    return [row[0] for row in await index.rows("SELECT uri FROM renderings ORDER BY uri")]


async def keep(index: Index, *uris: str) -> None:
    """As a page does that has just shown these posts."""
    cids = dict(await index.rows("SELECT uri, cid FROM posts"))
    made = [(Body(uri=one, cid=cids.get(one, "none"), text="", markdown=None, html=None), "html") for one in uris]
    async with index.database.connection() as connection:
        await keep_renderings(connection, made)


@pytest.fixture
async def talk(index: Index) -> Index:
    await index.apply(put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(TOPIC)))
    await keep(index, TOPIC, REPLY)
    assert await kept(index) == [TOPIC, REPLY]
    return index


async def test_edited(talk: Index) -> None:
    await talk.apply(put(ANN, 1, 3, topic("new")))
    assert await kept(talk) == [REPLY]


async def test_deleted_and_left_as_a_tombstone(talk: Index) -> None:
    await talk.apply(gone(ANN, 1, 3))
    assert await talk.one("SELECT deleted_at IS NOT NULL FROM posts WHERE uri = $1", TOPIC)
    assert await kept(talk) == [REPLY]
    await keep(talk, TOPIC, REPLY)
    assert await kept(talk) == [REPLY]  # a page that was slower than the deletion


async def test_deleted_for_good(talk: Index) -> None:
    await talk.apply(gone(BOB, 2, 3, why="too_long"))
    assert await kept(talk) == [TOPIC]


async def test_gone_from_a_snapshot(talk: Index) -> None:
    await talk.snapshot(BOB, 5)
    assert await kept(talk) == [TOPIC]


async def test_erased_with_its_author(talk: Index) -> None:
    """What the account was called goes, too."""
    for handle in ("old.test", "new.test"):
        await talk.do("UPDATE accounts SET handle = $2 WHERE did = $1", ANN, handle)
    assert await talk.one("SELECT count(*) FROM former_handles") == 1
    identity = accounts.Identity(did=ANN, handle=None, pds=None, signing_key=None, status="deleted")
    async with talk.writing() as tx:
        await accounts.store(tx, identity, asked_at=await tx.fetchval("SELECT now()"), again_in_seconds=60)
    assert await kept(talk) == [REPLY]
    assert await talk.one("SELECT count(*) FROM former_handles") == 0


async def test_read_while_it_is_being_deleted(talk: Index, database: Pool) -> None:
    """The page does not wait for the deletion, and keeps nothing of what is about to go."""
    await talk.do("DELETE FROM renderings")
    async with database.transaction() as tx:
        await ledger.take_lock(tx)
        await ledger.apply(tx, [gone(ANN, 1, 3)], forum_did=F)
        with trio.fail_after(60):
            await keep(talk, TOPIC, REPLY)
    assert await kept(talk) == [REPLY]


async def test_deleted_while_it_is_being_read(talk: Index, database: Pool) -> None:
    """The deletion waits for the page's keeping, and then finds what it must drop."""
    await talk.do("DELETE FROM renderings")
    async with trio.open_nursery() as nursery, database.transaction() as reading:
        await keep_renderings(
            reading,
            [(Body(uri=TOPIC, cid=put(ANN, 1, 1, topic()).cid or "", text="", markdown=None, html=None), "")],
        )
        nursery.start_soon(talk.apply, gone(ANN, 1, 3))
        await until_somebody_waits(talk)
    assert await kept(talk) == []


async def until_somebody_waits(index: Index) -> None:
    """For a lock that another transaction holds."""
    while not await index.one("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        await trio.lowlevel.checkpoint()
