"""Signatures against the protocol's published vectors, and against keys and signatures that are none."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.errors import BadInput
from forum.protocol.signing import parse_key, verify
from tests.protocol.repo_builder import K256_ORDER, P256_ORDER, K256Signer, P256Signer, Signer

VECTORS = Path(__file__).parents[1] / "interop" / "crypto"
SIGNERS = (K256Signer(), P256Signer())


def vectors(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / name).read_text())
    assert found
    return found


def unpadded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("case", vectors("signature-fixtures.json"), ids=lambda case: case["comment"])
def test_signature_vectors(case: dict[str, Any]) -> None:
    """Valid, high-S and DER-encoded signatures of both curves are judged as published."""
    key = parse_key(case["publicKeyDid"])
    signature = unpadded(case["signatureBase64"])
    assert verify(key, unpadded(case["messageBase64"]), signature) is case["validSignature"]


@pytest.mark.parametrize("case", vectors("w3c_didkey_K256.json"), ids=lambda case: case["publicDidKey"][-6:])
def test_k256_key_vectors(case: dict[str, str]) -> None:
    """A published did:key is the key of its published secret."""
    signer = K256Signer(bytes.fromhex(case["privateKeyBytesHex"]))
    assert signer.did_key == case["publicDidKey"]
    assert verify(parse_key(case["publicDidKey"]), b"message", signer.sign(b"message"))


def test_p256_key_vector() -> None:
    """The published did:key of the other curve is read as one."""
    key = parse_key(vectors("w3c_didkey_P256.json")[0]["publicDidKey"])
    assert not verify(key, b"message", SIGNERS[1].sign(b"message"))


@pytest.mark.parametrize("signer", SIGNERS, ids=["K-256", "P-256"])
def test_key_is_read_with_and_without_its_method(signer: Signer) -> None:
    """A DID document's Multikey is a did:key without the `did:key:`."""
    bare = parse_key(signer.did_key.removeprefix("did:key:"))
    assert verify(bare, b"message", signer.sign(b"message"))


@pytest.mark.parametrize(("signer", "order"), [(SIGNERS[0], K256_ORDER), (SIGNERS[1], P256_ORDER)])
def test_second_form_of_a_signature_is_refused(signer: Signer, order: int) -> None:
    """(r, n - s) satisfies the equation, too; only the low one is a signature here."""
    signature = signer.sign(b"message")
    high = order - int.from_bytes(signature[32:])
    assert not verify(parse_key(signer.did_key), b"message", signature[:32] + high.to_bytes(32))


@given(st.one_of(st.none(), st.text(), st.binary(max_size=80), st.binary(min_size=64, max_size=64)))
def test_no_signature_raises(signature: object) -> None:
    """Whatever stands in place of the signature is just not one."""
    for signer in SIGNERS:
        assert not verify(parse_key(signer.did_key), b"message", signature)


@given(st.sampled_from(SIGNERS), st.binary(max_size=50), st.integers(0, 511))
def test_changed_bit_is_noticed(signer: Signer, message: bytes, bit: int) -> None:
    """No single bit of a signature may change."""
    changed = int.from_bytes(signer.sign(message)) ^ 1 << bit
    assert not verify(parse_key(signer.did_key), message, changed.to_bytes(64))


@given(st.text() | st.text(alphabet="z123456789ABCDEFGHabc", max_size=120).map("z".__add__))
def test_no_key_raises_but_bad_input(text: str) -> None:
    """Keys come from documents that anyone may write."""
    with pytest.raises(BadInput, match="bad_key"):
        parse_key(text)


def test_oversized_key_is_not_decoded() -> None:
    """Base58 takes quadratic time."""
    with pytest.raises(BadInput, match="bad_key"):
        parse_key("z" + "2" * 1_000_000)
