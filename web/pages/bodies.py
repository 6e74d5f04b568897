"""What posts say, ready to be shown: what is kept, and what is missing made now and kept for those who come after."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

import trio
from markupsafe import Markup

from forum.database import Database, DatabaseAway
from forum.markdown import render_markdown, render_text, with_images
from forum.reads.bodies import Body, keep_renderings
from web.site import Site

AT_ONCE = 4_000  # characters that are rendered in a few milliseconds; more in a thread, so that others are served


async def html_of(database: Database, site: Site, bodies: Iterable[Body]) -> Mapping[str, Markup]:
    """The HTML of each post, by its URI, as this forum shows it."""
    asked = tuple(bodies)
    made = [(body, await rendered(body)) for body in asked if body.html is None]
    if made:
        with suppress(DatabaseAway):  # then the next page makes them again
            async with database.connection() as connection:
                await keep_renderings(connection, made)
    html = {body.uri: body.html for body in asked if body.html is not None} | {body.uri: new for body, new in made}
    return {uri: shown(clean, site) for uri, clean in html.items()}


def shown(clean: str, site: Site) -> Markup:
    return Markup(with_images(clean) if site.shows_images else clean)  # noqa: S704 - `forum.markdown` has cleaned it


async def rendered(body: Body) -> str:
    if body.markdown is None:
        return render_text(body.text)
    if len(body.markdown) <= AT_ONCE:
        return render_markdown(body.markdown)
    return await trio.to_thread.run_sync(render_markdown, body.markdown)
