"""A load of writes: members who write, edit and delete without pause, and a forum that moderates them."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from demo.records import mod_action, reply, topic
from demo.xrpc import Account, Ref
from forum.records.names import MOD_ACTION, POST
from tests.e2e.scene import Scene

MEMBERS = ("alice", "bob", "carol")
TOPICS = ("Compost", "Pruning", "Cold frames", "Watering", "Tools")
LATEST = 30  # how many posts back an edit, a delete or a moderator may reach


@dataclass(slots=True)
class Load:
    """What was written so far; `run` goes on until told to stop, and then leaves no write half-done."""

    scene: Scene
    members: list[Account]
    dice: random.Random
    topics: list[Ref] = field(default_factory=list)
    posts: list[tuple[Account, Ref]] = field(default_factory=list)
    writes: int = 0
    stopping: bool = False
    _written: trio.Event = field(default_factory=trio.Event)

    async def run(self) -> None:
        while not self.stopping:
            await self._write(self.dice.choice(self.members))
            self.writes += 1
            self._written.set()
            self._written = trio.Event()

    async def wait_writes(self, more: int) -> None:
        """Return after so many more."""
        goal = self.writes + more
        while self.writes < goal:
            await self._written.wait()

    async def _write(self, member: Account) -> None:
        dice, scene = self.dice, self.scene
        chance = dice.random()
        if chance < 0.15 or not self.topics:
            root = await scene.topic(member, dice.choice(TOPICS))
            self.topics.append(root)
            self.posts.append((member, root))
        elif chance < 0.7:
            answer = await scene.reply(member, dice.choice(self.topics), f"Thought no. {self.writes}")
            self.posts.append((member, answer))
        elif chance < 0.8:
            author, post = dice.choice(self.posts[-LATEST:])
            await author.put(POST, post.rkey, self._edited(post))
        elif chance < 0.9:
            author, post = dice.choice(self.posts[-LATEST:])
            await author.delete(POST, post.rkey)
        else:
            await self._moderate()

    def _edited(self, post: Ref) -> dict[str, object]:
        text = f"On second thought, no. {self.writes}"
        if post in self.topics:
            return topic("An edited title", text, self.scene.board)
        return reply(text, self.dice.choice(self.topics))

    async def _moderate(self) -> None:
        undo, forum = self.dice.choice(("", "un")), self.scene.forum
        if self.dice.random() < 0.3:
            action = mod_action(f"{undo}ban", self.dice.choice(self.members).did, by=forum.did)
        else:
            pair, (_, post) = self.dice.choice(("lock", "pin", "delete")), self.dice.choice(self.posts[-LATEST:])
            action = mod_action(undo + pair, post, by=forum.did)
        await forum.create(MOD_ACTION, action)


@asynccontextmanager
async def under_load(scene: Scene, *, seed: int, writers: int = 3) -> AsyncIterator[Load]:
    """Write during the block; all is written when it ends."""
    load = Load(scene, [await scene.member(name) for name in MEMBERS], random.Random(seed))
    async with trio.open_nursery() as nursery:
        for _ in range(writers):
            nursery.start_soon(load.run)
        yield load
        load.stopping = True
