"""What is sealed: opened under its secret and later ones, by nobody else, and shown nowhere."""

from dataclasses import dataclass, field
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.sealing import Seal, Unsealable, opened, sealed

OLD, NEW = "o" * 32, "n" * 32
LETTERS = f"{ascii_letters}{digits}-_".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    to: str
    text: str = field(repr=False)


@given(st.binary(max_size=300))
def test_round_trip(plain: bytes) -> None:
    closed = Seal(NEW).seal(plain)
    assert Seal(NEW).open(closed) == plain
    assert len(plain) < 4 or plain not in closed


def test_secret_is_changed() -> None:
    """What was sealed before can be opened; what is sealed now needs the new secret alone."""
    both = Seal(NEW, OLD)
    assert both.open(Seal(OLD).seal(b"x")) == b"x"
    assert Seal(NEW).open(both.seal(b"x")) == b"x"
    with pytest.raises(Unsealable):
        Seal(OLD).open(both.seal(b"x"))


@given(place=st.integers(0, 50), step=st.integers(1, 63))
def test_damaged(place: int, step: int) -> None:
    """Anywhere, by another letter: but not in the last ones, which may hold bits that base64 leaves unused."""
    closed = Seal(NEW).seal(b"a letter")
    other = LETTERS[(LETTERS.index(closed[place]) + step) % len(LETTERS)]
    with pytest.raises(Unsealable):
        Seal(NEW).open(closed[:place] + bytes([other]) + closed[place + 1 :])


@pytest.mark.parametrize("data", [b"", b"x", b"\xff" * 100, "ä".encode() * 50])
def test_never_sealed(data: bytes) -> None:
    with pytest.raises(Unsealable):
        Seal(NEW).open(data)


def test_values() -> None:
    letter = Letter(to="Ann", text="Come at noon.")
    assert opened(Seal(NEW), sealed(Seal(NEW), letter), Letter) == letter


def test_values_of_another_kind() -> None:
    """The refusal does not quote what it has opened."""
    closed = sealed(Seal(NEW), {"to": ["noon"], "text": "Come at noon."})
    with pytest.raises(Unsealable) as refused:
        opened(Seal(NEW), closed, Letter)
    assert "noon" not in f"{refused.value!r} {refused.value.__cause__!r}"


def test_nothing_is_shown() -> None:
    assert OLD not in repr(Seal(NEW, OLD))
    assert NEW not in repr(Seal(NEW, OLD))
