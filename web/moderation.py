"""Moderation by the API: ban, mute, lock, pin, hide, and their ends. `acting.py` does it."""

from datetime import UTC, datetime
from functools import partial

from quart import Quart, Response
from werkzeug.exceptions import BadRequest

from actors.agent import ForumAccount
from forum.database import Database
from forum.errors import BadInput
from forum.moderation import Post, post_by_id
from forum.records.names import MOD_ACTION
from forum.records.syntax import parse_datetime
from web.acting import KINDS, Asked, Kind, act, fitting, member_named
from web.answers import answer
from web.bodies import Body, asked_object, asked_text
from web.params import id_from
from web.shapes import Shape
from web.signed_in import require
from web.site import Site

NAMED_BY = {"member": "targetDid", "topic": "topicId", "post": "postId"}


def add_moderation(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for kind in KINDS:
        for method, rule, handler in (
            ("POST", f"/api/mod/{kind.word}", begin),
            ("DELETE", f"/api/mod/{kind.word}/<target>", end),
        ):
            view = partial(handler, database, site, account, kind)
            app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=view, methods=[method])


async def begin(database: Database, site: Site, account: ForumAccount, kind: Kind) -> Response:
    moderator = await require(database, site, kind.permission)
    body = await asked_object()
    target, reason = asked_text(body, NAMED_BY[kind.acts_on]), asked_text(body, "reason")
    until = asked_end(body)
    subject, told = await named(database, site, kind, target)
    asked = Asked(kind=kind, is_on=True, by=moderator, subject=subject, reason=reason, until=until)
    return await done(database, site, account, asked, told)


async def end(database: Database, site: Site, account: ForumAccount, kind: Kind, target: str) -> Response:
    moderator = await require(database, site, kind.permission)
    reason = asked_text(await asked_object(), "reason")
    subject, told = await named(database, site, kind, target)
    asked = Asked(kind=kind, is_on=False, by=moderator, subject=subject, reason=reason)
    return await done(database, site, account, asked, told)


def asked_end(body: Body) -> datetime | None:
    """`expiresAt`, if it is there."""
    text = body.get("expiresAt")
    if text is None:
        return None
    try:
        until = parse_datetime(text if isinstance(text, str) else "")
    except BadInput as bad:
        raise BadRequest("expiresAt is a date with a time and a zone.") from bad
    if until <= datetime.now(UTC):
        raise BadRequest("expiresAt must be in the future.")
    return until


async def named(database: Database, site: Site, kind: Kind, target: str) -> tuple[str | Post, Shape]:
    """The account or the post that is named, and what answers call it."""
    if kind.acts_on == "member":
        did = await member_named(database, site, target)
        return did, {"targetDid": did}
    number = id_from(target)
    async with database.connection() as connection:
        post = fitting(await post_by_id(connection, number), kind)
    return post, {NAMED_BY[kind.acts_on]: str(number), "postUri": post.uri}


async def done(database: Database, site: Site, account: ForumAccount, asked: Asked, told: Shape) -> Response:
    write = await act(database, site, account, asked)
    shape: Shape = {"success": True, "action": f"{MOD_ACTION}.{asked.action}", **told, "alreadyActive": write is None}
    return answer({**shape, "uri": write.uri if write else None, "cid": write.cid if write else None})
