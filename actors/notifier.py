"""The notifier: one LISTEN connection; tells this process what any process changed.

Every reconnect is told as "all": what was said while nobody listened is lost, so everything may have changed.
"""

from collections.abc import Callable

import trio

from actors.backoff import delays
from actors.health import Pulse
from forum.changes import CHANNEL, Changes, load
from forum.database import Database, DatabaseAway


async def run_notifier(database: Database, tell: Callable[[Changes], None], pulse: Pulse) -> None:
    """Call `tell` with each change, for ever; it must not block."""
    waits = delays(longest=10)
    while True:
        try:
            async with database.listen(CHANNEL) as payloads:
                pulse.become("running")
                tell(Changes(all=True))
                waits = delays(longest=10)
                async for payload in payloads:
                    pulse.counters["notices"] += 1
                    pulse.handled += 1
                    pulse.beat()
                    tell(load(payload))
        except DatabaseAway as error:
            pulse.fail(str(error))
        pulse.become("waiting", "the database is away")
        await trio.sleep(next(waits))
