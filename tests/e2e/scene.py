"""A forum of one test's own on the real network, the database of the daemon that follows it, and what members do."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from daemon.pool import Pool
from demo.daemon import Daemon, running_daemon, settings_for
from demo.network import Network
from demo.records import board, membership, named, reply, topic
from demo.xrpc import Account, Pds, Ref
from forum.records.names import BOARD, CATEGORY, FORUM, MEMBERSHIP, POST
from tests.support.truth import wait_equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`forum` is the forum's account, `self` its forum record; `index` looks into the daemon's database."""

    network: Network
    pds: Pds
    forum: Account
    self: Ref
    category: Ref
    board: Ref
    server_dsn: str
    dsn: str
    index: Pool
    data_dir: Path

    async def epoch(self) -> int:
        """How often somebody began to lead. Of that health says nothing: all daemons of a forum say the same there."""
        async with self.index.connection() as connection:
            return int(await connection.fetchval("SELECT epoch FROM leader"))

    async def is_led_since(self, epoch: int) -> bool:
        """Whether another took over."""
        return await self.epoch() > epoch

    def daemon(self, **more: str) -> AbstractAsyncContextManager[Daemon]:
        """A daemon on this test's database."""
        return running_daemon(self.settings(**more))

    def processes(self, number: int) -> AbstractAsyncContextManager[Daemon]:
        """The same in several processes."""
        return running_daemon(self.settings(), processes=number)

    def settings(self, **more: str) -> dict[str, str]:
        return settings_for(self.network, self.forum.did, self.data_dir, DATABASE_URL=self.dsn, **more)

    async def member(self, name: str) -> Account:
        """A new account that has joined."""
        account = await self.pds.account(name)
        await account.create(MEMBERSHIP, membership(self.self))
        return account

    async def topic(self, author: Account, title: str) -> Ref:
        return await author.create(POST, topic(title, f"{title}: what do you think?", self.board))

    async def reply(self, author: Account, root: Ref, text: str) -> Ref:
        return await author.create(POST, reply(text, root))

    async def wait_equal(self, index: Pool | None = None) -> None:
        """Return when the daemon's index is what the repositories say."""
        await wait_equal(index or self.index, self.pds, self.forum.did, self.server_dsn)

    async def topics(self, daemon: Daemon) -> list[dict[str, object]]:
        """The topics of the board as the API lists them; none while the board is not there."""
        boards = (await daemon.get("/api/boards"))["boards"]
        for found in boards:
            if found["uri"] == self.board.uri:
                return list((await daemon.get(f"/api/boards/{found['id']}/topics?limit=100"))["topics"])
        return []


async def found(forum: Account) -> tuple[Ref, Ref, Ref]:
    """Its forum record, a category and a board."""
    itself = await forum.put(FORUM, "self", named("The Potting Shed", description="Gardeners and their tools"))
    category = await forum.create(CATEGORY, named("Outdoors", sortOrder=0))
    return itself, category, await forum.create(BOARD, board("Vegetables", category, sortOrder=0))
