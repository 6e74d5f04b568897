"""The five looks built in, each for light and for dark: what a forum shows until it has a theme policy of its own.

Each sets the same few colours, of which `web/static/style.css` makes all others; every pair of text and ground that
occurs there has the contrast WCAG asks for, which a test measures.
"""

from collections.abc import Mapping
from types import MappingProxyType

from forum.themes import Scheme, Theme

TOKENS = ("paper", "card", "ink", "soft", "line", "accent", "on-accent", "tint", "code")
COLOURS: tuple[tuple[str, Scheme, str], ...] = (
    ("Paper", "light", "#faf7f1 #ffffff #24211c #675f54 #e2dbcf #a03a26 #ffffff #f3ece0 #f5f1e9"),
    ("Paper", "dark", "#191714 #211f1b #ebe5da #aaa092 #38342d #f0937b #25120c #2a2620 #1b1916"),
    ("Harbour", "light", "#f4f7fa #ffffff #1b242d #566573 #d6dfe7 #0b5c8e #ffffff #e6eef5 #eef3f7"),
    ("Harbour", "dark", "#12181e #19212a #e0e8ef #98a9b8 #2b3742 #74bdec #081b28 #1f2a35 #141b22"),
    ("Meadow", "light", "#f6f8f2 #ffffff #1f261b #5a6652 #d9e0cf #2f6b2a #ffffff #e9f0e0 #f0f4ea"),
    ("Meadow", "dark", "#141811 #1b2117 #e3eadb #9fad94 #2e3728 #8fcf83 #0b1d09 #222b1d #161b13"),
    ("Plum", "light", "#faf6fa #ffffff #271f29 #6b5d6f #e4d9e6 #7d2e86 #ffffff #f2e8f3 #f6eff7"),
    ("Plum", "dark", "#19141b #211b24 #ece3ee #b09fb4 #382f3b #e0a0ea #260b2b #2b232e #1c161e"),
    ("Contrast", "light", "#ffffff #ffffff #000000 #333333 #000000 #00319c #ffffff #ffffff #f2f2f2"),
    ("Contrast", "dark", "#000000 #000000 #ffffff #cccccc #ffffff #9cc8ff #000000 #000000 #1a1a1a"),
)


def preset(name: str, scheme: Scheme, colours: str) -> Theme:
    return Theme(
        rkey=f"{name.lower()}-{scheme}",
        name=f"{name} {scheme}",
        color_scheme=scheme,
        tokens=dict(zip(TOKENS, colours.split(), strict=True)),
    )


# By key. None is a TID, so none can be that of a record.
PRESETS: Mapping[str, Theme] = MappingProxyType({made.rkey: made for made in (preset(*row) for row in COLOURS)})
DEFAULTS: Mapping[Scheme, Theme] = MappingProxyType({"light": PRESETS["paper-light"], "dark": PRESETS["paper-dark"]})
