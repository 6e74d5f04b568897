"""What those who may do to the forum's looks, whoever asks: the API or a page.

A change is a record in the forum's repository, and in the index and on this process's pages before it is answered. A
theme that the policy pins stays as it is: to change it, change a copy, or let the policy follow it. Refusals are
HTTPExceptions with a sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import BadRequest, Conflict, NotFound

from actors.agent import ForumAccount
from forum.audit import Act
from forum.database import Database
from forum.forum_records import theme_policy_record, theme_record
from forum.own_writes import OwnWrite
from forum.plain import cut
from forum.presets import PRESETS
from forum.reads.themes import all_themes, policy_record, theme_at, theme_uri, themes_meant
from forum.records.names import THEME, THEME_POLICY
from forum.themes import Record, Theme, check_sound, holds, is_default, refs_of
from web.bodies import refusing
from web.forum_writing import Changed, Pen
from web.looks import Looks
from web.site import Site

FIELDS = ("name", "colorScheme", "tokens", "cssOverrides", "fontUrls")
POLICY_FIELDS = ("availableThemes", "defaultLightTheme", "defaultDarkTheme", "allowUserChoice")
NO_THEME = "There is no such theme."
PINNED = "The policy has pinned this version of the theme; change a copy of it."

Fields = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """All that it takes."""

    database: Database
    site: Site
    account: ForumAccount
    looks: Looks

    def pen(self, actor: str) -> Pen:
        return Pen(database=self.database, site=self.site, account=self.account, actor=actor)

    def heard(self, write: OwnWrite) -> OwnWrite:
        """This process's next page asks how it is to look."""
        self.looks.forget()
        return write


async def add(shop: Workshop, actor: str, asked: Fields, *, act: Act = "addTheme") -> OwnWrite:
    with refusing():
        record = theme_record(asked)
        check_sound(record)
    return shop.heard(await shop.pen(actor).create(act, THEME, record))


async def change(shop: Workshop, actor: str, rkey: str, asked: Fields, *, seen: str | None = None) -> OwnWrite:
    """What is not named stays, even if it was written past us; readers are spared what is not sound in it.

    Who has `seen` a version changes that one, or nothing.
    """
    theme = await own_theme(shop, rkey)
    if is_pinned(await policy_now(shop), theme):
        raise Conflict(PINNED)
    pen = shop.pen(actor)
    found = await pen.found(str(theme.uri), seen=seen)
    with refusing():
        record = theme_record({**(found.record or {}), **asked})
        check_sound({name: record[name] for name in asked if name in record})
    return shop.heard(await pen.put("changeTheme", found, record))


async def remove(shop: Workshop, actor: str, rkey: str) -> OwnWrite:
    theme = await own_theme(shop, rkey)
    policy = await policy_now(shop)
    if policy is not None and is_default(policy, str(theme.uri)):
        raise Conflict("The theme is one of the forum's defaults; choose another one first.")
    return shop.heard(await shop.pen(actor).delete("removeTheme", str(theme.uri)))


async def duplicate(shop: Workshop, actor: str, rkey: str, *, name: str | None = None) -> OwnWrite:
    """Make a theme of the forum's own that looks like another."""
    theme = await known_theme(shop, rkey)
    name = name or f"{cut(theme.name, graphemes=80, size=250)} (copy)"
    return await add(shop, actor, fields_of(theme) | {"name": name}, act="duplicateTheme")


async def settle(shop: Workshop, actor: str, asked: Fields, *, seen: str | None = None) -> OwnWrite:
    """The policy: what is not named stays, where there is one already.

    Who has `seen` a version, or an empty one where there was none, changes that one, or nothing.
    """
    found = await shop.account.record(THEME_POLICY, "self")
    if seen is not None and seen != ((found and found.cid) or ""):
        raise Changed
    before: Record = (found.record if found else None) or {}
    with refusing():
        record = theme_policy_record({**before, **asked})
    await check_policy(shop, record, {name: record[name] for name in asked if name in record})
    pen = shop.pen(actor)
    if found is None:
        return shop.heard(await pen.create("setThemePolicy", THEME_POLICY, record, rkey="self"))
    return shop.heard(await pen.put("setThemePolicy", found, record))


async def check_policy(shop: Workshop, record: Record, asked: Record) -> None:
    """What it refers to anew must be there as it is meant, and readers must be able to come back to the defaults."""
    async with shop.database.connection() as connection:
        themes = await themes_meant(connection, shop.site.forum_did, refs_of(asked))
    for ref in refs_of(asked):
        if ref["uri"] not in themes:
            raise NotFound(f"There is no such theme: {ref['uri']}")
        if not holds(ref, themes[ref["uri"]]):
            raise Conflict("A theme is no longer the version it is to be pinned to; please look again.")
    available = {ref["uri"] for ref in record["availableThemes"]}
    if not {record["defaultLightTheme"]["uri"], record["defaultDarkTheme"]["uri"]} <= available:
        raise BadRequest("The default themes must be among the available ones.")


async def adopted(shop: Workshop, actor: str, rkey: str) -> str:
    """The URI of a theme that a policy can name: for one that is built in, that of the forum's own copy of it."""
    if rkey not in PRESETS:
        return theme_uri(shop.site.forum_did, rkey)
    async with shop.database.connection() as connection:
        own = await all_themes(connection, shop.site.forum_did)
    copies = (theme.uri for theme in own if fields_of(theme) == fields_of(PRESETS[rkey]))
    return next(copies, None) or (await duplicate(shop, actor, rkey, name=PRESETS[rkey].name)).uri


async def known_theme(shop: Workshop, rkey: str) -> Theme:
    async with shop.database.connection() as connection:
        theme = await theme_at(connection, shop.site.forum_did, rkey)
    if theme is None:
        raise NotFound(NO_THEME)
    return theme


async def own_theme(shop: Workshop, rkey: str) -> Theme:
    """One that can be changed."""
    theme = await known_theme(shop, rkey)
    if theme.uri is None:
        raise Conflict("This theme is built in; change a copy of it.")
    return theme


async def policy_now(shop: Workshop) -> Record | None:
    async with shop.database.connection() as connection:
        return await policy_record(connection, shop.site.forum_did)


def is_pinned(policy: Record | None, theme: Theme) -> bool:
    """Whether the policy means this very version of it."""
    return any("cid" in ref and holds(ref, theme) for ref in refs_of(policy or {}))


def fields_of(theme: Theme) -> dict[str, Any]:  # Any: JSON
    """What makes it the theme it is, as a record has it."""
    return {
        "name": theme.name,
        "colorScheme": theme.color_scheme,
        "tokens": dict(theme.tokens),
        "cssOverrides": theme.css_overrides,
        "fontUrls": list(theme.font_urls) or None,
    }
