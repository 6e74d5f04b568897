"""What signing in needs: who asks servers in our name, what tokens are sealed with, and who an account is."""

from contextlib import suppress
from dataclasses import dataclass

import structlog
import trio
from werkzeug.exceptions import ServiceUnavailable

from actors.oauth import Grant, OAuth
from actors.resolver import Resolver
from forum.sealing import Seal, Unsealable, opened

REVOKE_SECONDS = 5  # somebody waits for their page

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An open one."""

    oauth: OAuth
    seal: Seal
    resolver: Resolver


@dataclass(frozen=True, slots=True)
class Closed:
    """Nobody can sign in; the sentence says why not."""

    why: str


CLOSED = Closed("Nobody can sign in here.")
STARTING = "The forum is just starting; please try again in a moment."


def way_in(door: Door | Closed) -> Door:
    """The open door, or 503 with the reason."""
    if isinstance(door, Closed):
        raise ServiceUnavailable(door.why)
    if door.oauth.client is None:
        raise ServiceUnavailable(STARTING)
    return door


async def give_back(door: Door | Closed, grant_sealed: bytes | None) -> None:
    """Have what was granted to a session that is over end at its server, too, if it can be opened."""
    if grant_sealed is None or isinstance(door, Closed):
        return
    with suppress(Unsealable):
        await revoke(door, opened(door.seal, grant_sealed, Grant))


async def revoke(door: Door, grant: Grant) -> None:
    """Tell the server that gave it, if it listens in time."""
    with trio.move_on_after(REVOKE_SECONDS) as patience:
        await door.oauth.revoke(grant)
    if patience.cancelled_caught:
        log.info("revocation_unheard", did=grant.did)
