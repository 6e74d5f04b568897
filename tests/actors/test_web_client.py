"""The client for hosts that users name: nowhere but the open internet, and never more than asked for."""

import gzip
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.web_client import MAX_CONNECTIONS, TooLarge, is_public, open_web_client
from forum.errors import BadInput, Unavailable
from tests.support.site import Reply, said, serving

PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 192.0.0.8 192.0.0.170
    192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::a00:1 64:ff9b:1::7f00:1
    2002:7f00:1:: 2002:a9fe:a9fe:: 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:db8::1 3fff::1 5f00::1 100::1 fc00::1
    fd12::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""
PUBLIC = "1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1"
HOSTS = """
    127.0.0.1 2130706433 0x7f000001 0x7f.1 017700000001 0177.0.0.1 127.1 0 localhost LOCALHOST localhost. [::1]
    [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:0:0:1] 169.254.169.254 [64:ff9b::7f00:1] [2002:7f00:1::] 10.0.0.1
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", HOSTS.split())
async def test_private_hosts(host: str) -> None:
    """However it is written, it is refused before anything is dialled."""
    async with open_web_client(development=False) as client:
        with pytest.raises(Unavailable, match=r"private address|does not resolve|InvalidURL"):
            await client.get(f"https://{host}/")


class Names(trio.abc.HostnameResolver):
    """A name service of our own."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def getaddrinfo(
        self, host: Any, port: Any, *rest: Any, **more: Any
    ) -> Any:  # Any: what sockets take and give
        return [(2, 1, 6, "", (address, port)) for address in self.addresses]

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise AssertionError


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"]])
async def test_names_that_lead_inside(addresses: list[str]) -> None:
    """An honest name with a private address, be it only among others."""
    trio.socket.set_custom_hostname_resolver(Names(*addresses))
    async with open_web_client(development=False) as client:
        with pytest.raises(Unavailable, match="private address"):
            await client.get("https://pds.internal/")


@pytest.mark.parametrize(
    "host", ["a..b", "x" * 64 + ".example", "xn--a", "[::1", "a\0b", "a b", "", "h:99999", "é" * 99]
)
async def test_hosts_that_are_none(host: str) -> None:
    """Whatever a document names, the answer is that it does not answer."""
    async with open_web_client(development=True) as client:
        with pytest.raises(Unavailable):
            await client.get(f"http://{host}/")


async def test_answer() -> None:
    async with serving(x=said({"a": 1})) as site, open_web_client(development=True) as client:
        answer = await client.get(f"{site.url}/x", params={"q": "ä&"})
        assert (answer.status, answer.json()) == (200, {"a": 1})
        assert site.asked == ["/x?q=%C3%A4%26"]
        assert (await client.get(f"{site.url}/y")).status == 404


async def test_what_is_sent() -> None:
    """Bodies of both kinds, headers beside them; and what comes back is an answer, whatever its status."""
    no = Reply(401, b'{"error": "no"}', {"dpop-nonce": "n1"})
    async with serving(x=no) as site, open_web_client(development=True) as client:
        answer = await client.post_form(f"{site.url}/x", {"a": "ä&=", "b": ""}, headers={"dpop": "p"})
        assert (answer.status, answer.headers["DPoP-Nonce"], answer.json()) == (401, "n1", {"error": "no"})
        await client.post(f"{site.url}/x", {"a": 1}, token="t", headers={"dpop": "p"})
        await client.post(f"{site.url}/x", None)
        await client.get(f"{site.url}/x", headers={"dpop": "p"})
    form, json, empty, got = site.sent
    assert (form.body, form.headers["content-type"]) == (b"a=%C3%A4%26%3D&b=", "application/x-www-form-urlencoded")
    assert (json.body, json.headers["content-type"]) == (b'{"a":1}', "application/json")
    assert (empty.body, "content-type" in empty.headers) == (b"", False)
    assert json.headers["authorization"] == "Bearer t"
    assert form.headers["dpop"] == json.headers["dpop"] == got.headers["dpop"] == "p"


async def test_redirects_are_not_followed() -> None:
    async with serving(x=Reply(302, headers={"location": "/y"}), y=said({})) as site:
        async with open_web_client(development=True) as client:
            assert (await client.get(f"{site.url}/x")).status == 302
        assert site.asked == ["/x"]


async def test_only_https() -> None:
    async with open_web_client(development=False) as client:
        for url in ("http://example.com/", "ftp://example.com/", "file:///etc/passwd"):
            with pytest.raises(BadInput, match="not_https"):
                await client.get(url)


async def test_size_limit() -> None:
    """To the byte; and a packed answer is not unpacked."""
    packed = Reply(body=gzip.compress(b"0" * 10**6), headers={"content-encoding": "gzip"})
    async with (
        serving(fits=Reply(body=b"x" * 100), over=Reply(body=b"x" * 101), packed=packed) as site,
        open_web_client(development=True) as client,
    ):
        assert len((await client.get(f"{site.url}/fits", max_bytes=100)).body) == 100
        with pytest.raises(TooLarge):
            await client.get(f"{site.url}/over", max_bytes=100)
        assert (await client.get(f"{site.url}/packed", max_bytes=2_000)).body == packed.body


async def test_time_limit(mock_clock: MockClock) -> None:
    """For the whole answer, however it is spread."""

    async def leap() -> None:
        await site.stalled.wait()
        mock_clock.jump(11)

    async with (
        serving(x=Reply(stalls=True)) as site,
        open_web_client(development=True) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(leap)
        with pytest.raises(Unavailable):
            await client.get(f"{site.url}/x")


class Silence(Names):
    """A name service that does not answer."""

    async def getaddrinfo(self, *asked: Any, **more: Any) -> Any:  # Any: as above
        await trio.sleep_forever()


async def test_many_are_given_up_at_once(mock_clock: MockClock) -> None:
    """In their turn or waiting for it: none of them keeps a connection, so all can be used afterwards."""
    async with serving(x=Reply(stalls=True)) as site, open_web_client(development=True) as client:

        async def all_are_used() -> None:
            while len(site.asked) < MAX_CONNECTIONS:  # on a clock that stands still, so nobody gives up by itself
                await trio.lowlevel.checkpoint()

        for names in (Silence(), None):
            trio.socket.set_custom_hostname_resolver(names)
            async with trio.open_nursery() as nursery:
                for _ in range(2 * MAX_CONNECTIONS):
                    nursery.start_soon(client.get, f"{site.url}/x")
                await wait_all_tasks_blocked() if names else await all_are_used()
                nursery.cancel_scope.cancel()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'"\\ud800"', b"NaN"])
async def test_answers_that_are_no_json(body: bytes) -> None:
    async with serving(x=Reply(body=body)) as site, open_web_client(development=True) as client:
        answer = await client.get(f"{site.url}/x")
        with pytest.raises(BadInput, match="bad_answer"):
            answer.json()
