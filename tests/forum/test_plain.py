"""Markdown told as plain text, and told from plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.plain import MORE, cut, excerpt, fits, is_plain
from forum.records.graphemes import count_graphemes

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
# Dense in what means something: marks, line ends, letters, flags and what else is one grapheme of several characters.
MARKUP = st.text('ab1 \n\t*_~`#>-+.|[]()!<:/&;\\"=x🇩🇪👩‍🌾é\u0301\u200d…', max_size=400)


def told(markdown: str) -> str:
    return excerpt(markdown, graphemes=300, size=3000)


@pytest.mark.parametrize(
    "typed",
    [
        "Hello",
        "Two\nlines",
        "Two\n\n\nparagraphs  with  blanks",
        "  led by blanks",
        "It is 5 * 3, not 5*3: snake_case_name, a~b, 1) or so",
        "See https://example.org/a_b(c)?d=%20e&f#g or mail me@example.org",
        "I <3 this; A & B; \\o/; a || b, ::: so",
        "日本語\u3000です",
        "¯\\_(ツ)_/¯"[:1],
    ],
)
def test_plain(typed: str) -> None:
    """It means what it says."""
    assert is_plain(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "*emphasis*",
        "__strong__",
        "~~gone~~",
        "`code`",
        "# Heading",
        "Heading\n===",
        "- item",
        "1. item",
        "> quote",
        "    code",
        "```\ncode\n```",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "---",
        "[label](https://example.org)",
        "![image](https://example.org)",
        "<https://example.org>",
        "[a]: https://example.org",
        "&amp;",
        "\\*",
        "hard  \nbreak",
        "He ||dies||.",
        "::: spoiler\nHe dies.\n:::",
    ],
)
def test_formatted(typed: str) -> None:
    """Shown as it stands, it would say something else than its author meant."""
    assert not is_plain(typed)


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Some *emphasis*, **strong** ~~gone~~ `code`.", "Some emphasis, strong gone code."),
        ("# Title\n\nFirst\nsecond  \nthird", "Title\n\nFirst\nsecond\nthird"),
        ("- one\n- two\n\n3. three\n4. four", "- one\n- two\n3. three\n4. four"),
        ("> said\n> she\n\nI agree", "> said\n> she\n\nI agree"),
        ("```py\na = 1\n\nb\n```", "a = 1\n\nb"),
        ("| a | b |\n|---|---|\n| 1 | *2* |", "a | b\n1 | 2"),
        ("[here](https://example.org/x)", "here (https://example.org/x)"),
        ("[example.org](https://example.org/)", "example.org"),
        ("<https://example.org> and [](https://example.org)", "https://example.org and (https://example.org)"),
        ("![a *cat*](https://example.org/cat.png)![](https://example.org/)", "a cathttps://example.org/"),
        ("&lt;b&gt; \\*a\\* <b>", "<b> *a* <b>"),
        ("---\n\nAfter", "After"),
        ("---", "---"),
        ("[a]: https://example.org", "[a]: https://example.org"),
        ("- \n\nAfter", "After"),
        ("He ||*dies* at\nthe end||.", "He […]."),
        ("`a || b || c` and a || b", "a || b || c and a || b"),
        ("Before\n\n> ::: spoiler The end\n> He\n> - dies\n> :::\n\nAfter", "Before\n\n> The end […]\n\nAfter"),
        ("::: spoiler\n```\nHe dies\n```", "[…]"),
    ],
)
def test_told(markdown: str, text: str) -> None:
    """Emphasis is left out, structure is marked as people do it themselves, links are named."""
    assert told(markdown) == text


def test_only_the_beginning_is_looked_at() -> None:
    """However long it is, and whatever follows."""
    assert told("*word* " * 14_000).startswith("word word")
    assert told("x" * 99_000) == "x" * 299 + MORE
    assert told("[here](https://example.org/" + "x" * 1_900 + ")\n\n" + "after " * 100).endswith(MORE)
    assert told("Short\n\n" + "\n" * 5_000 + "after") == "Short" + MORE


@given(TEXT | MARKUP)
def test_any_markdown_can_be_told(markdown: str) -> None:
    """In bounds, and empty for nothing that says something."""
    text = told(markdown)
    assert fits(text, graphemes=300, size=3000)
    assert bool(text.strip()) or not markdown.strip()


@given(MARKUP | TEXT)
def test_plain_text_is_told_as_it_is(typed: str) -> None:
    """But for blanks around lines, and lines without anything."""
    if is_plain(typed) and fits(typed, graphemes=300, size=3000):

        def words(text: str) -> list[str]:
            return [line.strip() for line in text.split("\n") if line.strip()]

        assert words(told(typed)) == words(typed)


@given(TEXT | MARKUP, st.integers(1, 40), st.integers(3, 120))
def test_cut(text: str, graphemes: int, size: int) -> None:
    """Whole where it fits; otherwise whole graphemes of its beginning, and a mark that there is more."""
    kept = cut(text, graphemes=graphemes, size=size)
    assert fits(kept, graphemes=graphemes, size=size)
    if fits(text, graphemes=graphemes, size=size):
        assert kept == text
        return
    assert kept.endswith(MORE)
    beginning = kept.removesuffix(MORE)
    assert text.startswith(beginning)
    left_out = text[len(beginning) :]
    counted = count_graphemes(beginning, 10**6) + count_graphemes(left_out, 10**6)
    assert counted == count_graphemes(text, 10**6)


@pytest.mark.parametrize("grapheme", ["🇩🇪", "👩‍🌾", "é" + "\u0301" * 20, "\r\n", "हि"])
def test_cut_between_graphemes(grapheme: str) -> None:
    """None is taken apart, by neither limit."""
    kept = cut(grapheme * 400, graphemes=300, size=10**6).removesuffix(MORE)
    assert kept == (grapheme * 299).rstrip()
    by_size = cut(grapheme * 400, graphemes=400, size=1000).removesuffix(MORE)
    assert (grapheme * 400).startswith(by_size)
    assert len(by_size) % len(grapheme) == 0


def test_a_grapheme_beyond_all_bounds() -> None:
    """What cannot be kept whole is not kept."""
    assert cut("a" + "\u0301" * 5000, graphemes=300, size=3000) == MORE
