"""The heart: whatever order, however often, with whatever crashes, the index ends equal to the repositories.

A random history of a forum and its members is delivered live (reordered, duplicated, partly never), mixed with
snapshots read page by page at later moments, some abandoned; transactions fail at their end; the default role is set
now to this, now to that. PostgreSQL is real.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.pool import Pool
from forum import ledger
from forum.database import Connection
from forum.permissions import CREATE_POSTS, CREATE_TOPICS, EVERYTHING
from forum.protocol.events import RecordOp
from forum.records.names import BOARD, FORUM, GRANT, MEMBERSHIP, MOD_ACTION, POST, REACTION, ROLE
from forum.records.syntax import tid_of
from forum.visibility import keep_settings
from tests.support.database import with_databases
from tests.support.index import Repos, build, miscounts_of, state_of
from tests.support.rule import Rule

F = "did:plc:forum"
MEMBERS = ("did:plc:ann", "did:plc:bob", "did:plc:cat")
START = 1_700_000_000_000_000
ROLES = ("Member", "Member", "Guest")
PERMISSIONS = ((CREATE_TOPICS, CREATE_POSTS), (CREATE_POSTS,), (EVERYTHING,), ())
DEFAULT_ROLES = ("Member", "Guest", "")
COLLECTIONS = {F: (FORUM, BOARD, MOD_ACTION, ROLE, GRANT), **dict.fromkeys(MEMBERS, (POST, MEMBERSHIP, REACTION))}
LATEST = tid_of(START + 10**12, 0)
SHOWN = "SELECT uri FROM posts WHERE shown"


class Crash(Exception):
    """The process dies before the transaction commits."""


@dataclass
class World:
    """Repositories with their whole history; `at(did, n)` is what they held after commit n."""

    dice: random.Random
    clock: int = START
    commits: list[tuple[RecordOp, ...]] = field(default_factory=list)
    now: dict[str, dict[str, dict[str, RecordOp]]] = field(
        default_factory=lambda: {did: {c: {} for c in collections} for did, collections in COLLECTIONS.items()}
    )
    uris: list[str] = field(default_factory=lambda: [f"at://{MEMBERS[0]}/{POST}/{tid_of(START, 9)}"])
    topics: list[str] = field(default_factory=list)

    def any_topic(self) -> str:
        """One of the few first topics as a rule, so that things meet; now and then any post at all."""
        return self.dice.choice(self.topics[:3] if self.topics and self.dice.random() < 0.8 else self.uris)

    def tick(self) -> str:
        self.clock += self.dice.randrange(1, 3) * 1_000_000
        return tid_of(self.clock, self.dice.randrange(4))

    def stamp(self) -> str:
        seconds = self.dice.randrange(60)
        return f"2023-11-14T22:13:{seconds:02d}Z"

    def commit(self, *changes: tuple[str, str, str, dict[str, Any] | None, str | None]) -> None:
        """(did, collection, rkey, record or None, why) each; one revision."""
        rev = self.tick()
        ops = []
        for did, collection, rkey, record, why in changes:
            cid = None if record is None else f"cid{rev}"
            op = RecordOp(did=did, collection=collection, rkey=rkey, rev=rev, record=record, cid=cid, why=why)
            here = self.now[did][collection]
            if record is None and why is None:
                here.pop(rkey, None)
            else:
                here[rkey] = op
            ops.append(op)
        self.commits.append(tuple(ops))

    def step(self) -> None:
        """Something happens in the forum."""
        often = [self.post, self.post, self.reply, self.reply]
        self.dice.choice([*often, self.change, self.remove, self.moderate, self.join, self.give, self.define])()

    def post(self) -> None:
        did, rkey = self.dice.choice(MEMBERS), self.tick()
        owner = self.dice.choice([F, F, F, "did:plc:other"])
        record = {
            "text": rkey,
            "title": "t",
            "board": {"board": {"uri": f"at://{owner}/{BOARD}/b{self.dice.randrange(2)}"}},
        }
        self.uris.append(f"at://{did}/{POST}/{rkey}")
        self.topics.append(self.uris[-1])
        self.commit((did, POST, rkey, record | {"createdAt": self.stamp()}, None))

    def reply(self) -> None:
        did, rkey = self.dice.choice(MEMBERS), self.tick()
        root, parent = self.any_topic(), self.dice.choice(self.uris)
        record = {"text": rkey, "reply": {"root": {"uri": root}, "parent": {"uri": parent}}}
        self.uris.append(f"at://{did}/{POST}/{rkey}")
        self.commit((did, POST, rkey, record | {"createdAt": self.stamp()}, None))

    def change(self) -> None:
        """An edit, of one in five to something invalid; boards come, change and go."""
        did, _, rkey = self.dice.choice(self.uris).removeprefix("at://").split("/")
        record = {"text": f"edit {self.clock}", "createdAt": self.stamp()}
        if self.dice.random() < 0.3:
            record["reply"] = {"root": {"uri": self.dice.choice(self.uris)}, "parent": {"uri": self.uris[0]}}
        else:
            record["board"] = {"board": {"uri": f"at://{self.dice.choice([F, 'did:plc:other'])}/{BOARD}/b0"}}
        if self.dice.random() < 0.2:
            self.commit((did, POST, rkey, None, "too_long"))
        else:
            self.commit((did, POST, rkey, record, None))

    def remove(self) -> None:
        gone = [self.dice.choice(self.uris).removeprefix("at://").split("/") for _ in range(self.dice.randrange(1, 3))]
        self.commit(*{(did, POST, rkey, None, None) for did, _, rkey in gone if did == gone[0][0]})

    def moderate(self) -> None:
        action = self.dice.choice(["ban", "mute", "lock", "pin", "delete"])
        action = self.dice.choice([action, f"un{action}"])
        subject: dict[str, Any] = {"post": {"uri": self.any_topic()}}
        if action.endswith(("ban", "mute")):
            subject = {"did": self.dice.choice(MEMBERS)}
        record = {"action": f"{MOD_ACTION}.{action}", "subject": subject, "createdBy": F, "createdAt": self.stamp()}
        known = list(self.now[F][MOD_ACTION])
        if known and self.dice.random() < 0.2:
            self.commit((F, MOD_ACTION, self.dice.choice(known), None, None))
        else:
            self.commit((F, MOD_ACTION, self.tick(), record, None))

    def give(self) -> None:
        """A grant, of a role that may not be there or of none; one in five is taken back."""
        role = self.dice.choice([None, *(f"at://{F}/{ROLE}/r{n}" for n in range(4))])
        given = {"role": {"role": {"uri": role}}} if role else {}
        record = {"subject": self.dice.choice(MEMBERS), "createdBy": F, "createdAt": self.stamp(), **given}
        known = list(self.now[F][GRANT])
        if known and self.dice.random() < 0.2:
            self.commit((F, GRANT, self.dice.choice(known), self.dice.choice([record, None]), None))
        else:
            self.commit((F, GRANT, self.tick(), record, None))

    def define(self) -> None:
        """A role comes, changes or goes."""
        role = {"name": self.dice.choice(ROLES), "permissions": self.dice.choice(PERMISSIONS), "priority": 1}
        record = self.dice.choice([role | {"createdAt": self.stamp()}, None])
        self.commit((F, ROLE, f"r{self.dice.randrange(3)}", record, None))

    def join(self) -> None:
        did = self.dice.choice(MEMBERS)
        board = {"name": f"b{self.clock}", "category": {"category": {"uri": "at://x"}}, "createdAt": self.stamp()}
        forum = {"forum": {"forum": {"uri": f"at://{self.dice.choice([F, 'did:plc:other'])}/{FORUM}/self"}}}
        subject = {"subject": {"uri": self.dice.choice(self.uris)}, "emoji": "🌻", "createdAt": self.stamp()}
        key = f"k{self.dice.randrange(2)}"
        tid = tid_of(START + self.dice.randrange(3), 0)
        self.commit(
            self.dice.choice(
                [
                    (F, BOARD, f"b{self.dice.randrange(2)}", self.dice.choice([board, None]), None),
                    (did, MEMBERSHIP, tid, self.dice.choice([forum | {"createdAt": self.stamp()}, None]), None),
                    (did, REACTION, key, self.dice.choice([subject, None]), None),
                    (F, FORUM, "self", {"name": f"n{self.clock}"}, None),
                ]
            )
        )


@dataclass
class Begun:
    snapshot: ledger.Snapshot
    mark: int
    after: int  # so many commits


class Delivery:
    """Brings a world's commits to an index in a random way, and at last completely."""

    def __init__(self, world: World, pool: Pool, dice: random.Random) -> None:
        self.world, self.pool, self.dice = world, pool, dice
        self.waiting: list[tuple[RecordOp, ...]] = []
        self.seen: list[tuple[RecordOp, ...]] = []
        self.begun: Begun | None = None
        self.missed: dict[str, int] = {}  # DID → the number of the last commit that was never delivered
        self.default_role = dice.choice(DEFAULT_ROLES)

    async def write(self, work: Callable[[Connection], Awaitable[Any]], *, may_crash: bool = True) -> Any:
        try:
            async with self.pool.transaction() as tx:
                await ledger.take_lock(tx)
                result = await work(tx)
                if may_crash and self.dice.random() < 0.15:
                    raise Crash
                return result
        except Crash:
            return None

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            self.happen()
            await self.dice.choice([self.live] * 4 + [self.snap] * 2 + [self.page] * 2 + [self.restart])()
        await self.finish()

    async def restart(self, role: str | None = None) -> None:
        """With settings that may be others."""
        role = self.dice.choice(DEFAULT_ROLES) if role is None else role
        await self.write(lambda tx: keep_settings(tx, forum_did=F, default_role=role), may_crash=False)

    async def finish(self) -> None:
        """All that is missing comes: what waits, whole repositories where something was missed, and old replays."""
        await self.restart(self.default_role)
        missed = sorted(self.missed)
        while self.waiting or missed:
            if missed and self.dice.random() < 0.4:
                did = missed.pop()
                await self.write(lambda tx, did=did: self.whole(tx, did), may_crash=False)
            else:
                await self.live(may_crash=False)
        for _ in range(3):
            await self.live(may_crash=False)

    def happen(self) -> None:
        before = len(self.world.commits)
        self.world.step()
        for commit in self.world.commits[before:]:
            if self.dice.random() < 0.2:
                self.missed[commit[0].did] = len(self.world.commits)
            else:
                self.waiting.append(commit)

    async def live(self, *, may_crash: bool = True) -> None:
        """A few waiting commits and replays, in any order, in one batch."""
        self.dice.shuffle(self.waiting)
        batch = self.waiting[: self.dice.randrange(1, 4)] + self.dice.choices(self.seen or [()], k=2)
        self.dice.shuffle(batch)
        ops = [op for commit in batch for op in commit]
        if await self.write(lambda tx: ledger.apply(tx, ops, forum_did=F), may_crash=may_crash) is not None:
            self.seen.extend(commit for commit in batch if commit)
            self.waiting = [commit for commit in self.waiting if commit not in batch]

    async def snap(self) -> None:
        """Begin a snapshot; one already on its way is abandoned."""
        did = self.dice.choice(list(COLLECTIONS))
        rev = max((c[0].rev for c in self.world.commits if c[0].did == did), default=tid_of(START, 0))
        snapshot = ledger.Snapshot(did=did, rev=rev, collections=COLLECTIONS[did])
        marks = await self.write(lambda tx: ledger.begin_snapshots(tx, [snapshot]))
        if marks is not None:
            after = len(self.world.commits)
            self.missed[did] = max(after, self.missed.get(did, 0))  # until its last page is in
            self.begun = Begun(snapshot, marks[did], after)

    async def page(self) -> None:
        """Read all pages now (later than the rev), apply them one by one at later moments."""
        begun, self.begun = self.begun, None
        if begun is None:
            return
        did = begun.snapshot.did
        for page in pages(self.world, did, begun.snapshot.rev, self.dice):
            self.happen()
            await self.live()
            if await self.write(lambda tx, page=page: ledger.apply_pages(tx, [page], forum_did=F)) is None:
                return  # crashed: abandoned half-way
        await self.write(lambda tx: ledger.finish_snapshots(tx, [(begun.snapshot, begun.mark)]), may_crash=False)
        if self.missed.get(did, 0) <= begun.after:
            self.missed.pop(did, None)

    async def whole(self, tx: Connection, did: str) -> None:
        rev = self.world.commits[-1][0].rev
        snapshot = ledger.Snapshot(did=did, rev=rev, collections=COLLECTIONS[did])
        marks = await ledger.begin_snapshots(tx, [snapshot])
        for page in pages(self.world, did, rev, self.dice):
            await ledger.apply_pages(tx, [page], forum_did=F)
        await ledger.finish_snapshots(tx, [(snapshot, marks[did])])


def pages(world: World, did: str, rev: str, dice: random.Random) -> list[ledger.Page]:
    """The repository as it is now, each collection cut at random keys."""
    found = []
    for collection, records in world.now[did].items():
        keys = sorted(records)
        cuts = ["", *sorted(dice.sample(keys, dice.randrange(len(keys) + 1))), None]
        for low, high in pairwise(cuts):
            ops = [records[k] for k in keys if k >= low and (high is None or k < high)]
            found.append(ledger.Page(did=did, collection=collection, rev=rev, low=low, high=high, ops=ops))
    dice.shuffle(found)
    return found


@pytest.mark.slow
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_any_delivery_ends_equal_to_the_repositories(seed: int, steps: int, postgres_dsn: str) -> None:
    """Live, replayed, missed, snapshotted, crashed: the same topics, order and counts as from the repos alone."""

    async def main() -> None:
        async with with_databases(postgres_dsn, 2) as (index, rebuilt):
            dice = random.Random(seed)
            world = World(dice)
            delivery = Delivery(world, index, dice)
            await delivery.run(steps)
            repos: Repos = world.now
            await build(rebuilt, F, repos, rev=LATEST, default_role=delivery.default_role)
            async with index.connection() as one, rebuilt.connection() as other:
                assert await miscounts_of(one) == {}
                assert await miscounts_of(other) == {}
                assert await state_of(one) == await state_of(other)
                assert {row["uri"] for row in await one.fetch(SHOWN)} == Rule(repos, F, delivery.default_role).shown()

    trio.run(main)
