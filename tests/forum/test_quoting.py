"""Posts to be written on: plain text becomes Markdown that says the same, whatever it holds; quotes stay quotes."""

import re
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forum.markdown import render_markdown, render_text
from forum.quoting import LONGEST_QUOTE, escaped, quoted, typed

SIGNS = st.text("ab1 .)\n\t\\`*_[]()<>|~&#!:+-=@\"'", max_size=60)


def said(html: str) -> str:
    """What a reader sees, words apart."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).replace("\ufffd", "").split()).replace(" ", "")


@given(st.one_of(SIGNS, st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)))
@example("1. one\n2) two\n- three\n+ four\n# five\n> six\n    seven\n===\n---\n::: spoiler\n|a|b|\n|-|-|\n||x||")
@example("https://example.org/a_b_c?d=*e*&amp;f www.example.org/_x_ snake_case _this_ &copy; <b>")
@example("__init__ a__b ___")
def test_plain_text_stays_what_it_says(text: str) -> None:
    assert said(render_markdown(escaped(text))) == said(render_text(text))


@pytest.mark.parametrize("text", ["2*3*4", "# 1", "a\n- b", "[x](y)"])
def test_signs_mean_themselves(text: str) -> None:
    html = render_markdown(escaped(text))
    assert not re.search("<(em|h3|li|a)", html)


def test_addresses_stay_links() -> None:
    text = "*see* https://example.org/a_b_*c"
    assert 'href="https://example.org/a_b_*c"' in render_markdown(escaped(text))


def test_typed() -> None:
    """As it was, wherever that is possible."""
    assert typed("said", "*said*") == "*said*"
    assert typed("said, plainly", None) == "said, plainly"
    assert typed("*said*", None) == "\\*said\\*"


@given(SIGNS)
def test_a_quote_ends(source: str) -> None:
    """Whatever is quoted, what follows is the answer's own."""
    html = render_markdown(quoted("@ann.test", source) + "The answer")
    assert html.rstrip().endswith("</blockquote>\n<p>The answer</p>")
    assert html.startswith('<blockquote>\n<p><a href="/@ann.test"')


def test_a_quote_is_short() -> None:
    assert len(quoted("@ann.test", "x\n" * 10_000)) < LONGEST_QUOTE * 3
