"""Signing people in by their own server, and acting for them there: our side of OAuth, as the AT Protocol asks for it.

Follows https://atproto.com/specs/oauth. Talks to whatever server an account names, over the guarded client. Keeps what
servers said of nonces, nothing else: who calls keeps `SignIn` and `Grant`, sealed. Tokens, codes and keys pass through
here, so nothing is logged and no error quotes an answer.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

import trio

from actors.discovery import MAX_ANSWER_BYTES, is_away, located, senseless, server_of, unsuitable
from actors.discovery import SignInRefused as SignInRefused
from actors.proving import Proving, error_of, wants_nonce
from actors.resolver import Resolver
from actors.web_client import Answer, Headers, WebClient
from forum.errors import BadInput, Unavailable
from forum.protocol.dpop import Key, assertion, digest_of, new_key
from forum.protocol.oauth import (
    Client,
    Tokens,
    Unsuitable,
    demand_scope,
    is_token,
    read_request_uri,
    read_tokens,
)

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PASSING = frozenset({"server_error", "temporarily_unavailable", "slow_down", "use_dpop_nonce"})  # worth another try
FOLLOWING_SECONDS = 2  # of those that a renewal has: it can do without

EXPIRED = "This sign-in has expired or was used already; please begin again."
ANOTHER = "This is the answer to another sign-in; please begin again."


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One that is under way: its owner is being asked at `url`. Without `did` whoever signs in there is welcome."""

    account: str  # as it was asked for
    state: str = field(repr=False)
    url: str = field(repr=False)
    did: str | None
    pds: str | None
    issuer: str
    token_endpoint: str
    revocation_endpoint: str | None
    verifier: str = field(repr=False)
    key: Key = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What an account's owner allowed us, until it ends: the tokens, and the key they are bound to."""

    did: str
    pds: str
    issuer: str
    token_endpoint: str
    revocation_endpoint: str | None
    scope: str
    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    expires_at: float  # the access token; unix seconds
    key: Key = field(repr=False)


class GrantOver(Exception):
    """The server has ended it; its owner must sign in again."""


class Refused(Exception):
    """An authorization server said no; the message is OAuth's word for why."""


class OAuth:
    """One client. Its methods also raise `Unavailable` when a server does not answer, or not sensibly."""

    def __init__(self, web: WebClient, resolver: Resolver, client: Client | None) -> None:
        self._web = web
        self._resolver = resolver
        self.client = client  # None until our own key is known
        self._proving = Proving()

    @property
    def _client(self) -> Client:
        if self.client is None:
            raise Unavailable("our own key is not known yet")
        return self.client

    async def begin(self, account: str) -> SignIn:
        """Ask the account's server to ask its owner. An account is told by handle, DID, or the origin of its server."""
        home = await located(self._web, self._resolver, account)
        issuer, client = home.issuer, self._client
        server = await server_of(self._web, issuer, confidential=client.key is not None)
        key, state, verifier = new_key(), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        asked = {
            "response_type": "code",
            "redirect_uri": client.redirect_uri,
            "scope": client.scope,
            "state": state,
            "code_challenge": digest_of(verifier),
            "code_challenge_method": "S256",
            **({} if home.did is None else {"login_hint": account}),
        }
        try:
            kept = read_request_uri(await self._ask(server.request_endpoint, issuer, key, asked))
        except Refused as refused:
            raise refusing(issuer, refused) from refused
        except BadInput as bad:
            raise senseless(issuer, bad) from bad
        return SignIn(
            account=account,
            state=state,
            url=with_query(server.authorization_endpoint, client_id=client.client_id, request_uri=kept),
            did=home.did,
            pds=home.pds,
            issuer=issuer,
            token_endpoint=server.token_endpoint,
            revocation_endpoint=server.revocation_endpoint,
            verifier=verifier,
            key=key,
        )

    async def finish(self, sign_in: SignIn, answer: Mapping[str, str]) -> Grant:
        """The grant, by what the browser brought back. Raises `SignInRefused` unless it is all that was asked for."""
        code = code_of(sign_in, answer)
        asked = {"code": code, "code_verifier": sign_in.verifier, "redirect_uri": self._client.redirect_uri}
        try:
            tokens = await self._tokens(sign_in, {"grant_type": "authorization_code", **asked})
        except Refused as refused:
            is_late = str(refused) == "invalid_grant"
            raise (SignInRefused(EXPIRED) if is_late else refusing(sign_in.issuer, refused)) from refused
        except Unsuitable as why:
            raise unsuitable(sign_in.issuer, why) from why
        grant = granted(sign_in, tokens)
        try:
            return await self._checked(sign_in, grant)
        except (SignInRefused, Unavailable):
            await self.revoke(grant)  # nobody will use it
            raise

    async def refresh(self, grant: Grant) -> Grant:
        """The same with new tokens; the old ones end. Never at the same time for one grant: that would end it."""
        if grant.refresh is None:
            raise GrantOver
        asked = {"grant_type": "refresh_token", "refresh_token": grant.refresh}
        grant = await self._followed(grant)
        try:
            tokens = await self._tokens(grant, asked)
            demand_scope(self._client.scope, tokens.scope)
        except Unsuitable as why:
            raise GrantOver from why
        except Refused as refused:
            if str(refused) == "invalid_grant":
                raise GrantOver from refused
            raise Unavailable(f"{grant.issuer} does not refresh: {refused}") from refused
        if tokens.did != grant.did:
            raise GrantOver
        return renewed(grant, tokens)

    async def revoke(self, grant: Grant) -> None:
        """Have the server end it, if it can be told."""
        if grant.revocation_endpoint is None:
            return
        asked = {"token": grant.refresh or grant.access}
        try:
            await self._ask(grant.revocation_endpoint, grant.issuer, grant.key, asked)
        except (Unavailable, Refused):
            return  # it ends by itself, later

    async def get(self, grant: Grant, url: str, *, params: Mapping[str, str] | None = None) -> Answer:
        """Ask the account's server as the account. Raises `GrantOver` when it does not take the token."""

        async def request(headers: Headers) -> Answer:
            return await self._web.get(url, params=params, headers=headers)

        return accepted(url, await self._proving.send(request, "GET", url, grant.key, token=grant.access))

    async def post(self, grant: Grant, url: str, body: object) -> Answer:
        """The same, with something to do."""

        async def request(headers: Headers) -> Answer:
            return await self._web.post(url, body, headers=headers)

        return accepted(url, await self._proving.send(request, "POST", url, grant.key, token=grant.access))

    async def _tokens(self, at: SignIn | Grant, asked: Mapping[str, str]) -> Tokens:
        try:
            return read_tokens(await self._ask(at.token_endpoint, at.issuer, at.key, asked))
        except BadInput as bad:
            raise senseless(at.issuer, bad) from bad

    async def _ask(self, endpoint: str, issuer: str, key: Key, asked: Mapping[str, str]) -> object:
        """What an authorization server says to a form; raises `Refused` when it says no."""

        async def request(headers: Headers) -> Answer:
            form = {**asked, **self._credentials(issuer)}  # made anew for each try
            return await self._web.post_form(endpoint, form, headers=headers, max_bytes=MAX_ANSWER_BYTES)

        try:
            answer = await self._proving.send(request, "POST", endpoint, key)
            if answer.status in (200, 201):
                return answer.json() if answer.body else {}
        except BadInput as bad:
            raise senseless(issuer, bad) from bad
        error = error_of(answer)
        if error is None or error in PASSING or is_away(answer):
            raise Unavailable(f"{issuer} answered with status {answer.status}: {error or 'no reason given'}")
        raise Refused(error)

    def _credentials(self, issuer: str) -> dict[str, str]:
        """Who we are, and if we are confidential, the proof of it."""
        client = self._client
        who = {"client_id": client.client_id}
        if client.key is None:
            return who
        signed = assertion(client.key, client_id=client.client_id, audience=issuer, now=time.time())
        return {**who, "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}

    async def _checked(self, sign_in: SignIn, grant: Grant) -> Grant:
        """The grant, if it is what was asked for, of whom it was asked, by who may give it."""
        if sign_in.did not in (None, grant.did):
            raise SignInRefused("You signed in with another account than the one you asked for.")
        try:
            demand_scope(self._client.scope, grant.scope)
        except Unsuitable as why:
            raise SignInRefused(f"The server {sign_in.issuer} {why}.") from why
        if sign_in.did is not None:
            return grant
        pds = await self._pds_of(grant.did, sign_in.issuer)
        if pds is None:
            raise SignInRefused(f"The server {sign_in.issuer} cannot speak for the account {grant.did}.")
        return replace(grant, pds=pds)

    async def _followed(self, grant: Grant) -> Grant:
        """The grant where its account lives now, if who gave it may still speak for that.

        While the directory is away, or silent, the account lives where it did.
        """
        try:
            with trio.fail_after(FOLLOWING_SECONDS):
                document = await self._resolver.document(grant.did)
                if document is not None and document.pds == grant.pds:
                    return grant
                pds = await self._pds_of(grant.did, grant.issuer)
        except (Unavailable, BadInput, trio.TooSlowError):
            return grant
        except SignInRefused as gone:
            raise GrantOver from gone
        if pds is None:
            raise GrantOver
        return replace(grant, pds=pds)

    async def _pds_of(self, did: str, issuer: str) -> str | None:
        """Where the account lives, if it is that issuer who signs its owner in."""
        home = await located(self._web, self._resolver, did)
        return home.pds if home.issuer == issuer else None


def code_of(sign_in: SignIn, answer: Mapping[str, str]) -> str:
    """The code that the browser brought back, if it is the answer to what was asked, from whom it was asked."""
    if answer.get("state") != sign_in.state or answer.get("iss") != sign_in.issuer:
        raise SignInRefused(ANOTHER)
    match answer.get("error"):
        case None:
            pass
        case "access_denied":
            raise SignInRefused("You were not signed in: it was not allowed, or not in time.")
        case "server_error" | "temporarily_unavailable":
            raise Unavailable(f"{sign_in.issuer} could not ask")
        case _:
            raise SignInRefused(f"The server {sign_in.issuer} did not sign you in.")
    code = answer.get("code")
    if code is None or not is_token(code):
        raise SignInRefused(ANOTHER)
    return code


def granted(sign_in: SignIn, tokens: Tokens) -> Grant:
    """What came of a sign-in, not looked at yet."""
    return Grant(
        did=tokens.did,
        pds=sign_in.pds or "",
        issuer=sign_in.issuer,
        token_endpoint=sign_in.token_endpoint,
        revocation_endpoint=sign_in.revocation_endpoint,
        scope=tokens.scope,
        access=tokens.access,
        refresh=tokens.refresh,
        expires_at=time.time() + tokens.lifetime_seconds,
        key=sign_in.key,
    )


def renewed(grant: Grant, tokens: Tokens) -> Grant:
    """The grant with other tokens; a refresh token that is not replaced stays."""
    return replace(
        grant,
        scope=tokens.scope,
        access=tokens.access,
        refresh=tokens.refresh or grant.refresh,
        expires_at=time.time() + tokens.lifetime_seconds,
    )


def accepted(url: str, answer: Answer) -> Answer:
    """The answer, unless it is about who asks."""
    if wants_nonce(answer):
        raise Unavailable(f"{url} takes no nonce, not even its own")
    if answer.status == 401:
        raise GrantOver
    return answer


def with_query(url: str, **parameters: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def refusing(issuer: str, refused: Refused) -> SignInRefused:
    return SignInRefused(f"The server {issuer} refuses to sign anybody in here: {refused}.")
