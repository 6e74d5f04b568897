"""The forum's themes and its theme policy: which looks it has, and which of them readers get.

A reference with a CID is pinned: it holds as long as the theme is that version, for nobody keeps older ones. What does
not hold is not offered, and where a default does not, the one built in for its scheme takes its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from forum.database import Connection, Row
from forum.presets import DEFAULTS, PRESETS
from forum.records.names import THEME, THEME_POLICY
from forum.records.syntax import parse_datetime
from forum.themes import Record, Theme, holds, refs_of, sound

# A handful of rows, written by the forum alone; the ledger knows their versions.
THEMES = """
SELECT t.rkey, l.cid, t.name, t.color_scheme, t.tokens, t.css_overrides, t.font_urls, t.created_at
  FROM themes t
  JOIN ledger l ON l.did = $1 AND l.collection = 'space.atbb.forum.theme' AND l.rkey = t.rkey
 WHERE $2::text[] IS NULL OR t.rkey = ANY ($2)
 ORDER BY t.name, t.rkey
"""
POLICY = "SELECT policy FROM theme_policy WHERE uri = $1"
POLICY_VERSION = "SELECT cid FROM ledger WHERE did = $1 AND collection = $2 AND rkey = 'self'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A theme one can have. `is_pinned`: only in this version."""

    theme: Theme
    is_pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`uri` is None while the forum has none and the built-in one is in force."""

    uri: str | None
    available: tuple[Choice, ...]
    light: Choice
    dark: Choice
    allows_choice: bool
    updated_at: datetime | None


BUILT_IN = Policy(
    uri=None,
    available=tuple(Choice(theme=theme) for theme in PRESETS.values()),
    light=Choice(theme=DEFAULTS["light"]),
    dark=Choice(theme=DEFAULTS["dark"]),
    allows_choice=True,
    updated_at=None,
)


async def all_themes(connection: Connection, forum_did: str) -> tuple[Theme, ...]:
    """Every theme of the forum's own, whether it is offered or not."""
    return await _themes(connection, forum_did, None)


async def theme_at(connection: Connection, forum_did: str, rkey: str) -> Theme | None:
    """The forum's theme of that key, or the one built in."""
    found = await _themes(connection, forum_did, [rkey])
    return found[0] if found else PRESETS.get(rkey)


async def themes_meant(connection: Connection, forum_did: str, refs: Iterable[Record]) -> dict[str, Theme]:
    """Those of the forum's themes that are referred to, by URI, in whichever version they are."""
    home = theme_uri(forum_did, "")
    rkeys = {ref["uri"].removeprefix(home) for ref in refs if ref["uri"].startswith(home)}
    found = await _themes(connection, forum_did, sorted(rkeys))
    return {theme_uri(forum_did, theme.rkey): theme for theme in found}


async def policy_record(connection: Connection, forum_did: str) -> Record | None:
    """The forum's policy as it stands in its repository."""
    text: str | None = await connection.fetchval(POLICY, policy_uri(forum_did))
    record: Record | None = None if text is None else msgspec.json.decode(text)
    return record


async def policy_version(connection: Connection, forum_did: str) -> str:
    """The CID of that, whatever it says; empty where there is none."""
    return await connection.fetchval(POLICY_VERSION, forum_did, THEME_POLICY) or ""


async def policy_in_force(connection: Connection, forum_did: str) -> Policy:
    """What readers get: by the forum's policy, else by the one built in."""
    record = await policy_record(connection, forum_did)
    if record is None:
        return BUILT_IN
    themes = await themes_meant(connection, forum_did, refs_of(record))
    offers = {ref["uri"]: _choice(ref, themes) for ref in record["availableThemes"]}
    return Policy(
        uri=policy_uri(forum_did),
        available=tuple(choice for choice in offers.values() if choice is not None),
        light=_choice(record["defaultLightTheme"], themes) or BUILT_IN.light,
        dark=_choice(record["defaultDarkTheme"], themes) or BUILT_IN.dark,
        allows_choice=record["allowUserChoice"],
        updated_at=parse_datetime(record["updatedAt"]) if "updatedAt" in record else None,
    )


def theme_uri(forum_did: str, rkey: str) -> str:
    return f"at://{forum_did}/{THEME}/{rkey}"


def policy_uri(forum_did: str) -> str:
    return f"at://{forum_did}/{THEME_POLICY}/self"


def _choice(ref: Record, themes: dict[str, Theme]) -> Choice | None:
    theme = themes.get(ref["uri"])
    return Choice(theme=theme, is_pinned="cid" in ref) if theme is not None and holds(ref, theme) else None


async def _themes(connection: Connection, forum_did: str, rkeys: Sequence[str] | None) -> tuple[Theme, ...]:
    return tuple(_theme(row, forum_did) for row in await connection.fetch(THEMES, forum_did, rkeys))


def _theme(row: Row, forum_did: str) -> Theme:
    return sound(
        Theme(
            rkey=row["rkey"],
            uri=theme_uri(forum_did, row["rkey"]),
            cid=row["cid"],
            name=row["name"],
            color_scheme=row["color_scheme"],
            tokens=msgspec.json.decode(row["tokens"]),
            css_overrides=row["css_overrides"],
            font_urls=row["font_urls"],
            created_at=row["created_at"],
        )
    )
