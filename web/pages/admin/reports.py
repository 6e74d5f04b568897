"""Reports: the queue with all that is needed to judge a post, the page on which one is resolved, and what came before.

What is done goes through `web/reporting.py`, as by the API. A moderator who was not the fastest is told who was, and
keeps what they had typed.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from quart import Quart, Response, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import Forbidden, HTTPException, NotFound
from werkzeug.wrappers import Response as Redirection

from actors.agent import ForumAccount
from forum.database import Connection, Database
from forum.permissions import BAN_USERS, MODERATE_POSTS
from forum.reads.decisions import weaker
from forum.reads.reports import FROM_THE_FIRST, Report, open_reports, report_by_id, resolved_reports
from forum.reads.viewers import Viewer
from forum.records.syntax import is_did
from forum.reports import WORDS_BYTES, WORDS_GRAPHEMES, Outcome, Verdict
from web.next_path import local_path
from web.pages.admin.panel import Desk, admitted, panel, told_of
from web.pages.moderating import ENDS, LONGEST_REASON, Deed, asked_until
from web.pages.refusals import FORESEEN, Refusal
from web.pages.who import keep_form
from web.params import cursor_for, id_from, numbered, place_from
from web.reporting import NO_REPORT, claim_report, give_report_back, resolve_report
from web.reports import OUTCOMES
from web.site import Site

AT_ONCE: Final = 25
PATH: Final = "/admin/reports"
HISTORY: Final = f"{PATH}/history"

Change = Callable[[Database, str, int], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A report in the queue, and what its reader may do about it."""

    report: Report
    deeds: Sequence[Deed]
    is_free: bool  # nobody else has claimed it
    is_own: bool  # whoever reads has
    is_weaker: bool  # its author is


def add_report_pages(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    resolving = f"{PATH}/<report_id>/<word>"
    for method, rule, handler in (
        ("GET", PATH, partial(show_queue, database, site)),
        ("GET", HISTORY, partial(show_history, database, site)),
        ("POST", f"{PATH}/<report_id>/claim", partial(change_claim, database, site, claim_report)),
        ("POST", f"{PATH}/<report_id>/give-back", partial(change_claim, database, site, give_report_back)),
        ("GET", resolving, partial(show_resolving, database, site)),
        ("POST", resolving, partial(resolve, database, site, account)),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=handler, methods=[method])
    keep_form(app, f"POST {resolving}", partial(resolve, database, site, account))


async def show_queue(database: Database, site: Site) -> Response:
    async with database.connection() as connection:
        return await queue_page(connection, site, await admitted(connection, site, MODERATE_POSTS))


async def show_history(database: Database, site: Site) -> Response:
    """Of all, or of what one account wrote."""
    about = request.args.get("about")
    before = numbered(place_from(request.args["before"])) if "before" in request.args else None
    if about is not None and not is_did(about):
        raise NotFound("There is no such member or author.")
    async with database.connection() as connection:
        desk = await admitted(connection, site, MODERATE_POSTS)
        page = await resolved_reports(connection, desk.viewer.did, limit=AT_ONCE, before=before, about=about)
    return panel(
        site, "history.html", desk,
        reports=page.reports, about=about, is_first=before is None,
        older=None if page.next is None else cursor_for(page.next),
    )  # fmt: skip


async def change_claim(database: Database, site: Site, change: Change, report_id: str) -> Response | Redirection:
    """Claim a report, or give it back."""
    async with database.connection() as connection:
        desk = await admitted(connection, site, MODERATE_POSTS)
    number = id_from(report_id)
    try:
        await change(database, desk.viewer.did, number)
    except FORESEEN as error:
        refusal = await told_of(error)
        async with database.connection() as connection:
            return await queue_page(connection, site, desk, refusal=refusal)
    back = local_path((await request.form).get("next"))
    return redirect(f"{back if back.startswith(PATH) else PATH}#report-{number}", code=303)


async def queue_page(connection: Connection, site: Site, desk: Desk, *, refusal: Refusal | None = None) -> Response:
    after = id_from(request.args["after"]) if "after" in request.args else FROM_THE_FIRST
    page = await open_reports(connection, desk.viewer.did, limit=AT_ONCE, after=after)
    beneath = await beneath_of(connection, site, desk.viewer, page.reports)
    return panel(
        site, "reports.html", desk, refusal=refusal,
        items=[item_of(report, desk.viewer, beneath) for report in page.reports],
        is_first=after == FROM_THE_FIRST, newer=None if page.next is None else page.next.uri,
        at=f"{PATH}?after={after}" if after else PATH,
    )  # fmt: skip


async def show_resolving(database: Database, site: Site, report_id: str, word: str) -> Response:
    outcome, number = outcome_named(word), id_from(report_id)
    async with database.connection() as connection:
        desk, item = await asked_item(connection, site, number, outcome)
    return resolve_page(site, desk, item, outcome, MultiDict())


async def resolve(
    database: Database,
    site: Site,
    account: ForumAccount,
    report_id: str,
    word: str,
    refusal: HTTPException | None = None,
) -> Response | Redirection:
    """Back to the queue; or the form again, with all that was typed, even if nobody knows any more who sends it."""
    form, outcome, number = await request.form, outcome_named(word), id_from(report_id)
    desk, item = None, None
    try:
        async with database.connection() as connection:
            desk, item = await asked_item(connection, site, number, outcome)
        if refusal is not None:
            raise refusal
        until = asked_until(form) if outcome == "ban" else None
        verdict = verdict_in(form, number, outcome, by=desk.viewer.did)
        await resolve_report(database, site, account, desk.viewer, verdict, until=until)
    except FORESEEN as error:
        return resolve_page(site, desk, item, outcome, form, await told_of(error))
    return redirect(PATH, code=303)


def outcome_named(word: str) -> Outcome:
    outcome = next((one for one in OUTCOMES if one == word), None)
    if outcome is None:
        raise NotFound("There is no such act.")
    return outcome


def verdict_in(form: MultiDict[str, str], report_id: int, outcome: Outcome, *, by: str) -> Verdict:
    reason, note = (form.get(name, "").strip() or None for name in ("reason", "note"))
    return Verdict(report_id=report_id, outcome=outcome, by=by, reason=reason, note=note)


async def asked_item(connection: Connection, site: Site, number: int, outcome: Outcome) -> tuple[Desk, Item]:
    """A report, for who may resolve it so: 401, 403, 404 otherwise."""
    desk = await admitted(connection, site, MODERATE_POSTS)
    report = await report_by_id(connection, desk.viewer.did, number)
    if report is None:
        raise NotFound(NO_REPORT)
    if outcome == "ban" and not desk.viewer.may(BAN_USERS):
        raise Forbidden("Insufficient permissions")
    beneath = await beneath_of(connection, site, desk.viewer, [report])
    return desk, item_of(report, desk.viewer, beneath)


def resolve_page(
    site: Site,
    desk: Desk | None,
    item: Item | None,
    outcome: Outcome,
    form: MultiDict[str, str],
    refusal: Refusal | None = None,
) -> Response:
    """Without a reason in the form the page offers one. It is public, so it has none of the reporters' words in it."""
    return panel(
        site, "resolve.html", desk, refusal=refusal,
        item=item, outcome=outcome, may=item is not None and any(deed.word == outcome for deed in item.deeds),
        reason=form.get("reason"), note=form.get("note", ""), end=form.get("end", "never"),
        ends=list(ENDS) if outcome == "ban" else [],
        longest=LONGEST_REASON, most_note=WORDS_GRAPHEMES, most_typed=WORDS_BYTES,
    )  # fmt: skip


async def beneath_of(connection: Connection, site: Site, viewer: Viewer, reports: Sequence[Report]) -> Collection[str]:
    """Those who are weaker than the moderator, of all that are reported."""
    dids = {report.post.author.did for report in reports}
    return await weaker(connection, viewer.rights.priority, dids, forum_did=site.forum_did) if dids else ()


def item_of(report: Report, viewer: Viewer, beneath: Collection[str]) -> Item:
    post, claim = report.post, report.claim
    is_own, is_weaker = claim is not None and claim.by.did == viewer.did, post.author.did in beneath
    is_free = report.resolution is None and (claim is None or is_own)
    may: dict[Outcome, bool] = {
        "hide": is_weaker and post.is_there,
        "ban": is_weaker and viewer.may(BAN_USERS),
        "dismiss": True,
    }
    deeds = [Deed(word=word, path=f"{PATH}/{report.id}/{word}") for word in OUTCOMES if is_free and may[word]]
    return Item(report=report, deeds=deeds, is_free=is_free, is_own=is_own, is_weaker=is_weaker)
