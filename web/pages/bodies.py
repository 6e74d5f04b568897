"""What posts say, ready to be shown: what is kept, and what is missing made now and kept for those who come after."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import trio
from markupsafe import Markup

from forum.database import Database, DatabaseAway
from forum.markdown import render_markdown, render_text, with_images
from forum.reads.bodies import Body, keep_renderings
from web.site import Site

AT_ONCE = 1_000  # characters that take tens of milliseconds at worst; more in a thread, so that others are served
KEEP_SECONDS = 5.0


async def html_of(database: Database, site: Site, bodies: Iterable[Body]) -> Mapping[str, Markup]:
    """The HTML of each post, by its URI, as this forum shows it."""
    asked = tuple(bodies)
    made: list[tuple[Body, str]] = []
    try:
        for body in asked:
            if body.html is None:
                made.append((body, await rendered(body)))
    finally:  # also when whoever asked has given up: the next one finds what was made so far
        await _keep(database, made)
    html = {body.uri: body.html for body in asked if body.html is not None} | {body.uri: new for body, new in made}
    return {uri: shown(clean, site) for uri, clean in html.items()}


def shown(clean: str, site: Site) -> Markup:
    return Markup(with_images(clean) if site.shows_images else clean)  # noqa: S704 - `forum.markdown` has cleaned it


async def rendered(body: Body) -> str:
    await trio.lowlevel.checkpoint()  # a page of many lets others in between
    if body.markdown is None:
        return render_text(body.text)
    if len(body.markdown) <= AT_ONCE:
        return render_markdown(body.markdown)
    return await trio.to_thread.run_sync(render_markdown, body.markdown)


async def _keep(database: Database, made: Sequence[tuple[Body, str]]) -> None:
    if not made:
        return
    # What is not kept, the next page makes again.
    with trio.move_on_after(KEEP_SECONDS, shield=True), suppress(DatabaseAway):
        async with database.connection() as connection:
            await keep_renderings(connection, made)
