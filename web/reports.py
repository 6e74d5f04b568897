"""Reports by the API: what members send, and what moderators read, claim and resolve. `reporting.py` does it."""

from functools import partial

from quart import Quart, Response, request
from werkzeug.exceptions import BadRequest

from actors.agent import ForumAccount
from forum.database import Database
from forum.permissions import MODERATE_POSTS
from forum.reads.reports import FROM_THE_FIRST, open_reports, resolved_reports
from forum.reads.writing import posts_by_id
from forum.reports import Outcome, Verdict
from web.answers import answer, written
from web.bodies import Body, asked_object, asked_text
from web.moderation import asked_end
from web.params import asked_slice, id_from, numbered
from web.posts import asked_id
from web.report_shapes import report_list_shape
from web.reporting import claim_report, give_report_back, resolve_report, send_report
from web.signed_in import require, required_viewer, signed_in_viewer
from web.site import Site

OUTCOMES: tuple[Outcome, ...] = ("hide", "ban", "dismiss")


def add_reports(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    one = "/api/admin/reports/<report_id>"
    for method, rule, handler in (
        ("POST", "/api/reports", partial(make_report, database, site)),
        ("GET", "/api/admin/reports", partial(list_reports, database, site)),
        ("POST", f"{one}/claim", partial(claim, database, site)),
        ("DELETE", f"{one}/claim", partial(give_back, database, site)),
        ("POST", f"{one}/resolve", partial(resolve, database, site, account)),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=handler, methods=[method])


async def make_report(database: Database, site: Site) -> Response:
    viewer, body = await signed_in_viewer(database, site), await asked_object()
    number, reason = asked_id(body, "postId"), asked_text(body, "reason")
    async with database.connection() as connection:
        post = (await posts_by_id(connection, [number])).get(number)
    sent = await send_report(database, viewer, post, reason)
    return answer({"id": str(sent.report_id), "postId": str(number), "createdAt": written(sent.at)}, status=201)


async def list_reports(database: Database, site: Site) -> Response:
    reader = await require(database, site, MODERATE_POSTS)
    state, part = request.args.get("state", "open"), asked_slice(default=25, most=100)
    place = None if part.after is None else numbered(part.after)
    async with database.connection() as connection:
        if state == "open":
            after = FROM_THE_FIRST if place is None else int(place.uri)
            page = await open_reports(connection, reader, limit=part.limit, offset=part.offset, after=after)
        elif state == "resolved":
            page = await resolved_reports(connection, reader, limit=part.limit, offset=part.offset, before=place)
        else:
            raise BadRequest("The state is open or resolved.")
    return answer(report_list_shape(page, part))


async def claim(database: Database, site: Site, report_id: str) -> Response:
    moderator = await require(database, site, MODERATE_POSTS)
    await claim_report(database, moderator, id_from(report_id))
    return answer({"success": True})


async def give_back(database: Database, site: Site, report_id: str) -> Response:
    moderator = await require(database, site, MODERATE_POSTS)
    await give_report_back(database, moderator, id_from(report_id))
    return answer({"success": True})


async def resolve(database: Database, site: Site, account: ForumAccount, report_id: str) -> Response:
    viewer = await required_viewer(database, site, MODERATE_POSTS)
    number, body = id_from(report_id), await asked_object()
    verdict = asked_verdict(body, number, viewer.did)
    until = asked_end(body) if verdict.outcome == "ban" else None
    write = await resolve_report(database, site, account, viewer, verdict, until=until)
    record = {"uri": write.uri if write else None, "cid": write.cid if write else None}
    is_old = verdict.outcome != "dismiss" and write is None
    return answer({"success": True, "outcome": verdict.outcome, "alreadyActive": is_old, **record})


def asked_verdict(body: Body, report_id: int, by: str) -> Verdict:
    """What is to be done with the report; an act needs a reason."""
    outcome = next((one for one in OUTCOMES if one == body.get("outcome")), None)
    if outcome is None:
        raise BadRequest("The outcome is hide, ban or dismiss.")
    reason = asked_words(body, "reason") if outcome == "dismiss" else asked_text(body, "reason")
    return Verdict(report_id=report_id, outcome=outcome, by=by, reason=reason, note=asked_words(body, "note"))


def asked_words(body: Body, name: str) -> str | None:
    """A field that need not be there."""
    if body.get(name) is None:
        return None
    if not isinstance(body[name], str):
        raise BadRequest(f"{name} is not text.")
    return body[name].strip() or None
