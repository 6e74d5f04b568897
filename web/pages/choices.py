"""What visitors choose for themselves, whether signed in or not: language and looks, each kept in a cookie.

A cookie counts as far as it names what there is. Without it the browser's own preferences hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quart import Response, request

from forum.presets import PRESETS
from web.pages.words import languages
from web.site import Site

LANGUAGE_COOKIE: Final = "atbb_language"
LOOK_COOKIE: Final = "atbb_look"
KEPT_SECONDS: Final = 400 * 24 * 3600  # as long as browsers keep any

# By name, as style.css has them; the first is everybody's who has not chosen.
THEMES: Final = tuple(dict.fromkeys(rkey.partition("-")[0] for rkey in PRESETS))
SCHEMES: Final = ("system", "light", "dark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Colours, and whether they are light or dark; `system`: as the browser prefers."""

    theme: str = THEMES[0]
    scheme: str = SCHEMES[0]


def look_from(cookie: str) -> Look:
    theme, _, scheme = cookie.partition(".")
    return Look(theme=known(theme, THEMES), scheme=known(scheme, SCHEMES))


def known(asked: str, offered: Sequence[str]) -> str:
    """What is asked for, if there is such a thing, else the first."""
    return asked if asked in offered else offered[0]


def asked_look() -> Look:
    return look_from(request.cookies.get(LOOK_COOKIE, ""))


def chosen_language() -> str | None:
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in languages() else None


def asked_languages() -> list[str]:
    """The one chosen here, then what the browser prefers."""
    chosen = chosen_language()
    return [*([] if chosen is None else [chosen]), *request.accept_languages.values()]


def give_look(response: Response, look: Look, site: Site) -> None:
    _give(response, LOOK_COOKIE, "" if look == Look() else f"{look.theme}.{look.scheme}", site)


def give_language(response: Response, language: str, site: Site) -> None:
    """Empty: as the browser prefers."""
    _give(response, LANGUAGE_COOKIE, language if language in languages() else "", site)


def _give(response: Response, name: str, value: str, site: Site) -> None:
    """Or, without a value, have the browser forget it: what is as for everybody needs no cookie."""
    response.set_cookie(
        name, value, max_age=KEPT_SECONDS if value else 0, secure=site.is_https, httponly=True, samesite="Lax"
    )
