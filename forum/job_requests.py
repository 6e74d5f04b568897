"""Asking for a backfill: the one decision behind the endpoint and the command, whichever process takes the request."""

from datetime import timedelta
from typing import get_args

from forum import jobs
from forum.database import Connection

# A leader beats every five seconds; one that missed several is gone, and nobody would work at the job.
FRESH_SECONDS = 30


class NobodyLeads(Exception):
    """No process is there that would work at a job."""


async def ask_for_job(tx: Connection, force: str | None, *, max_age: timedelta) -> jobs.Job | None:
    """Start a job of the kind that is forced, else of the kind that is needed; None when none is.

    What is no kind of job forces nothing; for `max_age` see `jobs.needed`. Raises `NobodyLeads`, `jobs.AlreadyRunning`.
    """
    if not await jobs.has_leader(tx, within_seconds=FRESH_SECONDS):
        raise NobodyLeads
    if await jobs.current(tx) is not None:
        raise jobs.AlreadyRunning
    kind = forced(force) or await jobs.needed(tx, max_age=max_age)
    return None if kind is None else await jobs.start(tx, kind)


def forced(word: str | None) -> jobs.Type | None:
    """The word, if it names a kind of job."""
    return next((kind for kind in get_args(jobs.Type) if kind == word), None)
