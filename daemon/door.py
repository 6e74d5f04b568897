"""The door as the settings have it: open for sign-ins, or closed with the sentence that says what is missing.

Closed rather than half open: without an origin of ours no server answers us, and without a secret of its own nothing of
members' may be kept.
"""

from urllib.parse import urlsplit

import structlog

from actors.oauth import OAuth
from actors.resolver import Resolver
from daemon.errors import SettingsError
from daemon.session_secret import session_secret
from daemon.settings import Settings
from forum.client_keys import client_key
from forum.database import Database
from forum.errors import BadInput
from forum.protocol.dpop import Key, read_key
from forum.protocol.oauth import Client, client_of
from forum.sealing import Seal
from web.door import Closed, Door

log = structlog.get_logger(__name__)


def public_origin(settings: Settings, port: int) -> str | None:
    """Where browsers find us: as the settings say; in development else on the port we listen on."""
    if settings.oauth_public_url is None and settings.atbb_development:
        return f"http://127.0.0.1:{port}"
    return settings.oauth_public_url


def door_of(settings: Settings, origin: str | None, resolver: Resolver) -> Door | Closed:
    key = key_as_set(settings)  # first: a wrong setting is told of wherever the door stands
    if origin is None:
        return closed("OAUTH_PUBLIC_URL is not set")
    if settings.session_secret is None and not settings.atbb_development:
        return closed("SESSION_SECRET is not set")
    if not origin.startswith("https://") and urlsplit(origin).hostname not in ("127.0.0.1", "::1"):
        # Servers send nobody back to any other name of this machine, localhost included.
        return closed("OAUTH_PUBLIC_URL must be https, or http://127.0.0.1:PORT in development")
    oauth = OAuth(resolver.client, resolver, client_as_set(key, origin))
    return Door(oauth=oauth, seal=seal_of(settings), resolver=resolver)


def key_as_set(settings: Settings) -> Key | None:
    if settings.oauth_private_key is None:
        return None
    try:
        return read_key(settings.oauth_private_key.get_secret_value())
    except BadInput as bad:
        raise SettingsError(f"OAUTH_PRIVATE_KEY is {str(bad).removeprefix(f'{bad.reason}: ')}.") from None


def client_as_set(key: Key | None, origin: str) -> Client | None:
    """Who we are to servers; None where that takes the key which the database keeps."""
    if key is None and origin.startswith("https://"):
        return None
    return client_of(origin, key)


async def unlock(door: Door | Closed, origin: str | None, database: Database) -> None:
    """Open the door by the key that the database keeps, where it waits for that."""
    if isinstance(door, Door) and door.oauth.client is None and origin is not None:
        async with database.transaction() as tx:
            door.oauth.client = client_of(origin, await client_key(tx, door.seal))


def closed(why: str) -> Closed:
    log.warning("sign_in_closed", reason=why)
    return Closed(f"Nobody can sign in here: {why}.")


def seal_of(settings: Settings) -> Seal:
    """Sealed with today's secret; what was sealed with yesterday's can be opened."""
    previous = settings.session_secret_previous
    return Seal(session_secret(settings), *(() if previous is None else (previous.get_secret_value(),)))
