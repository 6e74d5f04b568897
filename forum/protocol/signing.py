"""Signatures of the two curves of the protocol, K-256 and P-256: ECDSA over SHA-256, 64 bytes r‖s, low S only.

Keys are read and P-256 is verified by the SDK. K-256, the key of nearly every account, is verified by libsecp256k1 in a
twelfth of that time. A high S would be a second valid signature of one commit. https://atproto.com/specs/cryptography
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from atproto_crypto.algs import P256
from atproto_crypto.consts import SECP256K1_JWT_ALG
from atproto_crypto.did import parse_multikey
from atproto_crypto.exceptions import AtProtocolError
from coincurve import PublicKey as K256Point
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from forum.errors import BadInput

_MAX_TEXT: Final = 100
_SIGNATURE_BYTES: Final = 64
_K256_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An account's key: a point of P-256 as the SDK wants it, or one of K-256."""

    p256: bytes | None = None
    k256: K256Point | None = None


@lru_cache(maxsize=4096)  # parsing costs as much as verifying; the same accounts write again and again
def parse_key(text: str) -> PublicKey:
    """The key of a `did:key:…`, or of the `publicKeyMultibase` of a DID document's Multikey."""
    if len(text) > _MAX_TEXT:
        raise BadInput("bad_key", "too long for a key")
    try:
        key = parse_multikey(text.removeprefix("did:key:"))
        if key.jwt_alg == SECP256K1_JWT_ALG:
            return PublicKey(k256=K256Point(key.key_bytes))
        return PublicKey(p256=key.key_bytes)
    except (AtProtocolError, ValueError) as error:
        raise BadInput("bad_key", "not a key") from error


def verify(key: PublicKey, message: bytes, signature: object) -> bool:
    """Whether the signature of the message is this key's."""
    if not isinstance(signature, bytes) or len(signature) != _SIGNATURE_BYTES:
        return False
    if key.k256 is None:
        return bool(P256().verify_signature(key.p256, message, signature))
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if not (0 < r < _K256_ORDER and 0 < s <= _K256_ORDER // 2):
        return False
    return key.k256.verify(encode_dss_signature(r, s), message)
