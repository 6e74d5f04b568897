"""What members' servers fetch about us before they trust us: who we are, and our public key.

Only of a forum at an https origin; to any other they are the client of one's own machine, which publishes nothing.
"""

from functools import partial

from quart import Quart, Response
from werkzeug.exceptions import NotFound

from forum.database import Database
from forum.protocol.dpop import Key
from forum.protocol.oauth import CLIENT_PATH, KEYS_PATH, Client, client_metadata, key_set
from forum.reads.forum import forum_at
from web.answers import answer
from web.door import Closed, Door, way_in
from web.site import Site

UNNAMED = "A forum"


def add_client_documents(app: Quart, database: Database, site: Site, door: Door | Closed) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for rule, handler in (
        (CLIENT_PATH, partial(show_metadata, database, site, door)),
        (KEYS_PATH, partial(show_keys, door)),
    ):
        app.add_url_rule(rule, endpoint=rule, view_func=handler)


async def show_metadata(database: Database, site: Site, door: Door | Closed) -> Response:
    """With the forum's name, which servers show to people whom they ask."""
    client, _ = published(door)
    async with database.connection() as connection:
        forum = await forum_at(connection, site.forum_uri)
    name = UNNAMED if forum is None else forum.name
    return answer(client_metadata(client, site.public_origin or "", name))


async def show_keys(door: Door | Closed) -> Response:
    _, key = published(door)
    return answer(key_set([key]))


def published(door: Door | Closed) -> tuple[Client, Key]:
    client = way_in(door).oauth.client
    if client is None or client.key is None:
        raise NotFound("Only a forum that is reached by https publishes this.")
    return client, client.key
