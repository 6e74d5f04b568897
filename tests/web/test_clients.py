"""Whose request it is, behind proxies that are trusted and headers that are not."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.clients import client_of, network_of

PROXIES = (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
GUEST, PROXY = "203.0.113.7", "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (GUEST, "", GUEST),
        (GUEST, "198.51.100.1", GUEST),  # nobody we trust says so
        (PROXY, GUEST, GUEST),
        (PROXY, f"1.2.3.4, {GUEST}", GUEST),  # what stands before it they wrote themselves
        (PROXY, f"{GUEST}, 10.1.2.3", GUEST),  # two proxies of ours
        (PROXY, f"1.2.3.4, {GUEST}, 10.1.2.3, 10.9.9.9", GUEST),
        (PROXY, "", PROXY),
        (PROXY, "10.1.2.3", "10.1.2.3"),  # somebody in our own house
        (PROXY, f"{GUEST}, unknown", PROXY),  # not beyond what cannot be read
        (PROXY, f"{GUEST}:4711", GUEST),
        (PROXY, "2001:db8::1", "2001:db8::1"),
        (PROXY, "[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:127.0.0.1", f"::ffff:{GUEST}", GUEST),
        ("fd00::1", GUEST, GUEST),
        ("", GUEST, "None"),
    ],
)
def test_the_nearest_that_is_no_proxy(peer: str, forwarded: str, client: str) -> None:
    """Read from the end, no further than somebody trusted speaks."""
    assert str(client_of(peer, forwarded.split(","), PROXIES)) == client


@given(st.lists(st.text() | st.sampled_from([GUEST, PROXY, "10.0.0.1", "::1", "[", "[::1"])))
def test_headers_gain_nothing(forwarded: list[str]) -> None:
    """Whatever a guest sends: they are who they are, directly and behind a proxy that adds who they are."""
    assert str(client_of(GUEST, forwarded, PROXIES)) == GUEST
    assert str(client_of(PROXY, [*forwarded, GUEST], PROXIES)) == GUEST


def test_one_household() -> None:
    """Of IPv6 it is a network."""
    one, other = ip_address("2001:db8:1:2::1"), ip_address("2001:db8:1:2:ffff::1")
    assert network_of(one) == network_of(other) == "2001:db8:1:2::/64"
    assert network_of(ip_address("2001:db8:1:3::1")) != network_of(one)
    assert network_of(ip_address(GUEST)) == GUEST
