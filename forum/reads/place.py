"""Where a page of a list ended: the key of its last row, so that the next page begins right after it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from forum.database import Row


class Place(NamedTuple):
    """A row's place in its list. `pinned` counts only where pinned rows come first."""

    pinned: bool
    at: datetime
    uri: str


# Nothing we hold is dated after its arrival, so these lie outside every list that runs downwards, or upwards.
BEFORE_NEWEST = Place(pinned=True, at=datetime(9999, 1, 1, tzinfo=UTC), uri="")
BEFORE_OLDEST = Place(pinned=False, at=datetime(1, 1, 1, tzinfo=UTC), uri="")


def place_after(row: Row, offset: int, first: Place) -> Place | None:
    """The place an offset means, from `first` on: that of the row before it; None beyond the end."""
    if offset == 0:
        return first
    return None if row["before_uri"] is None else Place(row["before_pinned"], row["before_at"], row["before_uri"])


def cut(rows: Sequence[Row], limit: int, *, offset: int) -> tuple[Sequence[Row], Place | None]:
    """The rows of a page, and where the next begins: tombstones after the last of the others are the next one's.

    Those after the very last of all were told with it: beyond what an offset passes over they are no page of their own.
    """
    others = [n for n, row in enumerate(rows) if not row["deleted"]]
    if offset and not others:
        return (), None
    if len(others) <= limit:
        return rows, None
    last = rows[others[limit - 1]]
    return rows[: others[limit - 1] + 1], Place(last["pinned"], last["placed_at"], last["uri"])
