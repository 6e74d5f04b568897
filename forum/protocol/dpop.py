"""What we sign in OAuth: proofs that we hold the key a token is bound to (RFC 9449), and that we are the client we say
we are (RFC 7523). A key is a private JWK of P-256, the signature ES256.

Each proof and each assertion is made for one request, the second try of a request included: servers remember them.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from forum.errors import BadInput

Key = Mapping[str, str]

ALGORITHM: Final = "ES256"
CURVE: Final = "P-256"
ASSERTION_SECONDS: Final = 60
NAMES: Final = ("kty", "crv", "x", "y", "d")


def new_key() -> Key:
    return jwk_of(ECKey.generate_key(CURVE))


def read_key(text: str) -> Key:
    """A key as PEM or as JWK. Raises `BadInput`, which quotes nothing of it."""
    try:
        jwk = msgspec.json.decode(text) if text.lstrip().startswith("{") else text
        key = ECKey.import_key(jwk)
        if key.curve_name == CURVE and key.is_private:
            return jwk_of(key)
    except (JoseError, ValueError, TypeError, KeyError):
        pass
    raise BadInput("bad_key", f"not a private key of {CURVE}, as PEM or as JWK")


def jwk_of(key: ECKey) -> Key:
    parts = key.as_dict(private=True)
    return {name: str(parts[name]) for name in NAMES}


def kid_of(key: Key) -> str:
    """How a key is named: by its thumbprint (RFC 7638)."""
    return ECKey.import_key(dict(key)).thumbprint()


def public_jwk(key: Key) -> dict[str, str]:
    """What others may know of a key, as an entry of a published set."""
    return {**_public(key), "kid": kid_of(key), "use": "sig", "alg": ALGORITHM}


def proof(key: Key, method: str, url: str, *, now: float, nonce: str | None, token: str | None) -> str:
    """For one request, with the server's newest nonce, and bound to the access token that is sent along."""
    target = url.partition("#")[0].partition("?")[0]
    claims: dict[str, object] = {"jti": new_jti(), "htm": method, "htu": target, "iat": int(now)}
    if nonce is not None:
        claims["nonce"] = nonce
    if token is not None:
        claims["ath"] = digest_of(token)
    return _signed({"typ": "dpop+jwt", "jwk": _public(key)}, claims, key)


def assertion(key: Key, *, client_id: str, audience: str, now: float) -> str:
    """That this request is the client's, for the server with that issuer."""
    issued = int(now)
    claims: dict[str, object] = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": new_jti(),
        "iat": issued,
        "exp": issued + ASSERTION_SECONDS,
    }
    return _signed({"kid": kid_of(key)}, claims, key)


def digest_of(text: str) -> str:
    """SHA-256 in base64url, as `ath` and PKCE's challenge have it."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def new_jti() -> str:
    return secrets.token_urlsafe(16)


def _public(key: Key) -> dict[str, str]:
    return {name: key[name] for name in NAMES if name != "d"}


def _signed(header: Mapping[str, object], claims: dict[str, object], key: Key) -> str:
    return jwt.encode({"alg": ALGORITHM, **header}, claims, ECKey.import_key(dict(key)), algorithms=[ALGORITHM])
