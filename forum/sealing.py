"""What is kept sealed: grants, sign-ins under way, keys. Who reads the database alone, reads nothing of them.

The key is derived from SESSION_SECRET. What was sealed under a previous secret can still be opened, so the secret can
be changed without signing anybody out.
"""

import base64
from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

T = TypeVar("T")

PURPOSE = b"atbb: what is kept sealed"  # other keys may be derived from the same secret


class Unsealable(Exception):
    """Sealed under another secret, damaged, or of another kind than expected."""


class Seal:
    """Closes under one secret, opens under that and the previous ones."""

    def __init__(self, secret: str, *previous: str) -> None:
        self._fernet = MultiFernet([Fernet(key_of(one)) for one in (secret, *previous)])

    def seal(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """Raises `Unsealable`."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise Unsealable("the seal does not fit") from error


def key_of(secret: str) -> bytes:
    """A key as Fernet wants it."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return base64.urlsafe_b64encode(derived)


def sealed(seal: Seal, value: object) -> bytes:
    """A value of a plain type, sealed."""
    return seal.seal(msgspec.json.encode(value))


def opened(seal: Seal, data: bytes, kind: type[T]) -> T:
    """The value again. Raises `Unsealable`, also when it is of another type."""
    plain = seal.open(data)
    try:
        return msgspec.json.decode(plain, type=kind)
    except msgspec.DecodeError:
        raise Unsealable("something else was sealed") from None  # the error would quote what was
