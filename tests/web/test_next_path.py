"""Where a browser goes after signing in: never to another site."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from web.next_path import HOME, LONGEST, local_path

HERE = "https://forum.example.org"


@pytest.mark.parametrize("path", ["/", "/topics/1", "/topics/1?page=2#post-3", "/a//b", "/%5Cevil", "/b?next=//evil"])
def test_ours(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "asked",
    [None, "", "topics", "//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example", "\\\\evil.example",
     "/\t/evil.example", "/\n/evil.example", " //evil.example", "\x00/", "/a\\b", "https://evil.example",
     "https:/evil.example", "javascript:alert(1)", "data:,x", "/ü", "/\x7f", "/a b", "/a\r\nSet-Cookie: x=y",
     "/" + "a" * LONGEST],
)  # fmt: skip
def test_not_ours(asked: str | None) -> None:
    """All of it is the front page."""
    assert local_path(asked) == HOME


def as_browsers_read(location: str) -> str:
    """Where a Location leads: browsers drop tabs and line ends, trim, and read a backslash as a slash."""
    seen = "".join(c for c in location if c not in "\t\r\n").strip("".join(map(chr, range(33)))).replace("\\", "/")
    return urljoin(HERE + "/api/auth/callback", seen)


@given(st.text(st.sampled_from("/\\.:@?#\t\n\r evil%09") | st.characters()).map(lambda text: f"/{text}") | st.text())
@example("/.//evil")
@example("/..//evil")
@example("/@evil")
def test_never_leaves(asked: str) -> None:
    """Whatever is asked for, a browser stays here."""
    there = urlsplit(as_browsers_read(local_path(asked)))
    assert f"{there.scheme}://{there.netloc}" == HERE
