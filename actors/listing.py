"""Finding the repositories that may hold records of ours: from a relay, or where there is none from every known PDS."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
import trio

from actors.hosts import HostGivenUp, HostParked, Hosts, RepoAway
from forum.errors import BadInput, Unavailable
from forum.protocol.listing import DidPage, read_dids
from forum.records.names import MEMBER_COLLECTIONS

MOST_PAGES = 20_000  # of a list: at 500 accounts each more than the network has
PAGE = "500"
TRIES = 3  # of a page
LONGEST_WAIT_SECONDS = 60.0  # for another try
AT_ONCE = 4  # servers, so that the dead among them cost little time

Found = Callable[[Sequence[str]], Awaitable[None]]

log = structlog.get_logger()


async def list_repos(hosts: Hosts, relay_url: str, servers: Sequence[str], found: Found) -> list[str]:
    """Call `found` with each page of DIDs; the servers whose lists stayed incomplete, the relay among them."""
    if relay_url and await _from_relay(hosts, relay_url, found):
        return []
    unlisted = [relay_url] if relay_url else []
    limit, one_by_one = trio.CapacityLimiter(AT_ONCE), trio.Lock()

    async def found_here(dids: Sequence[str]) -> None:
        async with one_by_one:
            await found(dids)

    async def ask(server: str) -> None:
        async with limit:
            if not await _pages(hosts, server, "com.atproto.sync.listRepos", {}, found_here):
                unlisted.append(server)

    async with trio.open_nursery() as nursery:
        for server in servers:
            nursery.start_soon(ask, server)
    return unlisted


async def _from_relay(hosts: Hosts, relay_url: str, found: Found) -> bool:
    """Whether the relay gave complete lists."""
    method = "com.atproto.sync.listReposByCollection"
    for collection in sorted(MEMBER_COLLECTIONS):
        if not await _pages(hosts, relay_url, method, {"collection": collection}, found):
            return False
    return True


async def _pages(hosts: Hosts, origin: str, method: str, params: dict[str, str], found: Found) -> bool:
    """Whether the list came to its end."""
    cursor = old_cursor = ""
    for number in range(MOST_PAGES):
        try:
            page = await _page(hosts, origin, method, params | ({"cursor": cursor} if cursor else {}))
        except (Unavailable, BadInput, RepoAway) as error:
            log.warning("list_incomplete", host=origin, method=method, reason=str(error))
            return False
        await found(page.dids)
        if page.cursor is None or page.cursor == cursor:
            return True
        cursor = page.cursor
        if cursor == old_cursor:
            break
        if number & (number + 1) == 0:  # the old one moves ever more rarely, so a circle of any length is noticed
            old_cursor = cursor
    log.warning("list_incomplete", host=origin, method=method, reason="it has no end")
    return False


async def _page(hosts: Hosts, origin: str, method: str, params: dict[str, str]) -> DidPage:
    """What may pass is waited for, a few times: who is left out here is missing from the whole job."""
    for tries in range(1, TRIES + 1):
        try:
            return read_dids(await hosts.get(origin, method, params | {"limit": PAGE}))
        except HostGivenUp:
            raise
        except Unavailable as error:
            if tries == TRIES:
                raise
            seconds = hosts.patience.first_retry_seconds * float(4 ** (tries - 1))
            if isinstance(error, HostParked):
                seconds = error.seconds
            await trio.sleep(min(seconds, LONGEST_WAIT_SECONDS))
    raise AssertionError
