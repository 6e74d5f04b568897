"""What pages say, in the reader's language: messages from `web/words/`, dates and numbers as the language has them.

A message that depends on a count has a form for each of the language's plurals. Values are set in with `{name}`, and
escaped. A language is complete or it is not offered: a test compares them.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, format_timedelta
from babel.numbers import format_decimal
from babel.units import format_unit
from markupsafe import Markup, escape

FOLDER: Final = Path(__file__).parents[1] / "words"
DEFAULT: Final = "en"
FORMATS: Final = {"en": "en_150"}  # English for the world: the day before the month, hours up to 24
REMEMBERED: Final = 4096  # numbers and dates as they are written, at some 200 bytes each
PLURALS: Final = frozenset({"zero", "one", "two", "few", "many", "other"})

Message = Markup | Mapping[str, Markup]


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """One language. There is one object of each; what is remembered of it is found by that, not by what it holds."""

    language: str
    locale: Locale
    messages: Mapping[str, Message]
    plain: Mapping[str, Markup]  # the messages in which nothing is set in, ready to be shown

    @property
    def direction(self) -> str:
        return "rtl" if self.locale.text_direction == "rtl" else "ltr"

    @property
    def region(self) -> str:
        """The language with its place, as browsers name the two: as dates are written."""
        return str(self.locale).replace("_", "-")

    @property
    def name(self) -> str:
        """As its speakers call it."""
        return str(self.locale.language_name or self.language).capitalize()

    def __call__(self, name: str, /, **values: object) -> Markup:
        """The message of that name; `count` decides its plural."""
        if (ready := self.plain.get(name)) is not None:
            return ready
        message = self.messages[name]
        if not isinstance(message, str):
            count = values["count"]
            assert isinstance(count, int), name
            message = message.get(self.locale.plural_form(count), message["other"])
        shown = {key: escape(self.number(value) if isinstance(value, int) else value) for key, value in values.items()}
        return Markup(str.format(message, **shown))  # noqa: S704 - all of it is escaped; Markup's own `format` is slow

    def number(self, value: int) -> str:
        return _number(value, self)

    def decimal(self, value: float) -> str:
        """Of as many figures as one reads at a glance."""
        return str(format_decimal(value, format="#,##0.#" if value < 100 else "#,##0", locale=self.locale))

    def seconds(self, value: float) -> str:
        """A length of time that may be very short, or not."""
        if value < 1:
            return str(format_unit(round(value * 1000), "millisecond", "short", locale=self.locale))
        return str(format_timedelta(timedelta(seconds=value), threshold=2, locale=self.locale))

    def clock(self, at: datetime) -> Markup:
        """The time of day, to the second."""
        return _time(at, format_time(at.astimezone(UTC), "medium", locale=self.locale))

    def day(self, at: datetime) -> Markup:
        """A date."""
        return _day(at, self)

    def moment(self, at: datetime) -> Markup:
        """A date with its time of day: what `pages.js` tells in the reader's own zone."""
        return _moment(at, self)

    def month(self, at: datetime) -> Markup:
        return _time(at, format_skeleton("yMMMM", at.astimezone(UTC), locale=self.locale))


# Each of these costs as much as a small template, and pages say the same ones again and again.


@lru_cache(REMEMBERED)
def _number(value: int, words: Words) -> str:
    return str(format_decimal(value, locale=words.locale))


@lru_cache(REMEMBERED)
def _day(at: datetime, words: Words) -> Markup:
    return _time(at, format_date(at.astimezone(UTC), "medium", locale=words.locale))


@lru_cache(REMEMBERED)
def _moment(at: datetime, words: Words) -> Markup:
    at, locale = at.astimezone(UTC), words.locale
    said = f"{format_date(at, 'medium', locale=locale)}, {format_time(at, 'short', locale=locale)}"
    return _time(at, said, mark=Markup(" data-moment"))


def _time(at: datetime, shown: str, *, mark: str = "") -> Markup:
    machine = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}"{}>{}</time>').format(machine, mark, shown)


@cache
def languages() -> Mapping[str, Words]:
    """Every language there is, by its code."""
    return {file.stem: read_words(file) for file in sorted(FOLDER.glob("*.toml"))}


def words_for(preferred: list[str]) -> Words:
    """The first of these languages that there is, wherever it is spoken; English if there is none."""
    asked = (code.partition("-")[0].lower() for code in preferred)
    return languages()[next((code for code in asked if code in languages()), DEFAULT)]


def read_words(file: Path) -> Words:
    with file.open("rb") as opened:
        locale = Locale.parse(FORMATS.get(file.stem, file.stem))
        messages = dict(_messages(tomllib.load(opened), ""))
    plain = {name: said for name, said in messages.items() if isinstance(said, Markup) and "{" not in said}
    return Words(file.stem.replace("_", "-"), locale, messages, plain)


def _messages(table: Mapping[str, Any], above: str) -> Iterator[tuple[str, Message]]:  # Any: TOML
    for key, value in table.items():
        if isinstance(value, str):
            yield f"{above}{key}", escape(value)
        elif value.keys() <= PLURALS:
            yield f"{above}{key}", {plural: escape(said) for plural, said in value.items()}
        else:
            yield from _messages(value, f"{above}{key}.")
