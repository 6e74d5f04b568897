"""Contrast as WCAG counts it, of colours however they are written; what cannot be told is not guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.contrast import ENOUGH, PAIRS, Weak, colour_of, contrast, hex_of, unmeasured, weak_pairs

PART = st.integers(0, 255)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("#abc", "#aabbcc"),
        (" #AABBCC ", "#aabbcc"),
        ("#abcf", "#aabbcc"),
        ("#aabbccff", "#aabbcc"),
        ("rgb(1, 2, 3)", "#010203"),
        ("rgb(1 2 3 / 100%)", "#010203"),
        ("rgba(10%, 20%, 30%, 1)", "#1a334c"),
        ("rgb(300 -5 .5)", "#ff0000"),
        ("hsl(12deg, 50%, 50%)", "#bf5940"),
        ("HSL(480 100% 25%)", "#008000"),
        ("white", "#ffffff"),
        ("Navy", "#000080"),
    ],
)
def test_colours(value: str, told: str) -> None:
    assert hex_of(value) == told


@pytest.mark.parametrize(
    "value",
    [
        "", "#", "#ab", "#abcde", "#abcx", "#abc8", "#aabbcc80", "rgb()", "rgb(1 2)", "rgb(1 2 3 4 5)", "rgb(1 2 x)",
        "rgba(1,2,3,.5)", "rgb(1 2 3 / 99%)", "hsl(none 1% 2%)", "var(--ink)", "color-mix(in oklab, red, blue)",
        "oklch(1 2 3)", "linear-gradient(#fff, #000)", "transparent", "rebeccapurple", "rgb(１ 2 3)",
    ],
)  # fmt: skip
def test_what_cannot_be_told(value: str) -> None:
    assert hex_of(value) is None


@given(PART, PART, PART)
def test_written_in_three_ways(red: int, green: int, blue: int) -> None:
    """One colour."""
    written = f"#{red:02x}{green:02x}{blue:02x}"
    assert hex_of(written) == hex_of(f"rgb({red} {green} {blue})") == written


@given(st.text(max_size=40) | st.text("#rgbhsla(0123456789.,/%- )", max_size=40))
def test_anything(value: str) -> None:
    """Is a colour or is not."""
    told = hex_of(value)
    assert told is None or len(told) == 7


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000", "#fff", 21), ("#fff", "#fff", 1), ("#777", "#fff", 4.48), ("#767676", "#fff", 4.54)],
)
def test_ratios(one: str, other: str, ratio: float) -> None:
    """Those that are known; the same from either side."""
    colours = colour_of(one), colour_of(other)
    assert colours[0] is not None
    assert colours[1] is not None
    assert contrast(*colours) == contrast(*reversed(colours)) == pytest.approx(ratio, abs=0.005)


def test_weak_pairs() -> None:
    """The hardest to read first; only of what is there and can be told."""
    found = weak_pairs({"ink": "#000", "soft": "#999", "accent": "#fff", "paper": "#fff", "card": "var(--paper)"})
    assert [(pair.text, pair.ground) for pair in found] == [("accent", "paper"), ("soft", "paper")]
    assert found[0] == Weak(text="accent", ground="paper", ratio=1)
    assert all(pair.ratio < ENOUGH for pair in found)
    assert weak_pairs({}) == []


def test_unmeasured() -> None:
    """Those of which a contrast is asked for; a line may be of any colour."""
    tokens = dict.fromkeys(("line", "serif", "ink", "card"), "var(--x)")
    assert unmeasured(tokens) == ["ink", "card"]
    assert {name for pair in PAIRS for name in pair} >= {"ink", "card", "on-accent"}
