"""Themes: what may stand in one, and the style sheet it makes. Pure.

Whatever a theme says goes into everybody's pages, and its record may have been written past us. So a rule is to be met
by what we write, and applied again to what is read: nothing may load from elsewhere, leave its declaration, or be said
in a way that hides it. Only what is known to do no harm may be called; a backslash, by which CSS can spell anything
differently, is never needed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from forum.errors import BadInput

Scheme = Literal["light", "dark"]

MOST_TOKENS = 200
LONGEST_VALUE = 300
LONGEST_SHEET = 20_000
MOST_FONTS = 20
LONGEST_URL = 2048

AT_RULES = frozenset({"container", "keyframes", "layer", "media", "supports"})
IN_VALUES = """
rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix light-dark calc min max clamp var cubic-bezier steps linear
linear-gradient radial-gradient conic-gradient repeating-linear-gradient repeating-radial-gradient
repeating-conic-gradient
"""
IN_SHEETS = """
is not where has nth-child nth-last-child nth-of-type nth-last-of-type lang dir selector minmax repeat fit-content env
translate translatex translatey rotate scale scalex scaley skew skewx skewy matrix blur brightness contrast drop-shadow
grayscale hue-rotate invert opacity saturate sepia inset circle ellipse polygon counter counters
"""
VALUE_FUNCTIONS = frozenset(IN_VALUES.split())
SHEET_FUNCTIONS = VALUE_FUNCTIONS | frozenset(IN_SHEETS.split())

_is_name = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}").fullmatch
_is_value = re.compile(r"[\w #%.,()/*+'\"-]+").fullmatch
_is_font = re.compile(
    r"https://(?:[a-z0-9-]{1,63}\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})(?::[0-9]{1,5})?(?:/[\w.~%/+@:;,=&?!$*-]*)?",
    re.ASCII,
).fullmatch
_forbidden = re.compile(r"[\\\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|<[/!]|javascript:", re.IGNORECASE).findall
_calls = re.compile(r"(?<![\w-])([\w-]++)\(").findall
_at_rules = re.compile(r"@([\w-]*)").findall
# Strings and comments, in which brackets mean nothing; a comment without an end goes on to the end.
_without_texts = re.compile(r"\"[^\"\r\n]*\"|'[^'\r\n]*'|/\*.*?(?:\*/|\Z)", re.DOTALL).sub
_CLOSING = {"(": ")", "[": "]", "{": "}"}

Record = Mapping[str, Any]  # Any: a record that passed its lexicon, or some of its fields
Kind = Literal["token", "tokens", "call", "rule", "sign", "long", "open", "font"]

FAULTS: Final[Mapping[Kind, str]] = {
    "token": "tokens: {name} is no name, or its value none that a theme may hold",
    "tokens": f"tokens: more than {MOST_TOKENS}",
    "call": "cssOverrides: {name} is not allowed",
    "rule": "cssOverrides: {name} is not allowed",
    "sign": "cssOverrides: {name} is not allowed",
    "long": f"cssOverrides: longer than {LONGEST_SHEET} characters",
    "open": "cssOverrides: a bracket, a string or a comment has no end or no beginning",
    "font": "fontUrls: {name} is not the https address of a style sheet",
}
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """`uri` and `cid` are None for one that is built in."""

    rkey: str
    name: str
    color_scheme: Scheme
    tokens: Mapping[str, str]
    uri: str | None = None
    cid: str | None = None
    css_overrides: str | None = None
    font_urls: Sequence[str] = ()
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that no theme may hold; `name` says which token, function, rule, sign or address it is."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        return FAULTS[self.kind].format(name=ascii(self.name[:64]))


def css_of(theme: Theme, *, beneath: Mapping[str, str] = NOTHING) -> str:
    """Its style sheet, to be read after the forum's own; what is not sound in it is left out.

    `beneath` are tokens for what it says nothing of.
    """
    kept = sound(theme)
    tokens = [f"  --{name}: {value};\n" for name, value in {**beneath, **kept.tokens}.items()]
    return f":root {{\n  color-scheme: {kept.color_scheme};\n{''.join(tokens)}}}\n{kept.css_overrides or ''}"


def sound(theme: Theme) -> Theme:
    """The theme without whatever no theme may hold."""
    tokens = {name: value for name, value in theme.tokens.items() if is_sound_token(name, value)}
    css = theme.css_overrides
    return replace(
        theme,
        tokens=dict(list(tokens.items())[:MOST_TOKENS]),
        css_overrides=css if css is not None and is_sound_sheet(css) else None,
        font_urls=tuple(filter(is_sound_font, theme.font_urls))[:MOST_FONTS],
    )


def check_sound(fields: Record) -> None:
    """Raise `BadInput`, whose words name the fault, unless all of it would be kept. Its types have been checked."""
    for fault in faults_in(fields):
        raise BadInput("not_allowed", str(fault))


def faults_in(fields: Record) -> Iterator[Fault]:
    """Whatever in these fields would not be kept, by name."""
    tokens = fields.get("tokens", NOTHING)
    for name, value in tokens.items():
        if not is_sound_token(name, value):
            yield Fault(kind="token", name=name)
    if len(tokens) > MOST_TOKENS:
        yield Fault(kind="tokens")
    yield from faults_in_sheet(fields.get("cssOverrides", ""))
    for url in fields.get("fontUrls", ()):
        if not is_sound_font(url):
            yield Fault(kind="font", name=url)


def is_sound_token(name: str, value: str) -> bool:
    """Whether `--name: value` is one declaration that loads nothing."""
    return (
        _is_name(name) is not None
        and len(value) <= LONGEST_VALUE
        and bool(value.strip())
        and _is_value(value) is not None
        and "/*" not in value
        and _called(value) <= VALUE_FUNCTIONS
        and _is_whole(value)
    )


def is_sound_sheet(css: str) -> bool:
    """Whether these rules are whole, and load nothing."""
    return next(faults_in_sheet(css), None) is None


def faults_in_sheet(css: str) -> Iterator[Fault]:
    """What is wrong with these rules; of a sheet that is too long no more than that."""
    if len(css) > LONGEST_SHEET:
        yield Fault(kind="long")
        return
    for sign in sorted({found.lower() for found in _forbidden(css)}):
        yield Fault(kind="sign", name=sign)
    for rule in sorted({rule.lower() for rule in _at_rules(css)} - AT_RULES):
        yield Fault(kind="rule", name=f"@{rule}")
    for call in sorted(_called(css) - SHEET_FUNCTIONS):
        yield Fault(kind="call", name=f"{call}()")
    if not _is_whole(css):
        yield Fault(kind="open")


def is_sound_font(url: str) -> bool:
    """Whether it is the address of a style sheet, by https, at a named host."""
    return len(url) <= LONGEST_URL and _is_font(url) is not None


def _called(css: str) -> set[str]:
    return {call.lower() for call in _calls(css)}


def _is_whole(css: str) -> bool:
    """Whether each string, comment and bracket ends in it."""
    expected: list[str] = []
    for character in _without_texts(_blank_if_ended, css):
        if character in _CLOSING:
            expected.append(_CLOSING[character])
        elif (character in ")]}" and (not expected or expected.pop() != character)) or character in "\"'":
            return False
    return not expected


def _blank_if_ended(text: re.Match[str]) -> str:
    """What stands for a string or a comment: a quote that nothing ends, where it has no end itself."""
    is_open = text[0].startswith("/*") and (len(text[0]) < 4 or not text[0].endswith("*/"))
    return '"' if is_open else " "


def refs_of(policy: Record) -> list[Record]:
    """All references to themes in a policy, or in some of its fields."""
    defaults = [policy[name] for name in ("defaultLightTheme", "defaultDarkTheme") if name in policy]
    return [*policy.get("availableThemes", ()), *defaults]


def is_default(policy: Record, uri: str) -> bool:
    return uri in (policy["defaultLightTheme"]["uri"], policy["defaultDarkTheme"]["uri"])


def holds(ref: Record, theme: Theme) -> bool:
    """Whether a reference means the theme as it is: any version, or the one it is pinned to."""
    return bool(ref["uri"] == theme.uri and ref.get("cid", theme.cid) == theme.cid)
