"""Servers of several members behind one client, and OAuth as it is towards them, without browsers, keys and proofs.

A refresh token is taken once; the second time ends the grant, as on a real server. Signing in is allowed at once.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import httpx
import trio

from actors.oauth import Grant, GrantOver, SignIn
from actors.web_client import Answer, WebClient
from forum.errors import Unavailable
from forum.protocol.oauth import Client, client_of
from tests.standins.account_server import AccountServer
from tests.standins.oauth import sign_in_of
from tests.standins.wire import Wire


@dataclass(slots=True)
class MemberServers:
    """Each member's own server, by its host; stands for `OAuth` where that is given to somebody."""

    client: Client | None = field(default_factory=lambda: client_of("http://127.0.0.1:3000"))
    servers: dict[str, AccountServer] = field(default_factory=dict)
    refreshed: list[str] = field(default_factory=list)  # whose, each time it was asked for
    gate: trio.Event = field(default_factory=trio.Event)  # answers to refreshing wait for it
    answers_are_lost: bool = False  # to writes, which are done nonetheless

    def __post_init__(self) -> None:
        self.gate.set()

    def web(self) -> WebClient:
        return WebClient(Wire(self._answer), allow_http=False)

    def grant(self, did: str, *, seconds: float = 3600) -> Grant:
        """What the member's server, made for this, has given; its token lives so long."""
        host = f"{did.rpartition(':')[2]}.example.org"
        server = self.servers.setdefault(host, AccountServer(did=did))
        server.access, server.refresh = f"access of {did}", f"refresh of {did}"
        return Grant(
            did=did,
            pds=f"https://{host}",
            issuer=f"https://{host}",
            token_endpoint=f"https://{host}/oauth/token",
            revocation_endpoint=None,
            scope="atproto",
            access=server.access,
            refresh=server.refresh,
            expires_at=time.time() + seconds,
            key={},
        )

    def of(self, did: str) -> AccountServer:
        return self.servers[f"{did.rpartition(':')[2]}.example.org"]

    async def begin(self, account: str) -> SignIn:
        return sign_in_of(account, f"did:plc:{account.partition('.')[0]}", f"https://{account}", secrets.token_hex(8))

    async def finish(self, sign_in: SignIn, answer: Mapping[str, str]) -> Grant:
        return self.grant(sign_in.did or "")

    async def revoke(self, grant: Grant) -> None:
        self.of(grant.did).forget_session()

    async def refresh(self, grant: Grant) -> Grant:
        server = self.of(grant.did)
        self.refreshed.append(grant.did)
        await self.gate.wait()
        await trio.lowlevel.checkpoint()
        if grant.refresh != server.refresh:
            server.forget_session()
            raise GrantOver
        number = len(self.refreshed)
        server.access, server.refresh = f"access {number} of {grant.did}", f"refresh {number} of {grant.did}"
        return replace(grant, access=server.access, refresh=server.refresh, expires_at=time.time() + 3600)

    async def post(self, grant: Grant, url: str, body: object) -> Answer:
        await trio.lowlevel.checkpoint()
        if grant.access != self.of(grant.did).access:
            raise GrantOver
        answer = await self.web().post(url, body, token=grant.access)
        if self.answers_are_lost:
            raise Unavailable("no answer")
        return answer

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        return await self.servers[request.url.host].answer(request)
