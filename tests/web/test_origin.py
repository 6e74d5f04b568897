"""Whose pages may send requests that change something."""

import pytest

from web.origin import is_own
from web.site import Site

PUBLIC = Site(forum_did="did:plc:forum", public_origin="https://forum.example.org")
LOCAL = Site(forum_did="did:plc:forum")


@pytest.mark.parametrize(
    ("origin", "host", "site", "own"),
    [
        ("https://forum.example.org", "forum.example.org", PUBLIC, True),
        ("https://forum.example.org", "127.0.0.1:3000", PUBLIC, True),  # a proxy that names us by our address
        ("http://forum.example.org", "forum.example.org", PUBLIC, False),  # not the page we serve, but one in between
        ("https://forum.example.org:444", "forum.example.org", PUBLIC, False),
        ("http://127.0.0.1:3000", "127.0.0.1:3000", PUBLIC, True),  # the operator, past the proxy
        ("http://localhost:3000", "LOCALHOST:3000", LOCAL, True),
        ("http://127.0.0.1:3000", "127.0.0.1:3001", LOCAL, False),
        ("http://evil.example", "127.0.0.1:3000", LOCAL, False),
        ("null", "127.0.0.1:3000", LOCAL, False),
        ("", "", LOCAL, False),
        ("", "127.0.0.1:3000", PUBLIC, False),
    ],
)
def test_own_origins(origin: str, host: str, site: Site, own: bool) -> None:
    """The configured one exactly, and the one that was asked; `null` and nothing are nobody's."""
    assert is_own(origin, host, site) == own
