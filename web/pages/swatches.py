"""A theme at a glance: which shapes a small picture of it has, and in which of its colours."""

from typing import Final

from forum.contrast import hex_of
from forum.presets import DEFAULTS
from forum.themes import Theme

# On 26 by 15: the page, a card with two lines of text on it, and what stands out.
SHAPES: Final = (
    ("paper", "M0 0h26v15H0z"),
    ("card", "M3 3h12v12H3z"),
    ("ink", "M5 5.5h8v1.5H5z"),
    ("soft", "M5 9h6v1.5H5z"),
    ("accent", "M18 0h8v15h-8z"),
)


def swatch_of(theme: Theme) -> list[tuple[str, str]]:
    """Each shape with its colour, from the back to the front."""
    tokens = {**DEFAULTS[theme.color_scheme].tokens, **theme.tokens}
    return [(colour, shape) for token, shape in SHAPES if (colour := hex_of(tokens[token])) is not None]
