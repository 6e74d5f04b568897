"""Whose request it is, by address: the peer's own, or what proxies that we trust say of it.

Each proxy adds the address it was asked from at the end of X-Forwarded-For; what stands before that anybody may have
made up. So the list is read from its end, for as long as the speaker is one of TRUSTED_PROXIES.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from quart import request

from web.site import Site

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_HOPS = 20


def client_network(site: Site) -> str:
    """Where the request comes from, as far as one household can be told from the next."""
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For")).split(",")
    return network_of(client_of(request.remote_addr or "", forwarded, site.trusted_proxies))


def client_of(peer: str, forwarded: Sequence[str], trusted: Iterable[Network]) -> Address | None:
    """The nearest address that is no trusted proxy's; the furthest of theirs where nothing stands behind it."""
    proxies, client = tuple(trusted), address_of(peer)
    for said in reversed(forwarded[-MOST_HOPS:]):
        before = address_of(said)
        if client is None or before is None or not any(client in network for network in proxies):
            break
        client = before
    return client


def network_of(address: Address | None) -> str:
    """An IPv4 address; of an IPv6 one the first half, since one household has all the others."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)


def address_of(text: str) -> Address | None:
    """The address in what a header says: alone, or with a port, an IPv6 one then in brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
