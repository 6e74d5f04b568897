"""What is remembered of clients: enough to hold one back, and never more than so many."""

from datetime import UTC, datetime, timedelta

from web.limits import Arrivals

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_remembers_who_came_last() -> None:
    """However many come, the memory stays small; who comes again is not forgotten for those who do not."""
    arrivals = Arrivals(most=3)
    for number in range(100):
        await arrivals.set("busy", NOW)
        await arrivals.set(str(number), NOW + timedelta(seconds=number))
    remembered = [key for key in ("busy", *map(str, range(100))) if await arrivals.get(key, NOW.max) != NOW.max]
    assert remembered == ["busy", "98", "99"]
