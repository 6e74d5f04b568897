"""What is sealed: opened under its secret and later ones, by nobody else, and shown nowhere."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.sealing import Seal, Unsealable, opened, sealed

OLD, NEW = "o" * 32, "n" * 32


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


@given(st.data())
def test_damaged(data: st.DataObject) -> None:
    closed = Seal(NEW).seal(b"a letter")
    place = data.draw(st.integers(0, len(closed) - 5))  # the last ones may hold bits that base64 leaves unused
    other = data.draw(st.sampled_from(b"ABab01-_").filter(lambda byte: byte != closed[place]))
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
