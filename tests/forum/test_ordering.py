"""The order of siblings: whatever numbers they have, what is asked for comes of it, by as few writes as can be."""

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.ordering import LARGEST, Placed, number_at_end, renumbered

NUMBERS = st.one_of(st.integers(0, 5), st.integers(LARGEST - 3, LARGEST), st.integers(0, LARGEST))
SIBLINGS = st.lists(st.tuples(st.sampled_from("abcdefgh"), NUMBERS), max_size=6, unique_by=lambda one: one[0])


def in_order(siblings: Sequence[Placed]) -> str:
    return "".join(one.uri for one in sorted(siblings, key=lambda one: (one.number, one.uri)))


def fits(kept: Sequence[tuple[int, Placed]], wanted: Sequence[Placed]) -> bool:
    """Whether the others can be numbered around these."""
    held, number, uri = dict(kept), 0, ""
    for place, one in enumerate(wanted):
        least = number + (one.uri < uri)
        number, uri = (held[place].number if place in held else least), one.uri
        if not least <= number <= LARGEST:
            return False
    return True


@given(SIBLINGS)
def test_in_this_order_with_the_fewest_writes(siblings: list[tuple[str, int]]) -> None:
    wanted = [Placed(*one) for one in siblings]
    changed = renumbered(wanted)
    after = [Placed(one.uri, changed.get(one.uri, one.number)) for one in wanted]
    assert in_order(after) == "".join(one.uri for one in wanted)
    assert all(0 <= one.number <= LARGEST for one in after)
    places = list(enumerate(wanted))
    most = next(size for size in range(len(wanted), -1, -1) if any(fits(k, wanted) for k in combinations(places, size)))
    assert len(changed) == len(wanted) - most


@pytest.mark.parametrize(
    ("wanted", "changed"),
    [
        ("a0 b0 c0", {}),
        ("a3 b7", {}),
        ("a0 c0 b0", {"b": 1}),  # all alike, as they are by default: one write
        ("a0 c20 b10", {"c": 1}),  # there is room between: it is used
        ("b1 a0", {"a": 2}),
        ("b0 a0", {"a": 1}),
        ("", {}),
    ],
)
def test_one_step(wanted: str, changed: dict[str, int]) -> None:
    assert renumbered([Placed(one[0], int(one[1:])) for one in wanted.split()]) == changed


def test_at_the_end() -> None:
    assert number_at_end([]) == 0
    assert number_at_end([Placed("a", 4), Placed("b", 2)]) == 5
    assert number_at_end([Placed("a", LARGEST)]) == LARGEST
