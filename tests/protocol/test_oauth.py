"""What servers say of themselves, held against what is needed; and what we say of ourselves."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.errors import BadInput
from forum.protocol.dpop import kid_of, new_key
from forum.protocol.oauth import (
    SCOPE,
    Client,
    Unsuitable,
    client_metadata,
    client_of,
    demand_scope,
    key_set,
    read_request_uri,
    read_resource,
    read_server,
    read_tokens,
)

PDS, ISSUER = "https://pds.example", "https://as.example"
DID = "did:plc:" + "a" * 24

Json = dict[str, Any]  # JSON

RESOURCE: Json = {"resource": PDS, "authorization_servers": [ISSUER]}
SERVER: Json = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "pushed_authorization_request_endpoint": f"{ISSUER}/par",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "response_types_supported": ["code"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "code_challenge_methods_supported": ["S256"],
    "dpop_signing_alg_values_supported": ["ES256", "ES256K"],
    "scopes_supported": ["atproto", "transition:generic"],
    "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
    "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
    "authorization_response_iss_parameter_supported": True,
    "require_pushed_authorization_requests": True,
    "client_id_metadata_document_supported": True,
}
TOKENS: Json = {
    "token_type": "DPoP",
    "access_token": "acc",
    "refresh_token": "ref",
    "sub": DID,
    "scope": "atproto",
    "expires_in": 1800,
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def without(document: Mapping[str, Any], name: str) -> Json:
    return {key: value for key, value in document.items() if key != name}


def test_resource() -> None:
    assert read_resource(RESOURCE, PDS) == ISSUER
    assert read_resource(RESOURCE | {"resource": f"{PDS}/"}, PDS) == ISSUER


@pytest.mark.parametrize("resource", [None, "https://other.example", f"{PDS}/xrpc", f"{PDS}.evil.example", [PDS]])
def test_another_resource(resource: object) -> None:
    with pytest.raises(Unsuitable, match="another server"):
        read_resource(RESOURCE | {"resource": resource}, PDS)


@pytest.mark.parametrize(
    "servers",
    [None, [], ISSUER, [ISSUER, ISSUER], [f"{ISSUER}/"], [f"{ISSUER}/path"], ["as.example"], ["ftp://as.example"], [1]],
)
def test_not_one_issuer(servers: object) -> None:
    with pytest.raises(Unsuitable, match="does not name one server"):
        read_resource(RESOURCE | {"authorization_servers": servers}, PDS)


@pytest.mark.parametrize("confidential", [True, False])
def test_server(confidential: bool) -> None:
    server = read_server(SERVER, ISSUER, confidential=confidential)
    assert server.issuer == ISSUER
    assert server.authorization_endpoint == f"{ISSUER}/authorize"
    assert server.request_endpoint == f"{ISSUER}/par"
    assert server.token_endpoint == f"{ISSUER}/token"
    assert server.revocation_endpoint == f"{ISSUER}/revoke"


def test_revocation_is_optional() -> None:
    assert read_server(without(SERVER, "revocation_endpoint"), ISSUER, confidential=True).revocation_endpoint is None


@pytest.mark.parametrize("issuer", ["https://other.example", f"{ISSUER}/", "http://as.example", None])
def test_another_issuer(issuer: object) -> None:
    with pytest.raises(Unsuitable, match="another server"):
        read_server(SERVER | {"issuer": issuer}, ISSUER, confidential=True)


@pytest.mark.parametrize("name", sorted(set(SERVER) - {"revocation_endpoint", "issuer"}))
@pytest.mark.parametrize("value", [None, [], False, "code", "javascript:alert(1)", {"atproto": "ES256"}])
def test_lacking(name: str, value: object) -> None:
    """Everything else is needed, in the right type; the sentence names it."""
    for document in (without(SERVER, name), SERVER | {name: value}):
        with pytest.raises(Unsuitable, match=rf"^lacks .*{name}"):
            read_server(document, ISSUER, confidential=True)


def test_kinds_of_client() -> None:
    """A public client needs `none`, a confidential one its assertions."""
    read_server(SERVER | {"token_endpoint_auth_methods_supported": ["none"]}, ISSUER, confidential=False)
    read_server(without(SERVER, "token_endpoint_auth_signing_alg_values_supported"), ISSUER, confidential=False)
    with pytest.raises(Unsuitable, match="private_key_jwt"):
        read_server(SERVER | {"token_endpoint_auth_methods_supported": ["none"]}, ISSUER, confidential=True)


@pytest.mark.parametrize("name", [name for name in SERVER if name.endswith("_endpoint")])
@pytest.mark.parametrize("url", ["http://as.example/x", "https://", "https://as.example/#x", "https://as.example/a b"])
def test_unsafe_endpoints(name: str, url: str) -> None:
    with pytest.raises(Unsuitable, match=name):
        read_server(SERVER | {name: url}, ISSUER, confidential=True)


def test_http_where_the_issuer_is() -> None:
    """In development; there https is welcome too."""
    local = SERVER | {"issuer": "http://localhost:1", "token_endpoint": "http://localhost:1/token"}
    assert read_server(local, "http://localhost:1", confidential=False).token_endpoint == "http://localhost:1/token"


def test_tokens() -> None:
    tokens = read_tokens(TOKENS)
    assert (tokens.did, tokens.scope, tokens.access, tokens.refresh) == (DID, "atproto", "acc", "ref")
    assert tokens.lifetime_seconds == 1800
    assert read_tokens(TOKENS | {"token_type": "dpop"}) == tokens
    assert read_tokens(without(TOKENS, "refresh_token")).refresh is None
    assert "acc" not in repr(tokens)
    assert "ref" not in repr(tokens)


@pytest.mark.parametrize("seconds", [None, 0, -1, True, "60", 1.5, 10**400])
def test_lifetimes(seconds: object) -> None:
    """One that cannot be is taken for a short one; no token lives longer than a day."""
    assert 0 < read_tokens(TOKENS | {"expires_in": seconds}).lifetime_seconds <= 24 * 3600


def test_bearer() -> None:
    with pytest.raises(Unsuitable, match="not bound to a key"):
        read_tokens(TOKENS | {"token_type": "Bearer"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("access_token", "refresh_token")
            for value in ("", "a b", "ä", "x\n", 1, "x" * 9000)
        ),
        *((name, None) for name in ("access_token", "token_type", "sub", "scope")),
        ("sub", "ann.example"),
        ("sub", "did:plc:"),
        ("scope", ["atproto"]),
    ],
)
def test_bad_tokens(name: str, value: object) -> None:
    """Never quoted: they may be tokens for all that."""
    with pytest.raises(BadInput, match=r"bad_answer: no tokens in it$"):
        read_tokens(TOKENS | {name: value})


@given(anything)
def test_garbage(said: Any) -> None:  # Any: JSON
    for read in (
        lambda: read_resource(said, PDS),
        lambda: read_server(said, ISSUER, confidential=True),
        lambda: read_tokens(said),
        lambda: read_request_uri(said),
    ):
        with pytest.raises((BadInput, Unsuitable)):
            read()


@given(st.sampled_from(sorted(SERVER)), anything)
def test_garbage_in_a_field(name: str, value: Any) -> None:  # Any: JSON
    """Whatever is in it, it is read or refused."""
    try:
        server = read_server(SERVER | {name: value}, ISSUER, confidential=True)
    except Unsuitable:
        return
    assert server.token_endpoint.startswith("https://")


def test_request_uri() -> None:
    assert read_request_uri({"request_uri": "urn:x:1", "expires_in": 300}) == "urn:x:1"
    for uri in ("", "a b", 1, None):
        with pytest.raises(BadInput):
            read_request_uri({"request_uri": uri})


def test_scope_is_demanded() -> None:
    demand_scope(SCOPE, "atproto repo:*")
    with pytest.raises(Unsuitable, match=r"to write here: repo:space\.atbb\.membership, repo:space\.atbb\.reaction$"):
        demand_scope(SCOPE, "atproto repo:space.atbb.post")


def test_confidential_client() -> None:
    key = new_key()
    client = client_of("https://forum.example", key)
    assert client == Client(
        client_id="https://forum.example/oauth/client-metadata.json",
        redirect_uri="https://forum.example/api/auth/callback",
        scope=SCOPE,
        key=key,
    )
    assert key["d"] not in repr(client)
    metadata = client_metadata(client, "https://forum.example", "The Potting Shed")
    assert metadata["client_id"] == client.client_id
    assert metadata["redirect_uris"] == [client.redirect_uri]
    assert metadata["jwks_uri"] == "https://forum.example/oauth/jwks.json"
    assert metadata["scope"] == SCOPE


def test_published_keys() -> None:
    """What verifies, and nothing that signs."""
    one, two = new_key(), new_key()
    published = key_set([one, two])
    assert [key["kid"] for key in published["keys"]] == [kid_of(one), kid_of(two)]
    assert one["d"] not in repr(published)


@pytest.mark.parametrize("key", [None, new_key()])
def test_public_client(key: dict[str, str] | None) -> None:
    """On this machine there is nobody to fetch metadata from us: the id says it all."""
    client = client_of("http://127.0.0.1:3000", key)
    assert client.key is None
    assert client.redirect_uri == "http://127.0.0.1:3000/api/auth/callback"
    parts = urlsplit(client.client_id)
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "localhost", "")
    assert parse_qs(parts.query) == {"redirect_uri": [client.redirect_uri], "scope": [SCOPE]}
