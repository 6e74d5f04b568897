"""How the forum looks, by the API (contract.md §1, §2): the themes readers may have, and their making and choosing.

Writing goes as in `structure.py`. A theme is held to `forum.themes` when it is written, and again when it is read. One
that the policy pins stays as it is: to change it, change a copy, or let the policy follow it.
"""

from functools import partial

from quart import Quart, Response, request
from werkzeug.exceptions import BadRequest, Conflict, NotFound

from actors.agent import ForumAccount
from forum.database import Database
from forum.forum_records import theme_policy_record, theme_record
from forum.permissions import MANAGE_THEMES
from forum.plain import cut
from forum.presets import PRESETS
from forum.reads.themes import (
    Choice,
    Policy,
    all_themes,
    policy_in_force,
    policy_record,
    theme_at,
    theme_uri,
    themes_meant,
)
from forum.records.names import THEME, THEME_POLICY
from forum.themes import Record, Theme, check_sound, holds, is_default, refs_of
from web.answers import JSON, answer, written
from web.bodies import asked_fields, asked_object, refusing
from web.shapes import Shape
from web.signed_in import require
from web.site import Site
from web.structure import record_at, removed, told

FIELDS = ("name", "colorScheme", "tokens", "cssOverrides", "fontUrls")
POLICY_FIELDS = ("availableThemes", "defaultLightTheme", "defaultDarkTheme", "allowUserChoice")
NO_THEME = "There is no such theme."


def add_themes(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", "/api/themes", partial(list_themes, database, site)),
        ("GET", "/api/themes/<rkey>", partial(show_theme, database, site)),
        ("GET", "/api/theme-policy", partial(show_policy, database, site)),
        ("GET", "/api/admin/themes", partial(list_all_themes, database, site)),
        ("POST", "/api/admin/themes", partial(add_theme, database, site, account)),
        ("PUT", "/api/admin/themes/<rkey>", partial(change_theme, database, site, account)),
        ("DELETE", "/api/admin/themes/<rkey>", partial(remove_theme, database, site, account)),
        ("POST", "/api/admin/themes/<rkey>/duplicate", partial(duplicate_theme, database, site, account)),
        ("PUT", "/api/admin/theme-policy", partial(set_policy, database, site, account)),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=handler, methods=[method])


async def list_themes(database: Database, site: Site) -> Response:
    """Those that readers may choose from."""
    async with database.connection() as connection:
        policy = await policy_in_force(connection, site.forum_did)
    return await for_everyone({"themes": [theme_shape(choice.theme) for choice in policy.available]})


async def show_theme(database: Database, site: Site, rkey: str) -> Response:
    """Any one, offered or not."""
    return await for_everyone(theme_shape(await known_theme(database, site, rkey)))


async def show_policy(database: Database, site: Site) -> Response:
    async with database.connection() as connection:
        policy = await policy_in_force(connection, site.forum_did)
    return await for_everyone(policy_shape(policy))


async def list_all_themes(database: Database, site: Site) -> Response:
    """The forum's own, and those built in, of which copies can be made."""
    await require(database, site, MANAGE_THEMES)
    async with database.connection() as connection:
        own = await all_themes(connection, site.forum_did)
    return answer({"themes": [theme_shape(theme) for theme in (*own, *PRESETS.values())]})


async def add_theme(database: Database, site: Site, account: ForumAccount) -> Response:
    actor = await require(database, site, MANAGE_THEMES)
    asked = asked_fields(await asked_object(), *FIELDS)
    with refusing():
        record = theme_record(asked)
        check_sound(record)
    write = await account.create(THEME, record)
    return await told(database, site, write, actor=actor, act="addTheme", status=201)


async def change_theme(database: Database, site: Site, account: ForumAccount, rkey: str) -> Response:
    """What is not named stays, even if it was written past us; readers are spared what is not sound in it."""
    actor = await require(database, site, MANAGE_THEMES)
    theme, asked = await own_theme(database, site, rkey), asked_fields(await asked_object(), *FIELDS)
    async with database.connection() as connection:
        policy = await policy_record(connection, site.forum_did)
    if any("cid" in ref and holds(ref, theme) for ref in refs_of(policy or {})):
        raise Conflict("The policy has pinned this version of the theme; change a copy of it.")
    found = await record_at(account, theme_uri(site.forum_did, rkey))
    with refusing():
        record = theme_record({**(found.record or {}), **asked})
        check_sound({name: record[name] for name in asked if name in record})
    write = await account.put(THEME, found.rkey, record, swap=found.cid)
    return await told(database, site, write, actor=actor, act="changeTheme", before=found.record)


async def remove_theme(database: Database, site: Site, account: ForumAccount, rkey: str) -> Response:
    actor = await require(database, site, MANAGE_THEMES)
    await own_theme(database, site, rkey)
    uri = theme_uri(site.forum_did, rkey)
    async with database.connection() as connection:
        policy = await policy_record(connection, site.forum_did)
    if policy is not None and is_default(policy, uri):
        raise Conflict("The theme is one of the forum's defaults; choose another one first.")
    return await removed(database, site, account, uri, actor=actor, act="removeTheme")


async def duplicate_theme(database: Database, site: Site, account: ForumAccount, rkey: str) -> Response:
    """Make a theme of the forum's own that looks like another; a request's body is not read."""
    actor = await require(database, site, MANAGE_THEMES)
    theme = await known_theme(database, site, rkey)
    with refusing():
        record = theme_record(
            {
                "name": f"{cut(theme.name, graphemes=80, size=250)} (copy)",
                "colorScheme": theme.color_scheme,
                "tokens": theme.tokens,
                "cssOverrides": theme.css_overrides,
                "fontUrls": list(theme.font_urls) or None,
            }
        )
    write = await account.create(THEME, record)
    return await told(database, site, write, actor=actor, act="duplicateTheme", status=201)


async def set_policy(database: Database, site: Site, account: ForumAccount) -> Response:
    """What is not named stays, where there is a policy already."""
    actor = await require(database, site, MANAGE_THEMES)
    asked = asked_fields(await asked_object(), *POLICY_FIELDS)
    found = await account.record(THEME_POLICY, "self")
    before = found.record if found else None
    with refusing():
        record = theme_policy_record({**(before or {}), **asked})
    await check_policy(database, site, record, {name: record[name] for name in asked if name in record})
    write = await account.put(THEME_POLICY, "self", record, swap=found.cid if found else None)
    return await told(database, site, write, actor=actor, act="setThemePolicy", before=before)


async def check_policy(database: Database, site: Site, record: Record, asked: Record) -> None:
    """What it refers to anew must be there as it is meant, and readers must be able to come back to the defaults."""
    async with database.connection() as connection:
        themes = await themes_meant(connection, site.forum_did, refs_of(asked))
    for ref in refs_of(asked):
        if ref["uri"] not in themes:
            raise NotFound(f"There is no such theme: {ref['uri']}")
        if not holds(ref, themes[ref["uri"]]):
            raise Conflict("A theme is no longer the version it is to be pinned to; please look again.")
    available = {ref["uri"] for ref in record["availableThemes"]}
    if not {record["defaultLightTheme"]["uri"], record["defaultDarkTheme"]["uri"]} <= available:
        raise BadRequest("The default themes must be among the available ones.")


async def known_theme(database: Database, site: Site, rkey: str) -> Theme:
    async with database.connection() as connection:
        theme = await theme_at(connection, site.forum_did, rkey)
    if theme is None:
        raise NotFound(NO_THEME)
    return theme


async def own_theme(database: Database, site: Site, rkey: str) -> Theme:
    """One that can be changed."""
    theme = await known_theme(database, site, rkey)
    if theme.uri is None:
        raise Conflict("This theme is built in; change a copy of it.")
    return theme


async def for_everyone(body: JSON) -> Response:
    """An answer that caches may keep for a while; nothing at all for who has it."""
    response = answer(body)
    response.headers["Cache-Control"] = "public, max-age=300"
    await response.add_etag()
    return await response.make_conditional(request)


def theme_shape(theme: Theme) -> Shape:
    return {
        "uri": theme.uri,
        "cid": theme.cid,
        "rkey": theme.rkey,
        "name": theme.name,
        "colorScheme": theme.color_scheme,
        "tokens": dict(theme.tokens),
        "cssOverrides": theme.css_overrides,
        "fontUrls": list(theme.font_urls),
        "createdAt": None if theme.created_at is None else written(theme.created_at),
    }


def policy_shape(policy: Policy) -> Shape:
    return {
        "uri": policy.uri,
        "availableThemes": [choice_shape(choice) for choice in policy.available],
        "defaultLightTheme": choice_shape(policy.light),
        "defaultDarkTheme": choice_shape(policy.dark),
        "allowUserChoice": policy.allows_choice,
        "updatedAt": None if policy.updated_at is None else written(policy.updated_at),
    }


def choice_shape(choice: Choice) -> Shape:
    """A reference as PUT takes it, and what to call it; without a CID it is live."""
    theme = choice.theme
    shape: Shape = {"uri": theme.uri, "rkey": theme.rkey, "name": theme.name, "colorScheme": theme.color_scheme}
    return {**shape, "cid": theme.cid} if choice.is_pinned else shape
