"""How the forum looks, in memory: the theme policy in force, and its themes as style sheets.

Every page asks for it, the database is asked only after a change, of which `daemon/tree.py` tells, whichever process
made it. A sheet's address is named by its content, so browsers keep it for ever; what it says, `forum/themes.py` makes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import trio
from quart import g

from forum.changes import Changes
from forum.database import Database, DatabaseAway
from forum.presets import DEFAULTS
from forum.reads.themes import BUILT_IN, Policy, policy_in_force
from forum.themes import Scheme, Theme, css_of
from web.files import File, file_of

PATIENCE_SECONDS: Final = 2.0  # a page that has to wait for the database anyway should not have to twice


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """A policy, and what readers choose from for light and for dark, the default first; sheets are made when needed."""

    policy: Policy
    choices: Mapping[Scheme, Sequence[Theme]]
    themes: Mapping[str, Theme]
    sheets: dict[str, File] = field(default_factory=dict)

    def sheet(self, rkey: str) -> File:
        """Of one of `themes`."""
        if rkey not in self.sheets:
            self.sheets[rkey] = sheet_of(self.themes[rkey])
        return self.sheets[rkey]


@dataclass(slots=True, eq=False)
class Looks:
    """What pages of this process look like. Whoever has it remember tells it of changes.

    `last` is what was in force when the database last said so.
    """

    database: Database
    forum_did: str
    remembers: bool = True
    known: Offer | None = None
    last: Offer | None = None
    version: int = 0

    async def now(self) -> Offer | None:
        """The policy in force; None if that is not known and cannot be asked for soon."""
        if self.known is not None:
            return self.known
        version = self.version
        with trio.move_on_after(PATIENCE_SECONDS), suppress(DatabaseAway):
            async with self.database.connection() as connection:
                self.last = offer_of(await policy_in_force(connection, self.forum_did))
            if self.remembers and version == self.version:  # else it is old already
                self.known = self.last
            return self.last
        return None

    def drop(self, changes: Changes) -> None:
        """What changes themes or the policy changes everything (`forum/index.py`)."""
        if changes.all:
            self.forget()

    def forget(self) -> None:
        self.known, self.version = None, self.version + 1


def offer_of(policy: Policy) -> Offer:
    choices: dict[Scheme, Sequence[Theme]] = {
        "light": tuple(_choices(policy, "light")),
        "dark": tuple(_choices(policy, "dark")),
    }
    return Offer(policy, choices, {theme.rkey: theme for themes in choices.values() for theme in themes})


@cache
def built_in() -> Offer:
    """What is there without any database."""
    return offer_of(BUILT_IN)


def asked_offer() -> Offer:
    """That of this request's page, as `web/pages/dressing.py` found it."""
    offer: Offer = g.get("offer") or built_in()
    return offer


def sheet_of(theme: Theme) -> File:
    """What the theme says, over the colours built in."""
    css = css_of(theme, beneath=DEFAULTS[theme.color_scheme].tokens)
    return file_of(css.encode(), "text/css; charset=utf-8", before=f"/theme/{theme.rkey}", after=".css")


def _choices(policy: Policy, scheme: Scheme) -> Iterator[Theme]:
    default = (policy.light if scheme == "light" else policy.dark).theme
    yield default
    if policy.allows_choice:
        offered = (choice.theme for choice in policy.available)
        yield from (theme for theme in offered if theme.color_scheme == scheme and theme.rkey != default.rkey)
