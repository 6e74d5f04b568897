"""Roles of any rank, and members who have them, for tests of who may what."""

from forum.permissions import PREFIX
from forum.records.names import ROLE
from forum.records.syntax import tid_of
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import FORUM_DID, NOON, Rows, minute


class Ranks:
    """Roles by name, given to members."""

    def __init__(self, rows: Rows, server: AccountServer) -> None:
        self.rows, self.server = rows, server

    async def role(self, name: str, priority: int, *permissions: str) -> str:
        rkey = tid_of(1_600_000_000_000_000 + priority, 0)
        uri, full = (
            f"at://{FORUM_DID}/{ROLE}/{rkey}",
            [word if word == "*" else f"{PREFIX}{word}" for word in permissions],
        )
        await self.rows.run(
            "INSERT INTO roles (uri, name, permissions, priority, created_at) VALUES ($1, $2, $3, $4, now())",
            uri, name, full, priority,
        )  # fmt: skip
        record = {"name": name, "permissions": full, "priority": priority, "createdAt": "2026-01-01T00:00:00Z"}
        self.server.records[ROLE, rkey] = {"$type": ROLE, **record}
        return uri

    async def member(self, did: str, role: str | None = None, *, minutes: int = 0) -> None:
        await self.rows.account(did, f"{did[8:]}.example.org")
        await self.rows.run("INSERT INTO memberships VALUES ($1, '3k', $2)", did, minute(minutes))
        await self.rows.run("INSERT INTO members VALUES ($1, $2)", did, minute(minutes))
        if role:
            await self.rows.run("INSERT INTO grants VALUES ($1, $2, $3, $4, $5)", f"3{did}", did, role, FORUM_DID, NOON)
