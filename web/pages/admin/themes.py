"""Themes: which there are, how each stands in the policy, and the policy itself; copies, files, and their end.

What is done, `web/theming.py` does, as by the API. A theme that is built in and chosen here is first copied into the
forum's repository: a policy can name only what is there. These pages are in the built-in colours, so that no theme can
keep anybody from mending it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import msgspec
from quart import Quart, Response, g, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Redirection

from forum.database import Connection
from forum.permissions import MANAGE_THEMES
from forum.presets import PRESETS
from forum.reads.themes import Policy, all_themes, policy_in_force, policy_record, policy_version
from forum.themes import Record, Scheme, Theme, holds, refs_of
from web.forum_writing import Changed
from web.looks import built_in
from web.pages.admin.panel import Desk, admitted, panel, told_of
from web.pages.refusals import FORESEEN, Refusal, refusal_of
from web.pages.showing import asked_words
from web.theming import (
    NO_THEME,
    Workshop,
    adopted,
    duplicate,
    fields_of,
    is_pinned,
    known_theme,
    own_theme,
    remove,
    settle,
)

PATH: Final = "/admin/themes"
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A policy as its form has it, by the themes' keys; `pinned` are keys with the version meant, `KEY CID`.

    `seen` is the version that is changed, by its CID; empty where there is none.
    """

    seen: str
    light: str
    dark: str
    offered: frozenset[str]
    pinned: frozenset[str]
    allows_choice: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """All themes, and what became of the policy's references to them."""

    own: Sequence[Theme]
    settled: Settled
    lost: frozenset[str]  # pinned to another version, by key
    is_broken: bool  # a default does not hold, so that a built-in one takes its place

    @property
    def choices(self) -> Sequence[Theme]:
        """What a policy can say; what is built in not beside a copy that is the same, unless it is what readers get."""
        copies, got = [fields_of(theme) for theme in self.own], (self.settled.light, self.settled.dark)
        return (*self.own, *(one for one in PRESETS.values() if one.rkey in got or fields_of(one) not in copies))


def add_theme_pages(app: Quart, shop: Workshop) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for method, rule, handler in (
        ("GET", PATH, show_themes),
        ("POST", f"{PATH}/policy", settle_policy),
        ("GET", f"{PATH}/<rkey>/export", export),
        ("POST", f"{PATH}/<rkey>/duplicate", duplicate_one),
        ("GET", f"{PATH}/<rkey>/delete", ask_to_delete),
        ("POST", f"{PATH}/<rkey>/delete", delete),
    ):
        app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=partial(handler, shop), methods=[method])


async def at_work(shop: Workshop) -> Desk:
    """Who asks, if they may; from here on the page is in the built-in colours, whoever asks."""
    g.offer = built_in()
    async with shop.database.connection() as connection:
        return await admitted(connection, shop.site, MANAGE_THEMES)


async def show_themes(shop: Workshop) -> Response:
    return await themes_page(shop, await at_work(shop))


async def settle_policy(shop: Workshop) -> Response | Redirection:
    desk, settled = await at_work(shop), settled_from(await request.form)
    try:
        await settle(shop, desk.viewer.did, await policy_of(shop, desk.viewer.did, settled), seen=settled.seen)
    except Changed as error:
        refusal = replace(await told_of(error), said=asked_words()("admin.themes.policy_changed"))
        return await themes_page(shop, desk, refusal=refusal, settled=settled, is_changed=True)
    except FORESEEN as error:
        return await themes_page(shop, desk, refusal=await refusal_of(error), settled=settled)
    return redirect(f"{PATH}?saved#policy", code=303)


async def duplicate_one(shop: Workshop, rkey: str) -> Response | Redirection:
    """And go on to change it."""
    desk = await at_work(shop)
    try:
        write = await duplicate(shop, desk.viewer.did, rkey)
    except FORESEEN as error:
        return await themes_page(shop, desk, refusal=await refusal_of(error))
    return redirect(f"{PATH}/{write.rkey}", code=303)


async def export(shop: Workshop, rkey: str) -> Response:
    """As the API takes it, and the import here."""
    await at_work(shop)
    theme = await known_theme(shop, rkey)
    fields = {name: value for name, value in fields_of(theme).items() if value is not None}
    response = Response(msgspec.json.format(msgspec.json.encode(fields), indent=2), content_type="application/json")
    name = re.sub(r"[^a-z0-9]+", "-", theme.name.lower()).strip("-")[:60] or rkey
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


async def ask_to_delete(shop: Workshop, rkey: str) -> Response:
    desk = await at_work(shop)
    return await delete_page(shop, desk, await own_theme(shop, rkey))


async def delete(shop: Workshop, rkey: str) -> Response | Redirection:
    desk = await at_work(shop)
    theme = await own_theme(shop, rkey)
    try:
        await remove(shop, desk.viewer.did, rkey)
    except FORESEEN as error:
        return await delete_page(shop, desk, theme, refusal=await refusal_of(error))
    return redirect(PATH, code=303)


async def delete_page(shop: Workshop, desk: Desk, theme: Theme, *, refusal: Refusal | None = None) -> Response:
    async with shop.database.connection() as connection:
        settled = (await shelf_of(connection, shop.site.forum_did)).settled
    return panel(
        shop.site, "theme_delete.html", desk, refusal=refusal,
        theme=theme, is_default=theme.rkey in (settled.light, settled.dark), is_offered=theme.rkey in settled.offered,
    )  # fmt: skip


async def themes_page(
    shop: Workshop,
    desk: Desk,
    *,
    refusal: Refusal | None = None,
    settled: Settled | None = None,
    is_changed: bool = False,
) -> Response:
    """With what was asked for of the policy, if that was refused; else with what is.

    If there is another one by now, who sends it once more means it.
    """
    async with shop.database.connection() as connection:
        shelf = await shelf_of(connection, shop.site.forum_did)
    policy = settled or shelf.settled
    if is_changed:
        policy = replace(policy, seen=shelf.settled.seen)
    return panel(
        shop.site, "themes.html", desk, refusal=refusal,
        shelf=shelf, policy=policy, presets=list(PRESETS.values()), schemes=SCHEMES,
        is_saved="saved" in request.args,
    )  # fmt: skip


async def shelf_of(connection: Connection, forum_did: str) -> Shelf:
    own = await all_themes(connection, forum_did)
    record, policy = await policy_record(connection, forum_did), await policy_in_force(connection, forum_did)
    seen = await policy_version(connection, forum_did)
    refs = refs_of(record or {})
    lost = (theme.rkey for theme in own for ref in refs if ref["uri"] == theme.uri and not holds(ref, theme))
    return Shelf(
        own=own,
        settled=settled_now(seen, record, policy, own),
        lost=frozenset(lost),
        is_broken=record is not None and None in (policy.light.theme.uri, policy.dark.theme.uri),
    )


def settled_now(seen: str, record: Record | None, policy: Policy, own: Sequence[Theme]) -> Settled:
    return Settled(
        seen=seen,
        light=policy.light.theme.rkey,
        dark=policy.dark.theme.rkey,
        offered=frozenset(choice.theme.rkey for choice in policy.available),
        pinned=frozenset(f"{theme.rkey} {theme.cid}" for theme in own if is_pinned(record, theme)),
        allows_choice=policy.allows_choice,
    )


def settled_from(form: MultiDict[str, str]) -> Settled:
    return Settled(
        seen=form.get("seen", ""),
        light=form.get("light", ""),
        dark=form.get("dark", ""),
        offered=frozenset(form.getlist("offered")),
        pinned=frozenset(form.getlist("pinned")),
        allows_choice="choice" in form,
    )


async def policy_of(shop: Workshop, actor: str, settled: Settled) -> dict[str, object]:
    """What is asked for, as a record says it. The defaults are offered, too: readers must be able to come back."""
    async with shop.database.connection() as connection:
        own = await all_themes(connection, shop.site.forum_did)
        if settled.seen != await policy_version(connection, shop.site.forum_did):
            raise Changed  # before anything is copied
    asked = settled.offered | {settled.light, settled.dark}
    keys = [theme.rkey for theme in (*own, *PRESETS.values()) if theme.rkey in asked]
    if not {settled.light, settled.dark} <= set(keys):
        raise NotFound(NO_THEME)
    pins = {pin.partition(" ")[0]: {"cid": pin.partition(" ")[2]} for pin in settled.pinned}
    refs = {rkey: {"uri": await adopted(shop, actor, rkey), **pins.get(rkey, {})} for rkey in keys}
    return {
        "availableThemes": list({ref["uri"]: ref for ref in refs.values()}.values()),
        "defaultLightTheme": refs[settled.light],
        "defaultDarkTheme": refs[settled.dark],
        "allowUserChoice": settled.allows_choice,
    }
