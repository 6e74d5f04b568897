"""Counting what a reader calls a character."""

import pytest
import regex  # type: ignore[import-untyped]  # it ships no types
from hypothesis import given
from hypothesis import strategies as st

from forum.records.graphemes import count_graphemes

# One of each kind that joins with its neighbours, and two letters of flags.
JOINING = "a\r\n\u00e9\u0301\u200d\u0600\u0915\u094d\u1100\uac00\u11a8\U0001f468\U0001f469\U0001f1e9\U0001f1ea"


@given(st.text(st.sampled_from(JOINING)))
def test_counts_what_the_standard_counts(text: str) -> None:
    """The short cuts, for ASCII and for flags, change no count."""
    assert count_graphemes(text, len(text)) == len(regex.findall(r"\X", text))


@given(st.text(), st.integers(0, 20))
def test_ends_above_the_limit(text: str, most: int) -> None:
    """Whether it is more is known; how much more is not asked."""
    count = count_graphemes(text, len(text))
    assert (count_graphemes(text, most) > most) == (count > most)


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("\r\n", 1), ("👨‍👩‍👧‍👧", 1), ("🇩🇪🇫🇷🇮", 3), ("e\u0301", 1), ("🇩🇪" * 50_000, 50_000)]
)
def test_examples(text: str, count: int) -> None:
    """A family is one, two letters are a flag, and a page of flags is counted like any other page."""
    assert count_graphemes(text, len(text)) == count
