"""Whether what a theme shows can be read: the contrast of each text on each ground it stands on, as WCAG counts. Pure.

Measured are opaque colours that are written out: #hex, rgb(), hsl() and the sixteen oldest names. What only a browser
can tell, as of var() or color-mix(), is named instead of guessed.
"""

import re
from collections.abc import Mapping
from colorsys import hls_to_rgb
from dataclasses import dataclass
from itertools import product
from typing import Final

ENOUGH: Final = 4.5  # to 1, for texts of usual size: WCAG 2.2 AA
# Every text of the forum's style sheet with the grounds it stands on there, by their tokens.
PAIRS: Final = (*product(("ink", "soft", "accent"), ("paper", "card", "tint", "code")), ("on-accent", "accent"))
NAMED: Final = {
    "black": "#000000", "silver": "#c0c0c0", "gray": "#808080", "white": "#ffffff", "maroon": "#800000",
    "red": "#ff0000", "purple": "#800080", "fuchsia": "#ff00ff", "green": "#008000", "lime": "#00ff00",
    "olive": "#808000", "yellow": "#ffff00", "navy": "#000080", "blue": "#0000ff", "teal": "#008080", "aqua": "#00ffff",
}  # fmt: skip

_is_hex = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})").fullmatch
_is_call = re.compile(r"(rgb|hsl)a?\(([^()]*)\)").fullmatch
_is_number = re.compile(r"([+-]?(?:[0-9]*\.)?[0-9]{1,9})(%|deg)?").fullmatch

Colour = tuple[float, float, float]  # red, green and blue, each from 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Weak:
    """A text that is hard to read on a ground, by their tokens."""

    text: str
    ground: str
    ratio: float


def weak_pairs(tokens: Mapping[str, str]) -> list[Weak]:
    """Those that have less than the contrast asked for, the hardest to read first."""
    colours = {name: colour for name, value in tokens.items() if (colour := colour_of(value)) is not None}
    pairs = [
        Weak(text=text, ground=ground, ratio=contrast(colours[text], colours[ground]))
        for text, ground in PAIRS
        if text in colours and ground in colours
    ]
    return sorted((pair for pair in pairs if pair.ratio < ENOUGH), key=lambda pair: pair.ratio)


def unmeasured(tokens: Mapping[str, str]) -> list[str]:
    """The tokens of texts and grounds whose values only a browser can tell."""
    names = dict.fromkeys(name for pair in PAIRS for name in pair)
    return [name for name in names if name in tokens and colour_of(tokens[name]) is None]


def contrast(one: Colour, other: Colour) -> float:
    """From 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Colour) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def hex_of(value: str) -> str | None:
    """A colour as #rrggbb, if it can be told."""
    colour = colour_of(value)
    return None if colour is None else "#" + "".join(f"{round(part * 255):02x}" for part in colour)


def colour_of(value: str) -> Colour | None:
    """What is seen of it; None if it lets through what is beneath, or only a browser can tell."""
    value = value.strip().lower()
    value = NAMED.get(value, value)
    if _is_hex(value):
        return _from_hex(value[1:])
    call = _is_call(value)
    return None if call is None else _from_call(call[1], re.split(r"[\s,/]+", call[2].strip()))


def _from_hex(digits: str) -> Colour | None:
    if len(digits) < 6:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue, *alpha = (int(digits[at : at + 2], 16) / 255 for at in range(0, len(digits), 2))
    return None if alpha and alpha[0] < 1 else (red, green, blue)


def _from_call(name: str, parts: list[str]) -> Colour | None:
    numbers = [(float(found[1]), found[2]) for part in parts if (found := _is_number(part))]
    if len(numbers) != len(parts) or not 3 <= len(parts) <= 4 or (len(parts) == 4 and not _is_opaque(*numbers[3])):
        return None
    first, second, third = numbers[:3]
    if name == "rgb":
        red, green, blue = (_bounded(number / (100 if unit else 255)) for number, unit in (first, second, third))
        return red, green, blue
    return hls_to_rgb(first[0] / 360 % 1, _bounded(third[0] / 100), _bounded(second[0] / 100))


def _is_opaque(number: float, unit: str | None) -> bool:
    return number >= (100 if unit else 1)


def _bounded(part: float) -> float:
    return min(max(part, 0.0), 1.0)
