"""Finding the repositories that may hold records of ours: from a relay, or where there is none from every known PDS."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from actors.hosts import Hosts, RepoAway
from forum.errors import BadInput, Unavailable
from forum.protocol.listing import read_dids
from forum.records.names import MEMBER_COLLECTIONS

MOST_PAGES = 20_000  # of a list: at 500 accounts each more than the network has
PAGE = "500"

Found = Callable[[Sequence[str]], Awaitable[None]]

log = structlog.get_logger()


async def list_repos(hosts: Hosts, relay_url: str, servers: Sequence[str], found: Found) -> None:
    """Call `found` with each page of DIDs. A server that does not answer is logged and left out."""
    if relay_url and await _from_relay(hosts, relay_url, found):
        return
    for server in servers:
        await _pages(hosts, server, "com.atproto.sync.listRepos", {}, found)


async def _from_relay(hosts: Hosts, relay_url: str, found: Found) -> bool:
    """Whether the relay gave complete lists."""
    method = "com.atproto.sync.listReposByCollection"
    complete = [
        await _pages(hosts, relay_url, method, {"collection": collection}, found)
        for collection in sorted(MEMBER_COLLECTIONS)
    ]
    return all(complete)


async def _pages(hosts: Hosts, origin: str, method: str, params: dict[str, str], found: Found) -> bool:
    cursor = ""
    for _ in range(MOST_PAGES):
        asked = params | {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
        try:
            page = read_dids(await hosts.get(origin, method, asked))
        except (Unavailable, BadInput, RepoAway) as error:
            log.warning("list_incomplete", host=origin, method=method, reason=str(error))
            return False
        await found(page.dids)
        if page.cursor is None or page.cursor == cursor:
            return True
        cursor = page.cursor
    return False
