"""The order of siblings, which is a number in each record: the lowest stands first, of equals the one that is older.

What is moved is a few records written anew: as few as there can be, whatever ties and gaps the numbers have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

LARGEST: Final = 2**53 - 1  # that all readers of JSON keep


@dataclass(frozen=True, slots=True)
class Placed:
    """A record and its number. Of equals the URI decides: its key is as old as the record."""

    uri: str
    number: int


def number_at_end(siblings: Sequence[Placed]) -> int:
    """Of one more, behind all that are there."""
    return min(max((one.number for one in siblings), default=-1) + 1, LARGEST)


def renumbered(wanted: Sequence[Placed]) -> Mapping[str, int]:
    """What must have another number, by URI, and which, for all to stand in this order."""
    if not wanted:
        return {}
    steps = steps_needed(wanted)
    kept = longest_rise([one.number - step for one, step in zip(wanted, steps, strict=True)], LARGEST - steps[-1])
    numbers: list[int] = []
    for place, one in enumerate(wanted):
        following = next((at for at in kept if at > place), None)
        room = LARGEST - steps[-1] if following is None else wanted[following].number - steps[following]
        new = min(numbers[-1] + 1 if numbers else 0, room + steps[place])
        numbers.append(one.number if place in kept else new)
    return {one.uri: number for one, number in zip(wanted, numbers, strict=True) if number != one.number}


def steps_needed(wanted: Sequence[Placed]) -> list[int]:
    """By how much each must be above the first, at least: one more wherever a newer one stands before an older."""
    return list(accumulate((after.uri < before.uri for before, after in pairwise(wanted)), initial=0))


def longest_rise(values: Sequence[int], most: int) -> list[int]:
    """The places of as many values as possible that never fall, none below 0 or above `most`."""
    chains: list[list[int]] = []  # the longest that ends at each place
    for place, value in enumerate(values):
        before = [chain for chain in chains if not chain or values[chain[-1]] <= value]
        chains.append([*max(before, key=len, default=[]), place] if 0 <= value <= most else [])
    return max(reversed(chains), key=len)
