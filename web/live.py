"""That something has happened, told to open pages as server-sent events: to a topic's, a board's, or anybody's.

An event says `changed` and no more. What is new a page fetches from where it came from itself (`templates/live.html`),
so all is rendered in one place, and nothing is told that the page would not show. Who has a topic open says how many
posts they see, and hears at once if that is no longer so.
"""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio
from quart import Quart, Response, request
from werkzeug.exceptions import BadRequest

from forum.changes import Changes
from forum.database import Database, DatabaseAway
from forum.reads.threads import newest_place
from forum.records.names import BOARD, POST
from forum.records.syntax import is_at_uri, parse_at_uri
from web.events import STILL_HERE, event, streamed
from web.pages.shown import EVERYTHING
from web.site import Site

MOST_LISTENERS: Final = 500  # of the server's 800 connections
HEARTBEAT_SECONDS: Final = 25.0  # proxies cut what is silent for a minute; and who has gone is noticed
REST_SECONDS: Final = 1.0  # after each event; whatever happens meanwhile is told by the next
# Between a change and the event, on the average: every process shall have forgotten its kept pages, and many listeners
# shall not all ask at once.
PAUSE_SECONDS: Final = 0.1
PAUSE_SECONDS_EACH: Final = 0.005

CHANGED: Final = event("changed", "now")

Fresh = Callable[[], Awaitable[bool]]


@dataclass(slots=True, eq=False)
class Bell:
    """One listener's; it remembers a ring, and only one, however slowly its page reads."""

    rung: trio.Event = field(default_factory=trio.Event)


@dataclass(slots=True, eq=False)
class Live:
    """Who listens, and to what: URIs of topics and boards, or everything."""

    subjects: defaultdict[str, set[Bell]] = field(default_factory=lambda: defaultdict(set))

    def tell(self, changes: Changes) -> None:
        named = {*changes.uris, EVERYTHING} if changes.uris else set[str]()
        for name in self.subjects if changes.all else named & self.subjects.keys():
            for bell in self.subjects[name]:
                bell.rung.set()

    @property
    def listeners(self) -> int:
        return sum(map(len, self.subjects.values()))

    @contextmanager
    def listening(self, name: str) -> Iterator[Bell]:
        bell = Bell()
        self.subjects[name].add(bell)
        try:
            yield bell
        finally:
            self.subjects[name].discard(bell)
            if not self.subjects[name]:
                del self.subjects[name]

    def pause_seconds(self, name: str) -> float:
        """How long one of its listeners waits before an event."""
        most = 2 * (PAUSE_SECONDS + PAUSE_SECONDS_EACH * len(self.subjects[name]))
        return random.uniform(PAUSE_SECONDS, most)  # noqa: S311 - spreads the load


def add_live(app: Quart, database: Database, site: Site, live: Live, stop: trio.Event) -> None:
    app.add_url_rule("/live", endpoint="live", view_func=partial(tell_live, database, site, live, stop))


async def tell_live(database: Database, site: Site, live: Live, stop: trio.Event) -> Response:
    """Events, until we stop. 204, after which a browser does not ask again, where too many listen already."""
    name, posts = asked_subject(), request.args.get("posts")
    if live.listeners >= MOST_LISTENERS:
        return Response(b"", status=204)
    is_fresh = None if posts is None or name == EVERYTHING else partial(has_posts, database, site, name, posts)
    return streamed(happenings(live, name, is_fresh, stop))


def asked_subject() -> str:
    """`of` of the request's query: the URI of a topic or a board; without it everything is meant."""
    name = request.args.get("of", EVERYTHING)
    if name != EVERYTHING and not (is_at_uri(name) and parse_at_uri(name).collection in (POST, BOARD)):
        raise BadRequest("Only of a topic or a board is anything told here.")
    return name


async def happenings(
    live: Live,
    name: str,
    is_fresh: Fresh | None,
    stop: trio.Event,
    *,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> AsyncIterator[bytes]:
    """Events and, so that nobody thinks us dead, comments."""
    with live.listening(name) as bell:
        yield STILL_HERE if is_fresh is None or await is_fresh() else CHANGED
        while True:
            await first_of(stop, seconds=REST_SECONDS)
            await first_of(stop, bell.rung, seconds=heartbeat_seconds)
            if bell.rung.is_set():
                await first_of(stop, seconds=live.pause_seconds(name))
            if stop.is_set():
                return
            has_changed, bell.rung = bell.rung.is_set(), trio.Event()
            yield CHANGED if has_changed else STILL_HERE


async def has_posts(database: Database, site: Site, uri: str, posts: str) -> bool:
    """Whether the topic has so many. A database that is away knows nothing newer; when it is back, all are told."""
    parts = parse_at_uri(uri)
    try:
        async with database.connection() as connection:
            newest = await newest_place(connection, parts.did_or_handle, parts.rkey, forum_uri=site.forum_uri)
    except DatabaseAway:
        return True
    return newest is not None and str(newest.number) == posts


async def first_of(*events: trio.Event, seconds: float) -> None:
    """Wait for one of them, at most so long."""
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:

            async def until(event: trio.Event) -> None:
                await event.wait()
                nursery.cancel_scope.cancel()

            for event in events:
                nursery.start_soon(until, event)
