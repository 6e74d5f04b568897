"""Proofs and assertions, verified by the JOSE library as a server would, and by the examples of the RFCs."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from forum.errors import BadInput
from forum.protocol.dpop import Key, assertion, digest_of, kid_of, new_key, proof, public_jwk, read_key

NOW = 1_800_000_000.9
URL = "https://pds.example/xrpc/com.atproto.repo.createRecord"


def verified(token: str, key: Key) -> jwt.Token:
    """Raises unless it was signed with that key."""
    return jwt.decode(token, ECKey.import_key({**public_jwk(key)}), algorithms=["ES256"])


def proved(key: Key, **changes: Any) -> jwt.Token:  # Any: arguments of a proof
    arguments: dict[str, Any] = {"method": "POST", "url": URL, "now": NOW, "nonce": None, "token": None}
    return verified(proof(key, **arguments | changes), key)


def test_examples() -> None:
    """RFC 7638's thumbprint and `ath` in RFC 9449, the challenge in RFC 7636."""
    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    }
    assert kid_of(key) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert digest_of(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert digest_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_proof() -> None:
    """What it must say, and nothing that it should not."""
    key = new_key()
    bare = proved(key)
    assert bare.header == {
        "alg": "ES256",
        "typ": "dpop+jwt",
        "jwk": {name: key[name] for name in ("kty", "crv", "x", "y")},
    }
    assert bare.claims == {"jti": bare.claims["jti"], "htm": "POST", "htu": URL, "iat": 1_800_000_000}
    full = proved(key, nonce="n1", token="t")
    assert full.claims["nonce"] == "n1"
    assert full.claims["ath"] == digest_of("t")


@pytest.mark.parametrize("more", ["?a=1", "#x", "?a=1#x", "#x?a=1"])
def test_target_without_query(more: str) -> None:
    assert proved(new_key(), url=URL + more).claims["htu"] == URL


def test_assertion() -> None:
    key = new_key()
    signed = verified(assertion(key, client_id="https://forum.example/c", audience="https://as.example", now=NOW), key)
    assert signed.header == {"alg": "ES256", "typ": "JWT", "kid": kid_of(key)}
    claims = {name: value for name, value in signed.claims.items() if name != "jti"}
    assert claims == {
        "iss": "https://forum.example/c",
        "sub": "https://forum.example/c",
        "aud": "https://as.example",
        "iat": 1_800_000_000,
        "exp": 1_800_000_060,
    }


def test_each_is_new() -> None:
    """Servers remember every `jti`."""
    key = new_key()
    assert len({proved(key).claims["jti"] for _ in range(20)}) == 20
    made = [verified(assertion(key, client_id="c", audience="a", now=NOW), key) for _ in range(20)]
    assert len({one.claims["jti"] for one in made}) == 20


def test_public_part() -> None:
    key = new_key()
    shown = public_jwk(key)
    assert shown == {
        **{name: key[name] for name in ("kty", "crv", "x", "y")},
        "kid": kid_of(key),
        "use": "sig",
        "alg": "ES256",
    }
    assert new_key() != key


def pem(curve: ec.EllipticCurve) -> str:
    private = ec.generate_private_key(curve)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_reading_keys() -> None:
    """As PEM, in either of its forms, or as JWK."""
    text = pem(ec.SECP256R1())
    key = read_key(text)
    assert set(key) == {"kty", "crv", "x", "y", "d"}
    raw = ECKey.import_key(text).raw_value
    assert isinstance(raw, ec.EllipticCurvePrivateKey)
    old = raw.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert read_key(old.decode()) == key
    jwk = ECKey.import_key(dict(key)).as_dict(private=True, kid="mine", use="sig")
    assert read_key(f" {jwk}".replace("'", '"')) == key
    assert verified(assertion(key, client_id="c", audience="a", now=NOW), key)


def public_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "{",
        "{}",
        "[]",
        "null",
        '{"kty": 1}',
        '{"kty": "EC"}',
        '{"kty": "oct", "k": "c2VjcmV0LXNlY3JldA"}',
        '{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "c2VjcmV0LXNlY3JldA"}',
        pem(ec.SECP384R1()),
        public_pem(),
    ],
)
def test_what_is_no_key(text: str) -> None:
    """Nothing of it is in the refusal."""
    with pytest.raises(BadInput, match="bad_key") as refused:
        read_key(text)
    assert "c2VjcmV0" not in repr(refused.value)


@given(st.text(max_size=60))
def test_garbage_is_no_key(text: str) -> None:
    with pytest.raises(BadInput, match="bad_key"):
        read_key(text)
