"""Where a numbered page of a list lies, walked to from whichever end of the list is nearer."""

from typing import NamedTuple

FORWARD, BACKWARD = "ASC", "DESC"


class Window(NamedTuple):
    """Rows `low` up to, not with, `high` of a list, as an OFFSET and a LIMIT."""

    low: int
    high: int
    total: int

    @property
    def is_nearer_the_end(self) -> bool:
        return self.low > self.total - self.high

    @property
    def offset(self) -> int:
        """So many rows are passed over, from the nearer end."""
        return self.total - self.high if self.is_nearer_the_end else self.low

    @property
    def limit(self) -> int:
        return self.high - self.low


def window(*, low: int, high: int, total: int) -> Window:
    """The part of low … high that is in the list; empty beyond its end."""
    last = min(high, total)
    return Window(low=min(low, last), high=last, total=total)
