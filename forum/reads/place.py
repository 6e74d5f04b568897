"""Where a page of a list ended: the key of its last row, so that the next page begins right after it."""

from datetime import UTC, datetime
from typing import NamedTuple


class Place(NamedTuple):
    """A row's place in its list. `pinned` counts only where pinned rows come first."""

    pinned: bool
    at: datetime
    uri: str


# Nothing we hold is dated after its arrival, so these lie outside every list that runs downwards, or upwards.
BEFORE_NEWEST = Place(pinned=True, at=datetime(9999, 1, 1, tzinfo=UTC), uri="")
BEFORE_OLDEST = Place(pinned=False, at=datetime(1, 1, 1, tzinfo=UTC), uri="")
