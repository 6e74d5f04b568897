"""OAuth as the AT Protocol asks for it, without a loop: what servers say of themselves, and what we say of us.

Follows https://atproto.com/specs/oauth: RFC 9728 and 8414 (metadata), 9126 (pushed requests), 7636 (PKCE), 9207 (iss).
A server that lacks something of it is `Unsuitable`; what is no sensible answer at all is `BadInput`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard
from urllib.parse import urlencode

from forum.errors import BadInput
from forum.protocol.documents import origin_of
from forum.protocol.dpop import Key, public_jwk
from forum.protocol.scopes import withheld
from forum.records.names import MEMBERSHIP, POST, REACTION
from forum.records.syntax import is_did

SCOPE: Final = f"atproto repo:{POST} repo:{MEMBERSHIP} repo:{REACTION}"
RESOURCE_PATH: Final = "/.well-known/oauth-protected-resource"
SERVER_PATH: Final = "/.well-known/oauth-authorization-server"
CALLBACK_PATH: Final = "/api/auth/callback"
CLIENT_PATH: Final = "/oauth/client-metadata.json"
KEYS_PATH: Final = "/oauth/jwks.json"
UNTOLD_LIFETIME_SECONDS: Final = 300  # of a token that does not say when it ends
LONGEST_LIFETIME_SECONDS: Final = 24 * 3600

Metadata = Mapping[str, Any]  # Any: JSON, of which each field is checked as it is read

_is_printable = re.compile(r"[\x21-\x7e]{1,8192}").fullmatch  # no client library has then cause to quote it in an error
_is_url = re.compile(r"https?://[\x21-\x7e]{1,2000}").fullmatch


class Unsuitable(Exception):
    """A server that nobody can sign in with here; the message says why, to be read behind "it"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Us. `key` signs our assertions; a client without one is public."""

    client_id: str
    redirect_uri: str
    scope: str = SCOPE
    key: Key | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An authorization server that has all we need."""

    issuer: str
    authorization_endpoint: str
    request_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a server gave, and for whom."""

    did: str
    scope: str
    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    lifetime_seconds: float


def client_of(origin: str, key: Key | None = None) -> Client:
    """The client at an origin of ours: confidential with https and a key, else the one of this machine, for trying."""
    redirect_uri = f"{origin}{CALLBACK_PATH}"
    if key is not None and origin.startswith("https://"):
        return Client(client_id=f"{origin}{CLIENT_PATH}", redirect_uri=redirect_uri, key=key)
    local = urlencode({"redirect_uri": redirect_uri, "scope": SCOPE})
    return Client(client_id=f"http://localhost?{local}", redirect_uri=redirect_uri)


def client_metadata(client: Client, origin: str, name: str) -> Metadata:
    """What a confidential client publishes at the address that is its id."""
    return {
        "client_id": client.client_id,
        "client_name": name,
        "client_uri": origin,
        "application_type": "web",
        "redirect_uris": [client.redirect_uri],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": client.scope,
        "dpop_bound_access_tokens": True,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks_uri": f"{origin}{KEYS_PATH}",
    }


def key_set(keys: Iterable[Key]) -> Metadata:
    """What is published beside it: the keys that may sign our assertions."""
    return {"keys": [public_jwk(key) for key in keys]}


def read_resource(said: object, origin: str) -> str:
    """The issuer that signs people in for a PDS, by the metadata at its origin."""
    metadata = _metadata(said)
    if not _is_same(metadata.get("resource"), origin):
        raise Unsuitable("describes itself as another server")
    match metadata.get("authorization_servers"):
        case [str(issuer)] if origin_of(issuer) == issuer:
            return issuer
    raise Unsuitable("does not name one server that signs people in for it")


def read_server(said: object, issuer: str, *, confidential: bool) -> Server:
    """The server itself, by the metadata at its issuer's origin."""
    metadata = _metadata(said)
    if metadata.get("issuer") != issuer:
        raise Unsuitable("describes itself as another server")
    method = "private_key_jwt" if confidential else "none"
    for name, value in (
        ("response_types_supported", "code"),
        ("grant_types_supported", "authorization_code"),
        ("grant_types_supported", "refresh_token"),
        ("code_challenge_methods_supported", "S256"),
        ("dpop_signing_alg_values_supported", "ES256"),
        ("scopes_supported", "atproto"),
        ("token_endpoint_auth_methods_supported", method),
        *((("token_endpoint_auth_signing_alg_values_supported", "ES256"),) if confidential else ()),
    ):
        if not isinstance(metadata.get(name), list) or value not in metadata[name]:
            raise Unsuitable(f"lacks {value} in {name}")
    for name in (
        "authorization_response_iss_parameter_supported",
        "require_pushed_authorization_requests",
        "client_id_metadata_document_supported",
    ):
        if metadata.get(name) is not True:
            raise Unsuitable(f"lacks {name}")
    return Server(
        issuer=issuer,
        authorization_endpoint=_endpoint(metadata, "authorization_endpoint", issuer),
        request_endpoint=_endpoint(metadata, "pushed_authorization_request_endpoint", issuer),
        token_endpoint=_endpoint(metadata, "token_endpoint", issuer),
        revocation_endpoint=_endpoint(metadata, "revocation_endpoint", issuer)
        if "revocation_endpoint" in metadata
        else None,
    )


def read_request_uri(said: object) -> str:
    """The name under which a server keeps our pushed request."""
    match said:
        case {"request_uri": str(uri)} if _is_printable(uri):
            return uri
    raise BadInput("bad_answer", "no request_uri in it")


def read_tokens(said: object) -> Tokens:
    """A token endpoint's answer."""
    match said:
        case {"token_type": str(kind)} if kind.lower() != "dpop":
            raise Unsuitable("gives tokens that are not bound to a key")
        case {"token_type": str(), "access_token": str(access), "sub": str(did), "scope": str(scope), **rest}:
            refresh = rest.get("refresh_token")
            if is_token(access) and is_did(did) and (refresh is None or is_token(refresh)):
                lifetime = _lifetime(rest.get("expires_in"))
                return Tokens(did=did, scope=scope, access=access, refresh=refresh, lifetime_seconds=lifetime)
    raise BadInput("bad_answer", "no tokens in it")


def demand_scope(asked: str, granted: str) -> None:
    """Raises `Unsuitable`, naming what is missing, unless all that was asked for is granted."""
    if missing := withheld(asked, granted):
        raise Unsuitable(f"did not grant what is needed to write here: {', '.join(missing)}")


def is_token(value: object) -> TypeGuard[str]:
    """Whether it can stand in a header, or in an address."""
    return isinstance(value, str) and _is_printable(value) is not None


def _metadata(said: object) -> Metadata:
    if not isinstance(said, Mapping):
        raise BadInput("bad_answer", "no metadata in it")
    return said


def _is_same(resource: object, origin: str) -> bool:
    return isinstance(resource, str) and resource.removesuffix("/") == origin


def _endpoint(metadata: Metadata, name: str, issuer: str) -> str:
    """A URL as safe as the issuer's own."""
    url = metadata.get(name)
    if not isinstance(url, str) or not _is_url(url) or "#" in url:
        raise Unsuitable(f"lacks {name}")
    if not url.startswith(("https://", issuer.partition("//")[0])):
        raise Unsuitable(f"lacks {name} by https")
    return url


def _lifetime(seconds: object) -> float:
    if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0:
        return float(min(seconds, LONGEST_LIFETIME_SECONDS))
    return UNTOLD_LIFETIME_SECONDS
