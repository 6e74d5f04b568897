"""Backfills: whether one is needed, starting and cancelling one, how far it is, what went wrong, and those of the past.

The figures of one that runs move by an event stream; without a script the page says so when it is loaded anew.
"""

from functools import partial
from typing import Final

import trio
from quart import Quart, Response, redirect, request
from werkzeug.wrappers import Response as Redirection

from forum import jobs
from forum.database import Connection, Database
from forum.job_requests import FRESH_SECONDS
from forum.permissions import MANAGE_FORUM
from web.admin import cancel_job, job_by_id, progress, start_job
from web.events import streamed
from web.pages.admin.panel import Desk, admitted, panel
from web.pages.environment import environment
from web.pages.refusals import FORESEEN, Refusal, refusal_of
from web.pages.showing import asked_words
from web.site import Site

PATH: Final = "/admin/backfill"
HISTORY: Final = 25


def add_backfills(app: Quart, database: Database, site: Site, stop: trio.Event) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", PATH, show_backfills),
        ("POST", PATH, start),
        ("GET", f"{PATH}/<job_id>", show_one),
        ("POST", f"{PATH}/<job_id>/cancel", cancel),
        ("GET", f"{PATH}/<job_id>/live", partial(tell_figures, stop=stop)),
    ):
        view = partial(handler, database, site)
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=view, methods=[method])


async def show_backfills(database: Database, site: Site) -> Response:
    async with database.connection() as connection:
        return await backfill_page(connection, site, await admitted(connection, site, MANAGE_FORUM))


async def start(database: Database, site: Site) -> Response | Redirection:
    """Where none is needed and none was forced, the page itself says so."""
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_FORUM)
    try:
        await start_job(database, site, desk.viewer.did, (await request.form).get("force"))
    except FORESEEN as error:
        return await refused(database, site, desk, await refusal_of(error))
    return redirect(PATH, code=303)


async def cancel(database: Database, site: Site, job_id: str) -> Response | Redirection:
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_FORUM)
    try:
        await cancel_job(database, desk.viewer.did, job_id)
    except FORESEEN as error:
        return await refused(database, site, desk, await refusal_of(error))
    return redirect(PATH, code=303)


async def show_one(database: Database, site: Site, job_id: str) -> Response:
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_FORUM)
    job = await job_by_id(database, job_id)
    async with database.connection() as connection:
        errors = await jobs.errors(connection, job.id)
    return panel(site, "job.html", desk, job=job, errors=errors)


async def tell_figures(database: Database, site: Site, job_id: str, *, stop: trio.Event) -> Response:
    """Server-sent events: `progress` with the figures as the page has them, `end` when there is a new page to see."""
    async with database.connection() as connection:
        await admitted(connection, site, MANAGE_FORUM)
    figures, words = environment().get_template("admin/figures.html"), asked_words()
    job = await job_by_id(database, job_id)
    return streamed(progress(database, job, stop, lambda job: figures.render(job=job, words=words)))


async def refused(database: Database, site: Site, desk: Desk, refusal: Refusal) -> Response:
    async with database.connection() as connection:
        return await backfill_page(connection, site, desk, refusal=refusal)


async def backfill_page(connection: Connection, site: Site, desk: Desk, *, refusal: Refusal | None = None) -> Response:
    return panel(
        site, "backfill.html", desk, refusal=refusal,
        needed=await jobs.needed(connection, max_age=site.cursor_max_age),
        led=await jobs.has_leader(connection, within_seconds=FRESH_SECONDS),
        current=await jobs.current(connection),
        past=[job for job in await jobs.history(connection, limit=HISTORY) if job.status != "in_progress"],
    )  # fmt: skip
