"""A forum with staff of each rank, a topic and a reply, for tests of moderation by the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from actors.agent import ForumAccount
from daemon.pool import Pool
from tests.standins.account_server import AccountServer
from tests.support.forum import ANN, BOB, F, Index, act, board, grant, membership, put, reply, role, tid, topic, uri
from tests.web.signing_in import client_as

OWNER, ADMIN, HELPER, PEER, BANNED = (f"did:plc:{name}" for name in ("owner", "admin", "helper", "peer", "banned"))
TOPIC, REPLY = uri(ANN, 1), uri(BOB, 2)
MODERATE = ("moderatePosts", "lockTopics", "pinTopics", "banUsers", "createTopics", "createPosts")
REASON = {"reason": "Off topic"}

Json = Any  # JSON


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Ann's topic with Bob's reply, staff of each rank, and one who lost a moderator's rights by a ban."""

    index: Index
    account: ForumAccount
    server: AccountServer
    topic_id: str
    reply_id: str

    @asynccontextmanager
    async def signed_in(self, did: str = OWNER) -> AsyncIterator[httpx.AsyncClient]:
        async with client_as(self.index.database, did, account=self.account) as client:
            yield client

    def acts(self) -> list[tuple[str, str, dict[str, str]]]:
        """Every act and its end, once: method, path, what the body names beside the reason."""
        on = {"ban": ("targetDid", BOB), "mute": ("targetDid", BOB), "lock": ("topicId", self.topic_id)}
        on |= {"pin": ("topicId", self.topic_id), "hide": ("postId", self.reply_id)}
        posts = [("POST", f"/api/mod/{word}", {name: target}) for word, (name, target) in on.items()]
        return posts + [("DELETE", f"/api/mod/{word}/{target}", {}) for word, (_, target) in on.items()]


async def staffed(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    """The forum, in an empty database."""
    index = Index(database)
    await index.settings()
    ranks = {OWNER: 1, ADMIN: 2, HELPER: 3, PEER: 3, BANNED: 3}
    await index.apply(
        put(F, 1, 1, role("Owner", "*", priority=0)),
        put(F, 2, 2, role("Admin", *MODERATE, "manageMembers", "manageThemes", priority=10)),
        put(F, 3, 3, role("Moderator", *MODERATE, priority=20)),
        put(F, 4, 4, role("Member", "createTopics", "createPosts", priority=30)),
        *(put(F, key, key, grant(did, rank)) for key, (did, rank) in enumerate(ranks.items(), 5)),
        put(F, 11, 11, act("ban", BANNED)),
        put(F, tid(0), 12, board()),
        put(ANN, 1, 1, topic()),
        put(BOB, 2, 2, reply(TOPIC)),
        put(BOB, 3, 3, membership()),
    )
    ids = dict(await index.rows("SELECT uri, id::text FROM posts"))
    return Scene(index=index, account=account, server=server, topic_id=ids[TOPIC], reply_id=ids[REPLY])


async def done(client: httpx.AsyncClient, method: str, path: str, status: int = 200, **body: object) -> Json:
    """Ask; the answer must have this status."""
    response = await client.request(method, path, json=body)
    assert response.status_code == status, response.text
    return response.json()


async def texts(client: httpx.AsyncClient, scene: Scene) -> list[str] | None:
    """The replies to the topic as the next read has them; None without the topic."""
    response = await client.get(f"/api/topics/{scene.topic_id}")
    return [one["text"] for one in response.json()["replies"]] if response.status_code == 200 else None
