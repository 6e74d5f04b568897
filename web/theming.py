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
from forum.audit import Entry, State
from forum.database import Database
from forum.forum_records import theme_policy_record, theme_record
from forum.own_writes import OwnWrite, show_own_write
from forum.plain import cut
from forum.presets import PRESETS
from forum.reads.themes import all_themes, policy_record, theme_at, theme_uri, themes_meant
from forum.records.names import THEME, THEME_POLICY
from forum.themes import Record, Theme, check_sound, holds, is_default, refs_of
from web.bodies import refusing
from web.forum_writing import record_at
from web.looks import Looks
from web.site import Site

FIELDS = ("name", "colorScheme", "tokens", "cssOverrides", "fontUrls")
POLICY_FIELDS = ("availableThemes", "defaultLightTheme", "defaultDarkTheme", "allowUserChoice")
NO_THEME = "There is no such theme."
PINNED = "The policy has pinned this version of the theme; change a copy of it."
CHANGED = "Somebody else has changed it meanwhile; please look again."

Fields = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """All that it takes."""

    database: Database
    site: Site
    account: ForumAccount
    looks: Looks


async def add(shop: Workshop, actor: str, asked: Fields, *, act: str = "addTheme") -> OwnWrite:
    with refusing():
        record = theme_record(asked)
        check_sound(record)
    write = await shop.account.create(THEME, record)
    return await shown(shop, write, Entry(actor=actor, act=act, subject=write.uri, after=write.record))


async def change(shop: Workshop, actor: str, rkey: str, asked: Fields, *, seen: str | None = None) -> OwnWrite:
    """What is not named stays, even if it was written past us; readers are spared what is not sound in it.

    Who has `seen` a version changes that one, or nothing.
    """
    theme = await own_theme(shop, rkey)
    if is_pinned(await policy_now(shop), theme):
        raise Conflict(PINNED)
    found = await record_at(shop.account, theme_uri(shop.site.forum_did, rkey))
    if seen not in (None, found.cid):
        raise Conflict(CHANGED)
    with refusing():
        record = theme_record({**(found.record or {}), **asked})
        check_sound({name: record[name] for name in asked if name in record})
    write = await shop.account.put(THEME, found.rkey, record, swap=found.cid)
    entry = Entry(actor=actor, act="changeTheme", subject=write.uri, before=found.record, after=write.record)
    return await shown(shop, write, entry)


async def remove(shop: Workshop, actor: str, rkey: str) -> OwnWrite:
    theme = await own_theme(shop, rkey)
    policy = await policy_now(shop)
    if policy is not None and is_default(policy, str(theme.uri)):
        raise Conflict("The theme is one of the forum's defaults; choose another one first.")
    found = await shop.account.record(THEME, rkey)
    write = await shop.account.delete(THEME, rkey)
    entry = Entry(actor=actor, act="removeTheme", subject=write.uri, before=found.record if found else None)
    return await shown(shop, write, entry)


async def duplicate(shop: Workshop, actor: str, rkey: str, *, name: str | None = None) -> OwnWrite:
    """Make a theme of the forum's own that looks like another."""
    theme = await known_theme(shop, rkey)
    name = name or f"{cut(theme.name, graphemes=80, size=250)} (copy)"
    return await add(shop, actor, fields_of(theme) | {"name": name}, act="duplicateTheme")


async def settle(shop: Workshop, actor: str, asked: Fields) -> OwnWrite:
    """The policy: what is not named stays, where there is one already."""
    found = await shop.account.record(THEME_POLICY, "self")
    before: State | None = found.record if found else None
    with refusing():
        record = theme_policy_record({**(before or {}), **asked})
    await check_policy(shop, record, {name: record[name] for name in asked if name in record})
    write = await shop.account.put(THEME_POLICY, "self", record, swap=found.cid if found else None)
    entry = Entry(actor=actor, act="setThemePolicy", subject=write.uri, before=before, after=write.record)
    return await shown(shop, write, entry)


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


async def shown(shop: Workshop, write: OwnWrite, entry: Entry) -> OwnWrite:
    """Bring it into the index and the audit, and have this process's next page ask how it is to look."""
    await show_own_write(shop.database, write, forum_did=shop.site.forum_did, entry=entry)
    shop.looks.forget()
    return write
