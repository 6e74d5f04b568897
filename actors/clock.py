"""The clock: applies what time alone changes, the ends of bans, mutes, locks, pins and hides; and what was put off.

Its lists are in the database (mod_actions.is_over, unsettled), so what came due while nobody was there is done at the
next start. The time is PostgreSQL's. Runs in the leader; sleeps until the next end, or until a notice wakes it.
"""

from actors.backoff import delays
from actors.health import Pulse
from actors.identity import WakeUp
from forum import changes, ledger
from forum.database import Database, DatabaseAway
from forum.moderation import end_expired, seconds_to_next
from forum.visibility import settle_some

AT_ONCE = 100  # subjects in a transaction, which others wait for
LOOK_SECONDS = 60.0  # how long a lost wake-up can go unnoticed
SHORTEST_WAIT_SECONDS = 0.01


async def run_clock(database: Database, wake_up: WakeUp, pulse: Pulse) -> None:
    """Let every end take effect when it comes, for ever."""
    waits = delays(longest=10)
    while True:
        pulse.become("running")
        try:
            seconds = await tick(database, pulse)
            waits = delays(longest=10)
        except DatabaseAway as away:
            pulse.fail(str(away))
            pulse.become("waiting", "the database is away")
            seconds = next(waits)
        pulse.rest()
        await wake_up.wait(seconds)


async def tick(database: Database, pulse: Pulse) -> float:
    """Do all that is due by now; the seconds until it is worth looking again."""
    while True:
        async with database.connection() as connection:
            seconds = await seconds_to_next(connection)
        if seconds is None or seconds > 0:
            return LOOK_SECONDS if seconds is None else min(max(seconds, SHORTEST_WAIT_SECONDS), LOOK_SECONDS)
        async with database.transaction() as tx:
            await ledger.take_lock(tx)
            await changes.notify(tx, await end_expired(tx, AT_ONCE) | await settle_some(tx))
        pulse.counters["rounds"] += 1
        pulse.handled += 1
        pulse.beat()
