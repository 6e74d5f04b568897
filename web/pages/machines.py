"""What search engines ask for: where they may go, and what there is."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from xml.sax.saxutils import escape

from quart import Quart, Response

from forum.database import Database
from forum.reads.latest import mapped_boards, mapped_topics
from web.pages import links
from web.pages.showing import origin_of
from web.site import Site

MOST_TOPICS = 5_000  # the newest; older ones are found by way of the boards
ONE_HOUR = "public, max-age=3600"

Place = tuple[str, datetime | None]  # a path, and when it last changed


def add_machines(app: Quart, database: Database, site: Site) -> None:
    app.add_url_rule("/robots.txt", endpoint="robots", view_func=partial(show_robots, site))
    app.add_url_rule("/sitemap.xml", endpoint="sitemap", view_func=partial(show_sitemap, database, site))


async def show_robots(site: Site) -> Response:
    """All but the API, what needs an account, and the same topics in another order."""
    closed = ("/api/", "/oauth/", "/sign-in", "/settings", "/moderate/", "/admin", "/*?sort=", "/*?before=")
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed), f"Sitemap: {origin_of(site)}/sitemap.xml"]
    return told("\n".join([*lines, ""]), "text/plain; charset=utf-8")


async def show_sitemap(database: Database, site: Site) -> Response:
    async with database.connection() as connection:
        boards = await mapped_boards(connection)
        topics = await mapped_topics(connection, limit=MOST_TOPICS)
    places: list[Place] = [
        ("/", None),
        ("/about", None),
        *((links.board_path(board.uri, board.slug), None) for board in boards),
        *((links.topic_path(topic.author, topic.uri), topic.active_at) for topic in topics),
    ]
    return told("\n".join(sitemap(origin_of(site), places)), "application/xml; charset=utf-8")


def sitemap(origin: str, places: Iterable[Place]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    for path, changed_at in places:
        changed = f"<lastmod>{changed_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</lastmod>" if changed_at else ""
        yield f"<url><loc>{escape(origin + path)}</loc>{changed}</url>"
    yield "</urlset>\n"


def told(text: str, content_type: str) -> Response:
    response = Response(text, content_type=content_type)
    response.headers["Cache-Control"] = ONE_HOUR
    return response
