"""Numbered pages: which one is asked for, and to which others a page leads."""

from collections.abc import Sequence
from dataclasses import dataclass

from quart import request
from werkzeug.exceptions import BadRequest, NotFound

AROUND = 2  # pages on either side of the present one
LONGEST = 9


@dataclass(frozen=True, slots=True)
class Pager:
    """Page `number` of `count`."""

    number: int
    count: int

    @property
    def steps(self) -> Sequence[int | None]:
        """The first, those around this one, the last; None where some are left out."""
        near = range(max(self.number - AROUND, 1), min(self.number + AROUND, self.count) + 1)
        shown = sorted({1, *near, self.count})
        steps: list[int | None] = []
        for before, number in zip([0, *shown], shown, strict=False):
            if number - before == 2:
                steps.append(number - 1)  # no longer than the gap itself
            elif number - before > 2:
                steps.append(None)
            steps.append(number)
        return steps


def asked_page() -> int:
    """`page` of the request's query, from 1."""
    text = request.args.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST and int(text) > 0):
        raise BadRequest("A page is a whole number, from 1.")
    return int(text)


def pager(number: int, *, total: int, size: int) -> Pager:
    """404 beyond the last page; the first is there even if it is empty."""
    count = max(-(-total // size), 1)
    if number > count:
        raise NotFound(f"There is no page {number}; the last one is {count}.")
    return Pager(number, count)
