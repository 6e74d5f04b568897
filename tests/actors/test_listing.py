"""Lists of accounts: every page of them, whatever goes wrong in between, and never without end."""

from collections.abc import Sequence

import pytest

from actors.hosts import Hosts
from actors.listing import list_repos
from actors.web_client import open_web_client
from tests.standins.pds import BY_COLLECTION, LIST_REPOS, Net, Params, always, at_first, small_net
from tests.support.backfill import LITTLE
from tests.support.forum import membership
from tests.support.site import Reply, said


async def found(net: Net, *servers: str, relay: bool = True, unlisted: Sequence[str] = ()) -> list[str]:
    """Whom the lists name, in order; all but those of the `unlisted` were complete."""
    dids: list[str] = []

    async def add(page: Sequence[str]) -> None:
        dids.extend(page)

    async with open_web_client(development=True, seconds=60) as client:
        hosts = Hosts(client, per_second=10_000, patience=LITTLE)
        urls = [net.servers[name].url for name in servers]
        incomplete = await list_repos(hosts, net.servers["relay"].url if relay else "", urls, add)
    assert incomplete == [net.servers[name].url for name in unlisted]
    return dids


def settle(net: Net, server: str, count: int) -> list[str]:
    dids = [f"did:plc:{server}{number:04d}" for number in range(count)]
    for did in dids:
        net.add(did, server).put("space.atbb.membership", 1, membership())
    return dids


async def test_relay_in_pages() -> None:
    async with small_net("home") as net:
        dids = settle(net, "home", 1_100)
        assert await found(net, "home") == dids
        assert [method for _, method, _ in net.log].count(BY_COLLECTION) == 3 + 2
        assert LIST_REPOS not in {method for _, method, _ in net.log}


async def test_servers_where_there_is_no_relay() -> None:
    """One that does not answer is left out, and does not keep the others from being asked."""
    async with small_net("home", "other", "dead") as net:
        dids = settle(net, "home", 3) + settle(net, "other", 600)
        net.servers["dead"].stop()
        assert sorted(await found(net, "dead", "home", "other", relay=False, unlisted=["dead"])) == sorted(dids)


@pytest.mark.parametrize("fault", [Reply(500), Reply(0), Reply(429, headers={"retry-after": "1"})])
async def test_fault_in_between(fault: Reply) -> None:
    """What passes is waited out: nobody is left out for it."""
    async with small_net("home") as net:
        dids = settle(net, "home", 600)
        script = at_first(1, fault)

        async def second_page(params: Params) -> Reply | None:
            return await script(params) if "cursor" in params else None

        net.servers["relay"].scripts[BY_COLLECTION] = second_page
        assert await found(net) == dids


@pytest.mark.parametrize("length", [1, 2, 3, 7, 50])
async def test_circles(length: int) -> None:
    """A cursor that comes round ends the list; one that stays is an end that some servers give."""
    async with small_net("home") as net:

        async def circle(params: Params) -> Reply:
            number = int(params.get("cursor", 0))
            return said({"repos": [{"did": f"did:plc:n{number}"}], "cursor": str(number % length + 1)})

        net.servers["home"].scripts[LIST_REPOS] = circle
        assert len(set(await found(net, "home", relay=False, unlisted=["home"] if length > 1 else []))) == length + 1
        assert len(net.log) <= 4 * length + 4


@pytest.mark.parametrize(
    ("body", "unlisted"),
    [
        ({"repos": None}, ["home"]),
        ({"repos": {"did": "did:plc:a"}}, ["home"]),
        ([], ["home"]),
        ({"repos": [1, None, {}, {"did": 5}, {"did": "nobody"}, {"did": "did:plc:" + "a" * 3_000}], "cursor": 7}, []),
    ],
)
async def test_nonsense(body: object, unlisted: list[str]) -> None:
    async with small_net("home") as net:
        net.servers["home"].scripts[LIST_REPOS] = always(said(body))
        assert await found(net, "home", relay=False, unlisted=unlisted) == []
