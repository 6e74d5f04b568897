"""Signatures of the two curves of the protocol, K-256 and P-256: ECDSA over SHA-256, 64 bytes r‖s, low S only.

A high S would be a second valid signature of the same commit; the protocol forbids it. K-256 is libsecp256k1's,
a twelfth of OpenSSL's time; nearly every account uses it. https://atproto.com/specs/cryptography
"""

from functools import lru_cache
from typing import Final

import libipld
from coincurve import PublicKey as K256PublicKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from forum.errors import BadInput

_K256_CODE: Final = b"\xe7\x01"
_P256_CODE: Final = b"\x80\x24"
_KEY_BYTES: Final = 33  # a compressed point
_MAX_TEXT: Final = 100
_SIGNATURE_BYTES: Final = 64
_K256_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P256_SCHEME: Final = ec.ECDSA(SHA256())

PublicKey = K256PublicKey | ec.EllipticCurvePublicKey


@lru_cache(maxsize=4096)  # parsing costs as much as verifying; the same accounts write again and again
def parse_key(text: str) -> PublicKey:
    """The key of a `did:key:…`, or of the `publicKeyMultibase` of a DID document's Multikey."""
    text = text.removeprefix("did:key:")
    if not text.startswith("z") or len(text) > _MAX_TEXT:
        raise BadInput("bad_key", "not a base58btc multibase")
    try:
        data = libipld.decode_multibase(text)[1]
        return _key_of(data[:2], data[2:])
    except ValueError as error:
        raise BadInput("bad_key", "not a key") from error


def verify(key: PublicKey, message: bytes, signature: object) -> bool:
    """Whether the signature of the message is this key's."""
    if not isinstance(signature, bytes) or len(signature) != _SIGNATURE_BYTES:
        return False
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    order = _K256_ORDER if isinstance(key, K256PublicKey) else _P256_ORDER
    if not (0 < r < order and 0 < s <= order // 2):
        return False
    der = encode_dss_signature(r, s)
    if isinstance(key, K256PublicKey):
        return key.verify(der, message)
    try:
        key.verify(der, message, _P256_SCHEME)
    except InvalidSignature:
        return False
    return True


def _key_of(code: bytes, point: bytes) -> PublicKey:
    if len(point) != _KEY_BYTES:
        raise ValueError("not a compressed point")
    if code == _K256_CODE:
        return K256PublicKey(point)
    if code == _P256_CODE:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    raise ValueError("a curve the protocol does not know")
