"""A server that signs people in by OAuth and keeps what is theirs, on loopback: strict; honest unless told otherwise.

It checks what a real one checks and remembers what a real one remembers: proofs and assertions are taken once, a code
once, a refresh token once, and whoever comes with one a second time ends the grant. It is directory and handle resolver
for its accounts, too. What it is scripted to do wrong, is in the fields of `Script`.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import trio
from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.jws import extract_compact

from forum.protocol.dpop import digest_of
from tests.support.site import Reply, Request, bytes_of, read_request, said

DID = "did:plc:" + "a" * 24
HANDLE = "ann.example"

Json = dict[str, Any]  # JSON
Form = Mapping[str, str]


@dataclass(slots=True)
class Script:
    """`answers` stand for what a path would say; the others are laid over what is said there."""

    answers: dict[str, Reply] = field(default_factory=dict)
    resource: Json = field(default_factory=dict)
    server: Json = field(default_factory=dict)
    document: Json = field(default_factory=dict)
    tokens: Json = field(default_factory=dict)
    new_nonces: bool = False  # after each request
    silent: bool = False  # tells nonces only when it wants one


@dataclass(slots=True)
class Kept:
    """A pushed request, and what became of it. `key`: the thumbprint of the one its tokens are bound to."""

    form: Form
    key: str
    code: str = ""
    access: str = ""
    refresh: str = ""
    spent: set[str] = field(default_factory=set)
    over: bool = False


class No(Exception):
    """An error as OAuth has it."""

    def __init__(self, name: str, status: int = 400) -> None:
        super().__init__(name)
        self.status = status


@dataclass(slots=True)
class AuthServer:
    """`asked`: all requests in order; `client_key`: the public one that a confidential client publishes."""

    url: str = ""
    did: str = DID
    home: str = ""  # of the account, by its document
    client_key: Mapping[str, str] | None = None
    script: Script = field(default_factory=Script)
    asked: list[Request] = field(default_factory=list)
    connections: int = 0
    nonce: str = "nonce-0"
    grants: dict[str, Kept] = field(default_factory=dict)  # by request_uri
    seen: set[str] = field(default_factory=set)  # every jti

    def paths(self) -> list[str]:
        return [request.path.partition("?")[0] for request in self.asked]

    def visit(self, url: str) -> dict[str, str]:
        """The owner agrees at the page they were sent to: what their browser brings back."""
        query = parse_qs(urlsplit(url).query)
        kept = self.grants[query["request_uri"][0]]
        assert query["client_id"][0] == kept.form["client_id"]
        kept.code = new("code")
        return {"state": kept.form["state"], "iss": self.url, "code": kept.code}

    def end(self) -> None:
        """The owner ends every grant."""
        for kept in self.grants.values():
            kept.over = True

    # What follows answers requests.

    async def handle(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        with suppress(trio.BrokenResourceError):  # it has heard enough
            while request := await read_request(stream):
                self.asked.append(request)
                reply = self.answer(request)
                headers = {"connection": "keep-alive", **reply.headers}
                await stream.send_all(bytes_of(Reply(reply.status, reply.body, headers)))
        await trio.aclose_forcefully(stream)

    def answer(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        try:
            reply = self.script.answers.get(path) or self.by_path(path, request)
        except No as no:
            reply = refusal(str(no), no.status)
        if "dpop" not in request.headers:
            return reply
        if self.script.new_nonces:
            self.nonce = new("nonce")
        tells = not self.script.silent or b"use_dpop_nonce" in reply.body
        return Reply(reply.status, reply.body, {**({"dpop-nonce": self.nonce} if tells else {}), **reply.headers})

    def by_path(self, path: str, request: Request) -> Reply:
        match path:
            case "/.well-known/oauth-protected-resource":
                return said({"resource": self.url, "authorization_servers": [self.url], **self.script.resource})
            case "/.well-known/oauth-authorization-server":
                return said(self.metadata() | self.script.server)
            case "/xrpc/com.atproto.identity.resolveHandle":
                known = f"handle={HANDLE}" == request.path.partition("?")[2]
                return said({"did": self.did}) if known else refusal("InvalidRequest", 400)
            case "/oauth/par" | "/oauth/token" | "/oauth/revoke":
                return self.by_form(path, request)
        if path == f"/{self.did}":
            return said(self.document() | self.script.document)
        return self.resource(request) if path.startswith("/xrpc/") else Reply(404)

    def metadata(self) -> Json:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/oauth/token",
            "pushed_authorization_request_endpoint": f"{self.url}/oauth/par",
            "revocation_endpoint": f"{self.url}/oauth/revoke",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "scopes_supported": ["atproto"],
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "authorization_response_iss_parameter_supported": True,
            "require_pushed_authorization_requests": True,
            "client_id_metadata_document_supported": True,
        }

    def document(self) -> Json:
        service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.home or self.url}
        return {"id": self.did, "alsoKnownAs": [f"at://{HANDLE}"], "service": [service]}

    def by_form(self, path: str, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        self.check_client(form)  # before the proof: an assertion sent again with another nonce is a replay
        key = self.check_proof(request)
        match path:
            case "/oauth/par":
                uri = new("urn:request")
                self.grants[uri] = Kept(form, key)
                return said({"request_uri": uri, "expires_in": 300}, 201)
            case "/oauth/revoke":
                for kept in self.grants.values():
                    kept.over = kept.over or form["token"] in (kept.access, kept.refresh)
                return Reply(200)
        return self.tokens(form, key)

    def tokens(self, form: Form, key: str) -> Reply:
        token = form["code"] if form["grant_type"] == "authorization_code" else form["refresh_token"]
        kept = next(
            (one for one in self.grants.values() if token in (one.code, one.refresh) or token in one.spent), None
        )
        if kept is None or kept.over or kept.key != key:
            raise No("invalid_grant")
        if token in kept.spent:
            kept.over = True
            raise No("invalid_grant")
        if token == kept.code:
            assert form["redirect_uri"] == kept.form["redirect_uri"]
            assert digest_of(form["code_verifier"]) == kept.form["code_challenge"]
        kept.spent.add(token)
        kept.access, kept.refresh = new("access"), new("refresh")
        given = {"access_token": kept.access, "refresh_token": kept.refresh, "token_type": "DPoP", "expires_in": 1800}
        return said(given | {"sub": self.did, "scope": kept.form["scope"]} | self.script.tokens)

    def resource(self, request: Request) -> Reply:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        kept = next((one for one in self.grants.values() if one.access == token), None)
        try:
            key = self.check_proof(request, token)
        except No as no:
            return refusal(str(no), 401, {"www-authenticate": f'DPoP error="{no}", error_description="No."'})
        if kind != "DPoP" or kept is None or kept.over or kept.key != key:
            return refusal("invalid_token", 401, {"www-authenticate": 'DPoP error="invalid_token"'})
        return said({"did": self.did, "asked": request.body.decode()})

    def check_client(self, form: Form) -> None:
        if self.client_key is None:
            assert "client_assertion" not in form
            return
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        signed = jwt.decode(form["client_assertion"], ECKey.import_key(dict(self.client_key)), algorithms=["ES256"])
        assert signed.header["kid"] == self.client_key["kid"]
        claims = signed.claims
        assert claims["iss"] == claims["sub"] == form["client_id"]
        assert claims["aud"] == self.url
        self.take(claims["jti"])

    def check_proof(self, request: Request, token: str | None = None) -> str:
        """The thumbprint of the key that made it."""
        sent = request.headers["dpop"]
        key = ECKey.import_key(jwt_header(sent)["jwk"])
        assert not key.is_private
        proof = jwt.decode(sent, key, algorithms=["ES256"])
        claims = proof.claims
        assert proof.header["typ"] == "dpop+jwt"
        assert claims["htm"] == request.method
        assert claims["htu"] == self.url + request.path.partition("?")[0]
        assert claims.get("ath") == (None if token is None else digest_of(token))
        self.take(claims["jti"])
        if claims.get("nonce") != self.nonce:
            raise No("use_dpop_nonce")
        return key.thumbprint()

    def take(self, jti: str) -> None:
        assert jti not in self.seen
        self.seen.add(jti)


def jwt_header(token: str) -> Json:
    """Of a token that brings its own key."""
    return dict(extract_compact(token.encode()).headers())


def refusal(name: str, status: int, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, said({"error": name, "error_description": "No."}).body, headers or {})


def new(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(8)}"


@asynccontextmanager
async def auth_server() -> AsyncIterator[AuthServer]:
    """One on a free port."""
    server = AuthServer()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, server.handle, 0, host="127.0.0.1"))
        server.url = f"http://localhost:{listeners[0].socket.getsockname()[1]}"
        yield server
        nursery.cancel_scope.cancel()
