"""What happens while a page is open, told to it as server-sent events: of a topic, of a board, or of the whole forum.

`now` says how many posts a topic has and where the newest is, as one begins to listen and after changes; `changed` says
no more than that, of boards and of everything. What is new a page fetches from where it came from itself
(`web/static/live.js`), so all is rendered in one place. Only what everybody may read is told.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec
import trio
from quart import Quart, Response, request
from werkzeug.exceptions import BadRequest

from forum.changes import Changes
from forum.database import Database, DatabaseAway
from forum.reads.threads import newest_place
from forum.records.names import BOARD, POST
from forum.records.syntax import is_at_uri, parse_at_uri
from web.pages import links
from web.pages.shown import EVERYTHING
from web.site import Site

MOST_LISTENERS: Final = 500  # of the server's 800 connections
HEARTBEAT_SECONDS: Final = 25.0  # proxies cut what is silent for a minute; and who has gone is noticed
REST_SECONDS: Final = 1.0  # after each event; whatever happens meanwhile is told by the next

CHANGED: Final = b"event: changed\ndata: {}\n\n"
STILL_HERE: Final = b": still here\n\n"

Read = Callable[[], Awaitable[bytes]]


@dataclass(slots=True, eq=False)
class Bell:
    """One listener's; it remembers a ring, and only one, however slowly its page reads."""

    rung: trio.Event = field(default_factory=trio.Event)


@dataclass(slots=True, eq=False)
class Subject:
    """What pages are open of, and the event that is told of it, read once for all of them."""

    bells: set[Bell] = field(default_factory=set)
    event: bytes | None = None
    reading: trio.Lock = field(default_factory=trio.Lock)
    version: int = 0

    def change(self) -> None:
        self.event, self.version = None, self.version + 1
        for bell in self.bells:
            bell.rung.set()

    async def read(self, read: Read) -> bytes:
        async with self.reading:
            if self.event is not None:
                return self.event
            version = self.version
            event = await read()
            if version == self.version:  # else it is old already, and the bells have rung
                self.event = event
            return event


@dataclass(slots=True, eq=False)
class Live:
    """Who listens, and to what: URIs of topics and boards, or everything."""

    subjects: defaultdict[str, Subject] = field(default_factory=lambda: defaultdict(Subject))

    def tell(self, changes: Changes) -> None:
        named = {*changes.uris, EVERYTHING} if changes.uris else set[str]()
        for name in tuple(self.subjects if changes.all else named & self.subjects.keys()):
            self.subjects[name].change()

    @property
    def listeners(self) -> int:
        return sum(len(subject.bells) for subject in self.subjects.values())

    @contextmanager
    def listening(self, name: str) -> Iterator[tuple[Subject, Bell]]:
        subject, bell = self.subjects[name], Bell()
        subject.bells.add(bell)
        try:
            yield subject, bell
        finally:
            subject.bells.discard(bell)
            if not subject.bells:
                del self.subjects[name]


def add_live(app: Quart, database: Database, site: Site, live: Live, stop: trio.Event) -> None:
    app.add_url_rule("/live", endpoint="live", view_func=partial(tell_live, database, site, live, stop))


async def tell_live(database: Database, site: Site, live: Live, stop: trio.Event) -> Response:
    """Events, until we stop. 204, after which a browser does not ask again, where too many listen already."""
    name = request.args.get("of", EVERYTHING)
    read = reader_of(database, site, name)
    if live.listeners >= MOST_LISTENERS:
        return Response(b"", status=204)
    response = Response(happenings(live, name, read, stop), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # or nginx would hold the events back
    response.timeout = None
    return response


def reader_of(database: Database, site: Site, name: str) -> Read | None:
    """What reads the event of it; None: there is nothing to be read but that it changed."""
    if name == EVERYTHING:
        return None
    if not is_at_uri(name) or parse_at_uri(name).collection not in (POST, BOARD):
        raise BadRequest("Only of a topic or a board is anything told here.")
    return partial(topic_now, database, site, name) if parse_at_uri(name).collection == POST else None


async def happenings(
    live: Live, name: str, read: Read | None, stop: trio.Event, *, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> AsyncIterator[bytes]:
    """Events and, so that nobody thinks us dead, comments. A database that is away is waited for."""
    with live.listening(name) as (subject, bell):
        event = STILL_HERE if read is None else await said(subject, read)
        while True:
            yield event
            await first_of(stop, seconds=REST_SECONDS)
            await first_of(stop, bell.rung, seconds=heartbeat_seconds)
            if stop.is_set():
                return
            if not bell.rung.is_set():
                event = STILL_HERE
                continue
            bell.rung = trio.Event()  # before it is read: what changes from here on rings again
            event = CHANGED if read is None else await said(subject, read)


async def said(subject: Subject, read: Read) -> bytes:
    try:
        return await subject.read(read)
    except DatabaseAway:
        return STILL_HERE  # the notifier tells of everything when it is back


async def topic_now(database: Database, site: Site, uri: str) -> bytes:
    """How many posts the topic has, and the address of the newest."""
    parts = parse_at_uri(uri)
    async with database.connection() as connection:
        place = await newest_place(connection, parts.did_or_handle, parts.rkey, forum_uri=site.forum_uri)
    if place is None:
        return CHANGED  # it is gone
    path = links.topic_path(place.author, place.uri)
    newest = path if place.reply_uri is None else links.reply_path(path, place.reply_uri)
    return b"event: now\ndata: %b\n\n" % msgspec.json.encode({"posts": place.number, "newest": newest})


async def first_of(*events: trio.Event, seconds: float) -> None:
    """Wait for one of them, at most so long."""
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:

            async def until(event: trio.Event) -> None:
                await event.wait()
                nursery.cancel_scope.cancel()

            for event in events:
                nursery.start_soon(until, event)
