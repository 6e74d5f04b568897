"""What scripts ask for while somebody writes: how it will look, and who may be mentioned. All of it works without."""

from functools import partial

from markupsafe import Markup
from quart import Quart, Response, request
from werkzeug.exceptions import BadRequest

from forum.errors import BadInput
from forum.posts import body_of
from forum.reads.bodies import Body
from forum.reads.sources import people_in
from web.answers import answer
from web.limits import limited
from web.pages.bodies import rendered, shown
from web.pages.places import thread_at
from web.pages.who import asked_viewer
from web.signed_in import signed_in
from web.site import Site
from web.writing import Desk

PREVIEWS_A_MINUTE = 60


def add_previewing(app: Quart, desk: Desk) -> None:
    """Hang the handlers into the app, each with what it needs."""
    preview = limited(partial(show_preview, desk), a_minute=PREVIEWS_A_MINUTE)
    app.add_url_rule("/preview", endpoint="preview", view_func=preview, methods=["POST"])
    rule = "/t/<name>/<rkey>/people"
    app.add_url_rule(rule, endpoint=rule, view_func=partial(list_people, desk))


async def show_preview(desk: Desk) -> Response:
    """The text of a form as the HTML of a post, for who might post it."""
    await signed_in(desk.database)
    text = (await request.form).get("text", "")
    return Response(str(await preview_of(text, desk.site) or ""), content_type="text/html; charset=utf-8")


async def preview_of(text: str, site: Site) -> Markup | None:
    """As it will be shown; None if there is nothing to show. What no post may be is 400."""
    if not text.strip():
        return None
    try:
        fields = body_of(text)
    except BadInput as bad:
        raise BadRequest(f"This cannot be shown: {str(bad).removeprefix(f'{bad.reason}: ')}.") from bad
    content = fields.get("content")
    markdown = None if content is None else content["markdown"]
    body = Body(uri="", cid="", text=fields["text"], markdown=markdown, html=None)
    return shown(await rendered(body), site)


async def list_people(desk: Desk, name: str, rkey: str) -> Response:
    """Handles of the others who wrote in a topic; whom one can mention there."""
    async with desk.database.connection() as connection:
        viewer = await asked_viewer(connection, desk.site)
        found = await thread_at(connection, desk.site, name, rkey)
        people = await people_in(connection, found.opening.uri)
    own = None if viewer is None else viewer.author.handle
    response = answer({"people": [handle for handle in people if handle != own]})
    response.headers["Cache-Control"] = "private, max-age=60"
    return response
