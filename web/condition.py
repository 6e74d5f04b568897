"""The condition of the whole: what all processes say of themselves, and what the database says when it is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
import trio

from actors.firehose import CONNECTED
from actors.reporter import everyones
from actors.vitals import FIREHOSE, ActorVitals, Vitals
from forum.database import Database
from forum.errors import Unavailable
from forum.reads.sync import Lag, lag

ASK_SECONDS = 2.0  # less than any monitor's patience

Own = Callable[[], Vitals]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`vitals` are of the processes this one knows of, who leads first. Without `lag` the database did not answer."""

    vitals: Sequence[Vitals]
    latency_seconds: float
    lag: Lag | None

    @property
    def firehose(self) -> ActorVitals | None:
        """Of the process that leads; where none does, whichever there is."""
        return next((found for process in self.vitals if (found := process.actor(FIREHOSE)) is not None), None)


def is_connected(firehose: ActorVitals) -> bool:
    return firehose.state == "running" and firehose.detail == CONNECTED


async def ask(database: Database, own: Vitals, *, seconds: float = ASK_SECONDS) -> Condition:
    """Put the question to the database, and take no answer for one."""
    began = trio.current_time()
    vitals: Sequence[Vitals] = (own,)
    answered = None
    with trio.move_on_after(seconds):
        try:
            async with database.connection() as connection:
                answered = await lag(connection)
                vitals = await everyones(connection, own)
        except Unavailable:
            pass
        except Exception:  # tables missing or the like: health tells it, and must not fail itself
            log.exception("health_question_failed")
    return Condition(vitals=vitals, latency_seconds=trio.current_time() - began, lag=answered)
