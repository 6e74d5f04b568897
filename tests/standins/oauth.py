"""OAuth as handlers use it, with a server that grants at once whatever it is asked; without sockets or proofs.

The real client and a real server meet in tests/e2e/test_sign_in.py.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import trio

from actors.oauth import Grant, GrantOver, SignIn, SignInRefused
from actors.web_client import Answer
from forum.protocol.oauth import Client, client_of
from forum.records.datamodel import cid_of
from tests.standins.pds import Repo
from tests.support.forum import tid

AUTHORIZE = "https://server.example/authorize"


@dataclass(slots=True)
class StandInOAuth:
    """Accounts by handle. `refusal` is raised instead of the next answer; `stalls`: revoking never ends."""

    client: Client | None = field(default_factory=lambda: client_of("http://127.0.0.1:3000"))
    repos: dict[str, Repo] = field(default_factory=dict)
    refusal: Exception | None = None
    stalls: bool = False
    granted: list[Grant] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)  # access tokens

    async def begin(self, account: str) -> SignIn:
        self._refuse()
        if account not in self.repos:
            raise SignInRefused("There is no such account.")
        state = secrets.token_hex(8)
        repo = self.repos[account]
        return sign_in_of(account, repo.did, repo.home.url, state)

    async def finish(self, sign_in: SignIn, answer: Mapping[str, str]) -> Grant:
        self._refuse()
        if "error" in answer or not sign_in.did or not sign_in.pds:
            raise SignInRefused("You did not allow it.")
        grant = grant_of(sign_in.did, sign_in.pds)
        self.granted.append(grant)
        return grant

    async def revoke(self, grant: Grant) -> None:
        if self.stalls:
            await trio.sleep_forever()
        self.revoked.append(grant.access)

    async def post(self, grant: Grant, url: str, body: Mapping[str, object]) -> Answer:
        """A write into the account's repository."""
        self._refuse()
        if grant.access in self.revoked:
            raise GrantOver
        repo = next(repo for repo in self.repos.values() if repo.did == grant.did)
        record = body["record"]
        repo.put(body["collection"], body["rkey"], record)
        uri, cid = f"at://{repo.did}/{body['collection']}/{body['rkey']}", cid_of(record)
        written = {"uri": uri, "cid": cid, "commit": {"cid": cid, "rev": tid(repo.number)}}
        return Answer(200, msgspec.json.encode(written), {})

    def _refuse(self) -> None:
        refusal, self.refusal = self.refusal, None
        if refusal is not None:
            raise refusal


def sign_in_of(account: str, did: str, pds: str, state: str) -> SignIn:
    return SignIn(
        account=account,
        token_endpoint=f"{pds}/token",
        revocation_endpoint=f"{pds}/revoke",
        state=state,
        url=f"{AUTHORIZE}?state={state}",
        did=did,
        pds=pds,
        issuer=pds,
        verifier="",
        key={},
    )


def grant_of(did: str, pds: str) -> Grant:
    """A new one, told from all others by its access token."""
    return Grant(
        did=did,
        pds=pds,
        issuer=pds,
        token_endpoint=f"{pds}/token",
        revocation_endpoint=f"{pds}/revoke",
        scope="atproto",
        access=f"access-{secrets.token_hex(8)}",
        refresh=f"refresh-{secrets.token_hex(8)}",
        expires_at=2e9,
        key={},
    )
