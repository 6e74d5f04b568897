"""Tells other processes how this one is, and reads how they are: by the database, which all of them have."""

from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec
import trio

from actors.health import Pulse
from actors.vitals import Vitals, dump, load
from forum import processes
from forum.database import Connection, Database, DatabaseAway

TELL_SECONDS = 1.0
FORGET_EVERY = 60  # tellings


async def run_reporter(database: Database, own: Callable[[], Vitals], pulse: Pulse) -> None:
    """Tell it every second, for ever; while the database is away nobody hears."""
    told = 0
    while True:
        try:
            async with database.connection() as connection:
                if told % FORGET_EVERY == 0:
                    await processes.forget_the_silent(connection)
                vitals = own()
                await processes.tell(connection, vitals.process, dump(vitals))
        except DatabaseAway:
            pulse.become("waiting", "the database is away")
        else:
            pulse.become("running")
            told += 1
        await trio.sleep(TELL_SECONDS)


async def everyones(connection: Connection, own: Vitals) -> tuple[Vitals, ...]:
    """How all processes are, the one that leads first; of this one as it is now."""
    others = [vitals for vitals in await told_by_all(connection) if vitals.process != own.process]
    return _in_order([own, *others])


async def told_by_all(connection: Connection) -> tuple[Vitals, ...]:
    """The same for who is none of them."""
    return _in_order([vitals for text in await processes.told(connection) for vitals in _read(text)])


def _in_order(vitals: Iterable[Vitals]) -> tuple[Vitals, ...]:
    return tuple(sorted(vitals, key=lambda one: (not one.leads, one.process)))


def _read(text: str) -> list[Vitals]:
    """Nothing of a process whose version says it differently."""
    with suppress(msgspec.DecodeError):
        return [load(text)]
    return []
