"""What a theme may hold: nothing that loads, nothing that leaves its place; and the looks built in."""

import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.contrast import PAIRS, unmeasured, weak_pairs
from forum.errors import BadInput
from forum.presets import PRESETS, TOKENS
from forum.themes import (
    LONGEST_SHEET,
    LONGEST_VALUE,
    MOST_TOKENS,
    SHEET_FUNCTIONS,
    Theme,
    check_sound,
    css_of,
    faults_in,
    is_sound_font,
    is_sound_sheet,
    is_sound_token,
    sound,
)

# Values and rules that are well formed, of names harmless and not, variously spelt; and some with a piece too much.
CALLS = ["rgb", "min", "var", "url", "URL", r"\75rl", r"u\72l", "image-set", "src", "attr", "²url", "→url", "s\u212aew"]
WORDS = ["#fff", "1px", "--x", "'a'", '"b"', "/", ",", "//x.test/a", "é", "/* c */"]
PIECES = [*"\\\"'(){}[];:!@<-\n\r\f\t\0\x85", "/*", "*/", "</style>", "<!--", "javascript:", "@import 'x';"]
PRELUDES = ["a", ".b:not(c)", "@media print", "@import 'x'; a", "@\\69mport 'x'; a", "@font-face", "@MEDIA"]


def with_piece(css: str, piece: str, at: int) -> str:
    return css[: at % (len(css) + 1)] + piece + css[at % (len(css) + 1) :]


def perhaps_broken(well_formed: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return well_formed | st.builds(with_piece, well_formed, st.sampled_from(PIECES), st.integers(0, 99))


CALL = st.builds("{}({})".format, st.sampled_from(CALLS), st.sampled_from(WORDS))
WELL_FORMED = st.lists(st.sampled_from(WORDS) | CALL, min_size=1, max_size=3).map(" ".join)
VALUE = perhaps_broken(WELL_FORMED)
RULE = st.builds("{} {{ p: {} }}".format, st.sampled_from(PRELUDES), WELL_FORMED)
SHEET = perhaps_broken(st.lists(RULE, min_size=1, max_size=2).map("\n".join))
NAME = st.sampled_from(["paper", "ink"]) | st.sampled_from(
    ["on-accent", "--paper", "a b", "a:b", "", "é", "a;", "x" * 65, "1a"]
)
THEMES = st.builds(
    Theme,
    rkey=st.just("key"),
    name=st.just("Any"),
    color_scheme=st.sampled_from(["light", "dark"]),
    tokens=st.dictionaries(NAME, VALUE, max_size=3),
    css_overrides=SHEET,
    font_urls=st.lists(VALUE.map("https://fonts.test/".__add__), max_size=2),
)
# As a browser reads a style sheet (CSS Syntax 3, §4): escapes are letters, what is in strings and comments is no token.
TOKEN = re.compile(
    r"""/\*.*?(?:\*/|\Z) | "(?:[^"\\\n]|\\.)*"? | '(?:[^'\\\n]|\\.)*'?
    | (@?)((?:[\w-]|[^\x00-\x7f]|\\[0-9a-f]{1,6}\s?|\\[^\n])+)(\(?) | .""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
ESCAPE = re.compile(r"\\([0-9a-f]{1,6})\s?|\\(.)", re.IGNORECASE)


def unescaped(word: str) -> str:
    return ESCAPE.sub(lambda found: chr(int(found[1], 16) % 0x110000) if found[1] else found[2], word).lower()


def called(css: str) -> set[str]:
    """Every function and at-rule in it."""
    css = css.replace("\r", "\n").replace("\f", "\n")
    words = [(at, unescaped(word), bracket) for at, word, bracket in TOKEN.findall(css) if at or bracket]
    return {at + word for at, word, _ in words}


def test_the_reader_of_these_tests() -> None:
    """It sees what browsers see."""
    assert called("@\\69mport x; a{b:U\\72 l(c) /*d(*/ 'e(' f (g)}") == {"@import", "url"}


@pytest.mark.parametrize(
    "value",
    [
        "#faf7f1",
        "rgb(0 0 0 / 20%)",
        "hsl(12deg, 50%, 50%)",
        "color-mix(in oklab, var(--ink) 20%, white)",
        '"Iowan Old Style", \'Palatino\', "ヒラギノ明朝", serif',
        "clamp(1rem, calc(2vw + 3 * (1px - .5em)), 2rem)",
        "3px 3px 0 rgba(0,0,0,.2), inset 0 0 1px #000",
        "linear-gradient(to right, #fff 0%, #000 100%)",
        "cubic-bezier(.2, 0, 0, 1) .12s",
        "x" * LONGEST_VALUE,
    ],
)
def test_values(value: str) -> None:
    assert is_sound_token("paper", value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "url(https://x.test/a)",
        "URL(//x.test)",
        "\\75rl(a)",
        "image-set('a' 1x)",
        "-webkit-image-set('a' 1x)",
        "src('a')",
        "attr(href)",
        "expression(alert(1))",
        "red;background:blue",
        "red}body{display:none",
        "red!important",
        "</style><script>",
        "javascript:alert(1)",
        "@import 'a'",
        "rgb(",
        "rgb(1))",
        ")(",
        "'open",
        "'a\"",
        "/* a */ red",
        "red /*",
        "a\nb",
        "a\0b",
        "a\x7fb",
        "a\u2028b",
        "rgb(1\uff09",
        "²url(a)",
        "→url(a)",
        "x" * (LONGEST_VALUE + 1),
    ],
)
def test_values_that_are_not_kept(value: str) -> None:
    assert not is_sound_token("paper", value)


@pytest.mark.parametrize("name", ["", "--paper", "a b", "a:b", "é", "1a", "a;", "a\n", "$type", "x" * 65])
def test_names_that_are_not_kept(name: str) -> None:
    assert not is_sound_token(name, "red")


@pytest.mark.parametrize(
    "css",
    [
        "",
        ".post:not(.pinned) > h2::before { content: \"(“\"; color: var(--accent) !important }",
        "@media (width >= 40rem) and (hover) { .a { transform: rotate(1deg) translateX(-2px) } }\r\n",
        "@SUPPORTS selector(:has(a)) { a[href^='x'] { grid: repeat(2, minmax(0, 1fr)) / auto } } /* it's { */",
        "@keyframes in { from { opacity: 0 } to { opacity: 1 } }",
        "/**/ a { b: c } /***/",
    ],
)  # fmt: skip
def test_sheets(css: str) -> None:
    assert is_sound_sheet(css)


@pytest.mark.parametrize(
    "css",
    [
        "a{background:url(x)}",
        "a{background:U\\52L(x)}",
        "a{background:image-set('//x.test/a' 1x)}",
        "a{background:cross-fade(a, b)}",
        "a{background:element(#a)}",
        "@import 'x';",
        "@IMPORT 'x';",
        "@\\69mport 'x';",
        "@font-face{font-family:a}",
        "@charset 'utf-7';",
        "@namespace x 'y';",
        "a{width:expression(1)}",
        "a{b:javascript:c}",
        "</style>",
        "<!-- -->",
        "a{",
        "a}",
        "a{b:(}",
        "a[b{c]}",
        "a{b:'c}",
        "a{b:'\\'}",
        "a{b:'\n'}",
        "/* a",
        "/*/",
        "a\0",
        "a\x0c",
        "a" * (LONGEST_SHEET + 1),
    ],
)
def test_sheets_that_are_not_kept(css: str) -> None:
    assert not is_sound_sheet(css)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://fonts.test/css2?family=Space+Grotesk:wght@400;700&display=swap", True),
        ("https://a.xn--p1ai:8443/%20", True),
        ("https://fonts.test", True),
        ("http://fonts.test/a", False),
        ("HTTPS://fonts.test/a", False),
        ("javascript:alert(1)", False),
        ("https://localhost/a", False),
        ("https://127.0.0.1/a", False),
        ("https://[::1]/a", False),
        ("https://user@fonts.test/a", False),
        ("https://fonts.test\\@x.test", False),
        ("https://fonts.test/'a", False),
        ("https://fonts.test/a)", False),
        ("https://fonts.test/<", False),
        ("https://fonts.test/a b", False),
        ("https://fonts.test/a\n", False),
        ("https://fönts.test/a", False),
        ("https://fonts.test/" + "a" * 2048, False),
    ],
)
def test_fonts(url: str, kept: bool) -> None:
    assert is_sound_font(url) is kept


@pytest.mark.slow
@given(THEMES)
def test_nothing_loads(theme: Theme) -> None:
    """Whatever a theme holds, its sheet calls nothing but what is known; not by another spelling either."""
    found = {name for name in called(css_of(theme)) if name.isascii()}  # all that browsers know are
    assert found <= SHEET_FUNCTIONS | {"@media"}


@pytest.mark.slow
@given(st.lists(VALUE, max_size=8))
def test_tokens_stay_in_their_place(values: list[str]) -> None:
    """One rule, one declaration for each, whatever their values say."""
    tokens = {f"ink{number}": value for number, value in enumerate(values)}
    theme = Theme(rkey="key", name="Any", color_scheme="light", tokens=tokens)
    css = re.sub(r"\"[^\"\n]*\"|'[^'\n]*'", "", css_of(theme))
    assert (css.count("{"), css.count("}"), css.count(";")) == (1, 1, len(sound(theme).tokens) + 1)
    assert css.count("(") == css.count(")")
    assert not re.search(r"[\"'\\]|/\*", css)


@pytest.mark.slow
@given(THEMES)
def test_what_is_read_can_be_written(theme: Theme) -> None:
    """Cleaning twice is cleaning once, and nobody refuses what it left; what it did not leave is refused."""
    kept = sound(theme)
    assert sound(kept) == kept
    fields = {"tokens": kept.tokens, "fontUrls": kept.font_urls, "cssOverrides": kept.css_overrides or ""}
    check_sound(fields)
    if (dict(theme.tokens), theme.css_overrides) != (dict(kept.tokens), kept.css_overrides):
        with pytest.raises(BadInput):
            check_sound({"tokens": theme.tokens, "cssOverrides": theme.css_overrides or ""})


def test_so_many_tokens() -> None:
    """The first ones are kept; more cannot be written."""
    tokens = {f"a{number}": "red" for number in range(MOST_TOKENS + 1)}
    kept = sound(Theme(rkey="key", name="Many", color_scheme="light", tokens=tokens))
    assert list(kept.tokens) == list(tokens)[:MOST_TOKENS]
    with pytest.raises(BadInput, match="tokens"):
        check_sound({"tokens": tokens})


@pytest.mark.parametrize(
    "css", ["a" * LONGEST_SHEET, "/*" * 10_000, "/* " * 6_000, "'\n" * 10_000, "(" * LONGEST_SHEET]
)
def test_long_sheets_cost_little(css: str) -> None:
    """Where each character were compared with each, this would take seconds; the limit of a test tells."""
    assert is_sound_sheet(css) is css.startswith("a")


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({}, []),
        ({"tokens": {"ink": "red", "a b": "red", "paper": "url(a)"}}, ["token 'a b'", "token 'paper'"]),
        (
            {"cssOverrides": "a{b:URL(c) src(d) min(e)}@import 'f';@media x{}"},
            ["rule '@import'", "call 'src()'", "call 'url()'"],
        ),
        ({"cssOverrides": "a{b:\\63}</style>\0"}, ["sign '\\x00'", "sign '</'", "sign '\\\\'"]),
        ({"cssOverrides": "a{b:(}"}, ["open ''"]),
        ({"cssOverrides": "\\" * (LONGEST_SHEET + 1)}, ["long ''"]),
        ({"fontUrls": ["https://fonts.test/a", "http://fonts.test/b"]}, ["font 'http://fonts.test/b'"]),
        ({"tokens": {f"a{number}": "red" for number in range(MOST_TOKENS + 1)}}, ["tokens ''"]),
    ],
)
def test_faults(fields: dict[str, Any], faults: list[str]) -> None:
    """All of them, by name; what is written is refused for the first, in a sentence that names it."""
    found = list(faults_in(fields))
    assert [f"{fault.kind} {fault.name!r}" for fault in found] == faults
    for fault in found[:1]:
        with pytest.raises(BadInput, match=re.escape(str(fault))):
            check_sound(fields)


def test_tokens_beneath() -> None:
    """Are for what a theme says nothing of, and where what it says is not kept."""
    theme = Theme(rkey="key", name="Dusk", color_scheme="dark", tokens={"ink": "#eee", "card": "url(a)"})
    css = css_of(theme, beneath={"ink": "#111", "card": "#222", "paper": "#333"})
    assert css == ":root {\n  color-scheme: dark;\n  --ink: #eee;\n  --card: #222;\n  --paper: #333;\n}\n"


def test_a_sheet() -> None:
    theme = Theme(
        rkey="key",
        name="Dusk",
        color_scheme="dark",
        tokens={"ink": "#eee", "bad": "url(a)"},
        css_overrides="a { b: c }\n",
    )
    assert css_of(theme) == ":root {\n  color-scheme: dark;\n  --ink: #eee;\n}\na { b: c }\n"


def test_five_for_light_and_for_dark() -> None:
    """Built in are five, each for both, and each sound."""
    assert len(PRESETS) == 10
    names = {theme.rkey.rpartition("-")[0] for theme in PRESETS.values()}
    assert set(PRESETS) == {f"{name}-{scheme}" for name, scheme in product(names, ("light", "dark"))}
    assert all(sound(theme) == theme and tuple(theme.tokens) == TOKENS for theme in PRESETS.values())


@pytest.mark.parametrize("theme", PRESETS.values(), ids=lambda theme: theme.rkey)
def test_contrast(theme: Theme) -> None:
    """WCAG 2.2 AA, of every text on every ground: 4.5 to 1."""
    assert {token for pair in PAIRS for token in pair} == set(TOKENS) - {"line"}
    assert (weak_pairs(theme.tokens), unmeasured(theme.tokens)) == ([], [])
