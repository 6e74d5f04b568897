"""The backfill manager's API: ask for a job, watch it, cancel it.

Jobs are rows, so any process may be asked; whichever leads does the work. Request bodies are not read.
"""

from collections.abc import AsyncIterator, Callable
from functools import partial

import msgspec
import trio
from quart import Quart, Response, request
from werkzeug.exceptions import Conflict, InternalServerError, NotFound, ServiceUnavailable

from forum import audit, jobs
from forum.database import Connection, Database, DatabaseAway
from forum.job_requests import NobodyLeads, ask_for_job
from forum.permissions import MANAGE_FORUM
from web.answers import answer
from web.events import STILL_HERE, event, streamed
from web.params import asked_slice, id_from
from web.shapes import job_error_shape, job_shape, jobs_shape
from web.signed_in import require
from web.site import Site

EVENT_SECONDS = 1.0  # between two words on a job's progress

STARTED = "Backfill started"
NOT_NEEDED = "No backfill needed. Use ?force=catch_up or ?force=full_sync to override."


def add_admin(app: Quart, database: Database, site: Site, stop: trio.Event) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("POST", "/api/admin/backfill", partial(start_backfill, database, site)),
        ("GET", "/api/admin/backfill", partial(list_backfills, database, site)),
        ("GET", "/api/admin/backfill/<backfill_id>", partial(show_backfill, database, site)),
        ("DELETE", "/api/admin/backfill/<backfill_id>", partial(cancel_backfill, database, site)),
        ("GET", "/api/admin/backfill/<backfill_id>/errors", partial(list_errors, database, site)),
        ("GET", "/api/admin/backfill/<backfill_id>/events", partial(tell_progress, database, site, stop)),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=handler, methods=[method])


async def start_backfill(database: Database, site: Site) -> Response:
    """Here a database that is away is 500: 503 says that there is nobody to do the work."""
    try:
        actor = await require(database, site, MANAGE_FORUM)
        job = await start_job(database, site, actor, request.args.get("force"))
    except DatabaseAway as error:
        raise InternalServerError("Failed to check the backfill status or to start the backfill.") from error
    if job is None:
        return answer({"message": NOT_NEEDED})
    return answer({"message": STARTED, "type": job.type, "status": job.status, "id": str(job.id)}, status=202)


async def list_backfills(database: Database, site: Site) -> Response:
    await require(database, site, MANAGE_FORUM)
    part = asked_slice(default=25, most=100)
    below = jobs.ABOVE_IDS if part.after is None else id_from(part.after.uri)
    async with database.connection() as connection:
        # One more than asked for tells whether anything follows.
        found = await jobs.history(connection, limit=part.limit + 1, offset=part.offset, below=below)
    return answer(jobs_shape(found, part))


async def show_backfill(database: Database, site: Site, backfill_id: str) -> Response:
    await require(database, site, MANAGE_FORUM)
    return answer(job_shape(await job_by_id(database, backfill_id)))


async def cancel_backfill(database: Database, site: Site, backfill_id: str) -> Response:
    """Ask whoever works at the job to stop; its status tells when that is done."""
    job = await cancel_job(database, await require(database, site, MANAGE_FORUM), backfill_id)
    return answer({"message": "Backfill is being cancelled", "id": str(job.id)}, status=202)


async def list_errors(database: Database, site: Site, backfill_id: str) -> Response:
    await require(database, site, MANAGE_FORUM)
    job = await job_by_id(database, backfill_id)
    async with database.connection() as connection:
        found = await jobs.errors(connection, job.id)
    return answer({"errors": [job_error_shape(error) for error in found]})


async def tell_progress(database: Database, site: Site, stop: trio.Event, backfill_id: str) -> Response:
    """Server-sent events: `progress` about every second, `end` when the job has ended."""
    await require(database, site, MANAGE_FORUM)
    job = await job_by_id(database, backfill_id)
    return streamed(progress(database, job, stop, as_json))


async def progress(
    database: Database,
    job: jobs.Job,
    stop: trio.Event,
    told: Callable[[jobs.Job], str],
    *,
    seconds: float = EVENT_SECONDS,
) -> AsyncIterator[bytes]:
    """The job as events, until it has ended or we stop. A database that is away is waited for."""
    yield event("progress" if job.status == "in_progress" else "end", told(job))
    while job.status == "in_progress" and not await stops_within(stop, seconds):
        try:
            async with database.connection() as connection:
                job = await jobs.read(connection, job.id) or job
        except DatabaseAway:
            yield STILL_HERE
        else:
            yield event("progress" if job.status == "in_progress" else "end", told(job))


def as_json(job: jobs.Job) -> str:
    return msgspec.json.encode(job_shape(job)).decode()


async def stops_within(stop: trio.Event, seconds: float) -> bool:
    """Wait so long, or until we are to stop."""
    with trio.move_on_after(seconds):
        await stop.wait()
    return stop.is_set()


async def start_job(database: Database, site: Site, actor: str, force: str | None) -> jobs.Job | None:
    """Ask for a job; None if none is needed."""
    try:
        async with database.transaction() as tx:
            job = await ask_for_job(tx, force, max_age=site.cursor_max_age)
            if job is not None:
                await note(tx, actor, "startBackfill", job)
    except NobodyLeads as error:
        raise ServiceUnavailable(
            "The backfill manager is not available: no process is following the stream."
        ) from error
    except jobs.AlreadyRunning as error:
        raise Conflict("A backfill is already in progress.") from error
    return job


async def cancel_job(database: Database, actor: str, backfill_id: str) -> jobs.Job:
    job = await job_by_id(database, backfill_id)
    async with database.transaction() as tx:
        asked = await jobs.ask_to_cancel(tx, job.id)
        if asked:
            await note(tx, actor, "cancelBackfill", job)
    if not asked:
        raise Conflict("The backfill is no longer in progress.")
    return job


async def note(tx: Connection, actor: str, act: audit.Act, job: jobs.Job) -> None:
    entry = audit.Entry(actor=actor, act=act, subject=str(job.id), after={"type": job.type})
    await audit.note(tx, entry)


async def job_by_id(database: Database, text: str) -> jobs.Job:
    number = id_from(text)
    async with database.connection() as connection:
        job = await jobs.read(connection, number)
    if job is None:
        raise NotFound("There is no such backfill.")
    return job
