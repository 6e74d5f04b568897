"""Snapshots as they are really taken, page by page from a server, while the repository moves and the stream goes on."""

import random
from collections import Counter
from collections.abc import Mapping
from functools import partial

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.committer import Committer, Delivery, run_committer
from actors.hosts import Hosts, Patience
from actors.snapshots import take_snapshot
from actors.web_client import open_web_client
from daemon.pool import Pool
from forum import ledger
from forum.database import Connection
from forum.errors import BadInput, Unavailable
from forum.protocol.events import RecordOp
from forum.records import check_record
from forum.records.datamodel import cid_of
from forum.records.names import BOARD, FORUM, MEMBERSHIP, MOD_ACTION, POST, REACTION
from tests.standins.pds import LIST, Net, Params, Record, Repo, small_net
from tests.support.database import with_databases
from tests.support.forum import ANN, BOB, STAMP, F, act, board, membership, reaction, reply, tid, topic, uri
from tests.support.index import build, miscounts_of, state_of
from tests.support.site import Reply


class NoBook:
    async def finished(self, tx: Connection, records: Mapping[str, int]) -> None:
        return None


def op_of(repo: Repo, collection: str, rkey: str) -> RecordOp:
    """What is there now, as a decoder gives it: a record, a delete, or a refusal."""
    record = repo.records[collection].get(rkey)
    op = partial(RecordOp, did=repo.did, collection=collection, rkey=rkey, rev=repo.rev)
    if record is None:
        return op()
    try:
        check_record(collection, rkey, record)
    except BadInput as bad:
        return op(why=bad.reason)
    return op(cid=cid_of(record), record=record)


class History:
    """Repositories in motion, and an index that hears of it by a lossy stream and by snapshots."""

    def __init__(self, net: Net, hosts: Hosts, pool: Pool, committer: Committer, dice: random.Random) -> None:
        self.hosts, self.pool, self.committer, self.dice = hosts, pool, committer, dice
        self.repos = {did: net.add(did, "home") for did in (F, ANN, BOB)}
        self.repos[F].put(BOARD, tid(0), board())
        self.lost = Counter(dict.fromkeys(self.repos, 1))  # commits that never came, until a later snapshot did
        self.waiting: list[RecordOp] = []
        self.seen: list[RecordOp] = []

    def any_post(self) -> str:
        return uri(self.dice.choice([ANN, BOB]), self.dice.randrange(6))

    def something(self, did: str) -> tuple[str, str, Record]:
        rkey = tid(self.dice.randrange(6))
        text = f"{did} {self.dice.randrange(10**6)}"
        if did == F:
            pair = self.dice.choice(["ban", "unban", "pin", "unpin", "lock", "unlock", "delete", "undelete"])
            subject = self.dice.choice([ANN, BOB]) if "ban" in pair else self.any_post()
            forum = {"name": text, "createdAt": STAMP}
            return self.dice.choice([(MOD_ACTION, rkey, act(pair, subject)), (FORUM, "self", forum)])
        post = self.dice.choice([topic(text), reply(self.any_post(), text), {"text": "invalid"}])
        others = [(MEMBERSHIP, rkey, membership()), (REACTION, rkey, reaction(self.any_post()))]
        return self.dice.choice([*[(POST, rkey, post)] * 5, *others])

    def happen(self) -> None:
        """A commit; three in ten are lost."""
        repo = self.repos[self.dice.choice(list(self.repos))]
        collection, rkey, record = self.something(repo.did)
        repo.put(collection, rkey, record)
        if self.dice.random() < 0.3:
            del repo.records[collection][rkey]
        if self.dice.random() < 0.3:
            self.lost[repo.did] += 1
        else:
            self.waiting.append(op_of(repo, collection, rkey))

    async def live(self) -> None:
        """A few events in any order, with replays."""
        self.dice.shuffle(self.waiting)
        count = self.dice.randrange(3)  # fewer than happen, so that some are overtaken by snapshots
        batch, self.waiting = self.waiting[:count], self.waiting[count:]
        ops = batch + self.dice.choices(self.seen, k=2) if self.seen else batch
        self.seen += batch
        async with self.pool.transaction() as tx:
            await ledger.take_lock(tx)
            await ledger.apply(tx, ops, forum_did=F)

    async def busy_page(self, params: Params) -> Reply:
        """Three records a page; before each, life goes on, and now and then the server fails."""
        for _ in range(self.dice.randrange(3)):
            self.happen()
        if self.dice.random() < 0.4:
            await self.live()
        if self.dice.random() < 0.05:
            return Reply(500)
        return self.repos[params["repo"]].page({**params, "limit": "3"})

    async def snapshot(self, did: str) -> None:
        """Take one; half of one is as if a commit was lost."""
        lost, self.lost[did] = self.lost[did], self.lost[did] + 1
        try:
            taken = await take_snapshot(
                self.hosts, self.repos[did].home.url, did, self.committer.commit, forum_did=F, synced_rev=None
            )
        except Unavailable:
            return
        assert taken is not None
        await self.committer.commit(taken.last)
        if self.lost[did] == lost + 1:
            del self.lost[did]

    async def run(self, steps: int) -> None:
        for repo in self.repos.values():
            repo.scripts[LIST] = self.busy_page
        for _ in range(steps):
            self.happen()
            await self.live()
            if self.dice.random() < 0.3:
                async with trio.open_nursery() as nursery:
                    for did in self.dice.sample(list(self.repos), self.dice.randrange(1, 3)):
                        nursery.start_soon(self.snapshot, did)
        for repo in self.repos.values():
            repo.scripts.clear()
        while self.waiting or self.lost:
            if self.lost and self.dice.random() < 0.5:
                await self.snapshot(self.dice.choice(list(self.lost)))
            else:
                await self.live()


@pytest.mark.slow
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 25))
@settings(max_examples=20, deadline=None)
def test_snapshots_and_live_events_end_equal(seed: int, steps: int, postgres_dsn: str) -> None:
    """However they interleave: the index is what the repositories say, and nothing is stale."""

    async def main() -> None:
        async with (
            with_databases(postgres_dsn, 2) as (index, rebuilt),
            small_net("home") as net,
            open_web_client(development=True, seconds=60) as client,
            trio.open_nursery() as nursery,
        ):
            send, receive = trio.open_memory_channel[Delivery](0)
            nursery.start_soon(partial(run_committer, receive, index, NoBook(), forum_did=F))
            hosts = Hosts(client, per_second=100_000, patience=Patience(parkings=10**9, first_parking_seconds=0))
            history = History(net, hosts, index, Committer(send), random.Random(seed))
            await history.run(steps)
            send.close()
            repos = {
                did: {name: {key: op_of(repo, name, key) for key in repo.records[name]} for name in repo.records}
                for did, repo in history.repos.items()
            }
            await build(rebuilt, F, repos, rev=tid(10**6))
            async with index.connection() as one, rebuilt.connection() as other:
                assert await miscounts_of(one) == {}
                assert await state_of(one) == await state_of(other)
                assert await one.fetchval("SELECT count(*) FROM repos WHERE stale_since IS NOT NULL") == 0

    trio.run(main)
