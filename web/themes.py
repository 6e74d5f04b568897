"""How the forum looks, by the API: the themes readers may have, and their making and choosing.

What is done, `web/theming.py` does. A theme is held to `forum.themes` when it is written, and again when it is read.
"""

from functools import partial

from quart import Quart, Response, request

from forum.database import Database
from forum.permissions import MANAGE_THEMES
from forum.presets import PRESETS
from forum.reads.themes import Choice, Policy, all_themes, policy_in_force
from forum.themes import Theme
from web.answers import JSON, answer, written
from web.bodies import asked_fields, asked_object
from web.forum_writing import answer_of
from web.shapes import Shape
from web.signed_in import require
from web.site import Site
from web.theming import FIELDS, POLICY_FIELDS, Workshop, add, change, duplicate, known_theme, remove, settle


def add_themes(app: Quart, shop: Workshop) -> None:
    """Hang the handlers into the app, each with what it needs."""
    database, site = shop.database, shop.site
    for method, rule, handler in (
        ("GET", "/api/themes", partial(list_themes, database, site)),
        ("GET", "/api/themes/<rkey>", partial(show_theme, shop)),
        ("GET", "/api/theme-policy", partial(show_policy, database, site)),
        ("GET", "/api/admin/themes", partial(list_all_themes, database, site)),
        ("POST", "/api/admin/themes", partial(add_theme, shop)),
        ("PUT", "/api/admin/themes/<rkey>", partial(change_theme, shop)),
        ("DELETE", "/api/admin/themes/<rkey>", partial(remove_theme, shop)),
        ("POST", "/api/admin/themes/<rkey>/duplicate", partial(duplicate_theme, shop)),
        ("PUT", "/api/admin/theme-policy", partial(set_policy, shop)),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=handler, methods=[method])


async def list_themes(database: Database, site: Site) -> Response:
    """Those that readers may choose from."""
    async with database.connection() as connection:
        policy = await policy_in_force(connection, site.forum_did)
    return await for_everyone({"themes": [theme_shape(choice.theme) for choice in policy.available]})


async def show_theme(shop: Workshop, rkey: str) -> Response:
    """Any one, offered or not."""
    return await for_everyone(theme_shape(await known_theme(shop, rkey)))


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


async def add_theme(shop: Workshop) -> Response:
    actor = await require(shop.database, shop.site, MANAGE_THEMES)
    return answer_of(await add(shop, actor, asked_fields(await asked_object(), *FIELDS)), status=201)


async def change_theme(shop: Workshop, rkey: str) -> Response:
    """What is not named stays."""
    actor = await require(shop.database, shop.site, MANAGE_THEMES)
    return answer_of(await change(shop, actor, rkey, asked_fields(await asked_object(), *FIELDS)))


async def remove_theme(shop: Workshop, rkey: str) -> Response:
    actor = await require(shop.database, shop.site, MANAGE_THEMES)
    await remove(shop, actor, rkey)
    return answer({"success": True})


async def duplicate_theme(shop: Workshop, rkey: str) -> Response:
    """A request's body is not read."""
    actor = await require(shop.database, shop.site, MANAGE_THEMES)
    return answer_of(await duplicate(shop, actor, rkey), status=201)


async def set_policy(shop: Workshop) -> Response:
    actor = await require(shop.database, shop.site, MANAGE_THEMES)
    return answer_of(await settle(shop, actor, asked_fields(await asked_object(), *POLICY_FIELDS)))


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
