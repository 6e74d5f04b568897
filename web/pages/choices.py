"""What visitors choose for themselves, whether signed in or not: language and looks, each kept in a cookie.

A cookie counts as far as it names what there is to choose. Without it the browser's own preferences hold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from quart import Response, request

from forum.themes import Scheme, Theme
from web.looks import Offer, asked_offer
from web.pages.words import languages
from web.site import Site

LANGUAGE_COOKIE: Final = "atbb_language"
LOOK_COOKIE: Final = "atbb_look"
KEPT_SECONDS: Final = 400 * 24 * 3600  # as long as browsers keep any

SCHEMES: Final = ("system", "light", "dark")
BOTH: Final[tuple[Scheme, Scheme]] = ("light", "dark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Light or dark (`system`: as the browser prefers), and the themes for either, by their keys."""

    scheme: str
    light: str
    dark: str

    @property
    def cookie(self) -> str:
        return f"{self.scheme}.{self.light}.{self.dark}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A theme's style sheet as a page links it."""

    path: str
    media: str
    theme: Theme


def look_from(cookie: str, offer: Offer) -> Look:
    scheme, light, dark = [*cookie.split(".", 2), "", ""][:3]
    return Look(
        scheme=known(scheme, SCHEMES),
        light=known(light, [theme.rkey for theme in offer.choices["light"]]),
        dark=known(dark, [theme.rkey for theme in offer.choices["dark"]]),
    )


def known(asked: str, offered: Sequence[str]) -> str:
    """What is asked for, if there is such a thing, else the first."""
    return asked if asked in offered else offered[0]


def asked_look() -> Look:
    return look_from(request.cookies.get(LOOK_COOKIE, ""), asked_offer())


def sheets_for(look: Look, offer: Offer) -> Iterator[Sheet]:
    """On paper everything is black on white, as style.css has it."""
    keys = {"light": look.light, "dark": look.dark}
    asked = BOTH if look.scheme == "system" else (look.scheme,)
    is_one = len({keys[scheme] for scheme in asked}) == 1
    for scheme in asked[:1] if is_one else asked:
        rkey = keys[scheme]
        media = "screen" if is_one else f"screen and (prefers-color-scheme: {scheme})"
        yield Sheet(path=offer.sheet(rkey).path, media=media, theme=offer.themes[rkey])


def chosen_language() -> str | None:
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in languages() else None


def asked_languages() -> list[str]:
    """The one chosen here, then what the browser prefers."""
    chosen = chosen_language()
    return [*([] if chosen is None else [chosen]), *request.accept_languages.values()]


def give_look(response: Response, look: Look, offer: Offer, site: Site) -> None:
    """What is as for everybody is left out, so that it goes on to be, whatever that will be."""
    usual = look_from("", offer)
    themes = ("" if own == others else own for own, others in ((look.light, usual.light), (look.dark, usual.dark)))
    _give(response, LOOK_COOKIE, "" if look == usual else ".".join((look.scheme, *themes)), site)


def give_language(response: Response, language: str, site: Site) -> None:
    """Empty: as the browser prefers."""
    _give(response, LANGUAGE_COOKIE, language if language in languages() else "", site)


def _give(response: Response, name: str, value: str, site: Site) -> None:
    """Or, without a value, have the browser forget it: what is as for everybody needs no cookie."""
    response.set_cookie(
        name, value, max_age=KEPT_SECONDS if value else 0, secure=site.is_https, httponly=True, samesite="Lax"
    )
