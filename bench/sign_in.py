"""Signing in: what the forum adds to the servers' part of it.

In turns: the whole conversation by our OAuth client alone, in this process, with nothing stored; then the same by way
of the daemon, from `/api/auth/login` to the redirect that ends the callback. What people do at their server's page is
not counted. The member has joined before.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count

import httpx

from actors.oauth import OAuth
from actors.resolver import Resolver
from actors.web_client import open_web_client
from bench.measure import Plan, Row, main, ratios
from bench.repos import settling
from bench.subject import data_directory
from demo.daemon import running_daemon, settings_for, wait_until
from demo.network import Network, running_network
from demo.oauth import open_page, query_of
from demo.xrpc import Account
from forum.protocol.oauth import client_of

FULL, QUICK = Plan(events=40), Plan(events=5)
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Door:
    """A forum, and the same client without it. Each sign-in comes from a place of its own: one alone is limited."""

    forum: httpx.AsyncClient
    oauth: OAuth
    account: Account
    places: Iterator[int] = field(default_factory=count)

    async def alone(self) -> float:
        """Milliseconds of both halves by the client alone."""
        began = time.perf_counter()
        sign_in = await self.oauth.begin(self.account.handle)
        spent = time.perf_counter() - began
        async with open_page(sign_in.url) as page:
            back = await page.allow(self.account)
        began = time.perf_counter()
        await self.oauth.finish(sign_in, query_of(back))
        return (spent + time.perf_counter() - began) * 1e3

    async def through(self) -> float:
        """The same by the forum."""
        self.forum.cookies.clear()
        self.forum.headers["X-Forwarded-For"] = str(ip_address("198.18.0.0") + next(self.places))
        began = time.perf_counter()
        begun = await self.forum.get("/api/auth/login", params={"handle": self.account.handle})
        spent = time.perf_counter() - began
        async with open_page(begun.headers["location"]) as page:
            back = await page.allow(self.account)
        began = time.perf_counter()
        done = await self.forum.get(back)
        spent += time.perf_counter() - began
        assert done.status_code == 303, done.text
        return spent * 1e3


@asynccontextmanager
async def opened(network: Network) -> AsyncIterator[Door]:
    async with settling(network) as place:
        account = await place.pds.account("visitor")
        with data_directory() as data_dir, (data_dir / "daemon.log").open("w") as log:
            settings = settings_for(network, place.forum.did, data_dir, TRUSTED_PROXIES="127.0.0.1")
            async with (
                running_daemon(settings, log=log) as daemon,
                httpx.AsyncClient(base_url=daemon.url, timeout=SECONDS, trust_env=False) as forum,
                open_web_client(development=True) as web,
            ):
                await wait_until(daemon.follows)  # before that the door may be closed
                resolver = Resolver(
                    client=web,
                    plc_url=network.plc,
                    handle_resolver_url=network.pds.url,
                    dns_server=None,
                    development=True,
                )
                yield Door(forum, OAuth(web, resolver, client_of(daemon.url)), account)


async def one_round(door: Door, count: int) -> tuple[float, float]:
    """The means: one sign-in is too short a time to be told from its noise."""
    alone = through = 0.0
    for _ in range(count):
        alone += await door.alone() / count
        through += await door.through() / count
    return through, alone


async def measure(plan: Plan) -> list[Row]:
    with running_network() as network:
        async with opened(network) as door:
            await one_round(door, 2)  # joins, and meets the servers
            rounds = [await one_round(door, plan.events) for _ in range(plan.rounds)]
    through, alone = zip(*rounds, strict=True)
    added = [a - b for a, b in zip(through, alone, strict=True)]
    return [
        Row(name="signing in, but for the server's page", values=through, unit="ms"),
        Row(name="the OAuth client alone", values=alone, unit="ms"),
        Row(name="what the forum adds", values=added, unit="ms", wanted="< 50"),
        Row(name="signing in ÷ the OAuth client alone", values=ratios(through, alone), unit="×"),
    ]


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
