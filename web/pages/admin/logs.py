"""What moderators did, and what all did who run the forum: page by page, of one kind or one person, and as a table."""

import csv
import io
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import msgspec
from quart import Quart, Response, request

from forum.audit import ACTS
from forum.database import Database
from forum.permissions import BAN_USERS, LOCK_TOPICS, MANAGE_FORUM, MODERATE_POSTS
from forum.reads.audit import ABOVE_IDS, audit_page
from forum.reads.modlog import ABOVE_KEYS, Action, mod_log
from forum.reads.subjects import subjects
from forum.records.names import MOD_ACTION
from web.answers import written
from web.pages.admin.panel import admitted, panel
from web.params import id_from
from web.site import Site

AT_ONCE: Final = 50
EXPORTED: Final = 10_000  # rows of one file; the next begins where it ends
KINDS: Final = ("ban", "mute", "lock", "pin", "delete")


def add_logs(app: Quart, database: Database, site: Site) -> None:
    """Hang the handlers into the app, each with what it needs."""
    for rule, handler in (
        ("/admin/log", show_log),
        ("/admin/log.csv", export_log),
        ("/admin/audit", show_audit),
        ("/admin/audit.csv", export_audit),
    ):
        app.add_url_rule(rule, endpoint=rule, view_func=partial(handler, database, site))


async def show_log(database: Database, site: Site) -> Response:
    kind, below = asked_kind(), asked_key()
    async with database.connection() as connection:
        desk = await admitted(connection, site, MODERATE_POSTS, BAN_USERS, LOCK_TOPICS)
        page = await mod_log(connection, limit=AT_ONCE, offset=0, below=below, pair=kind)
        posts = await subjects(connection, (action.subject for action in page.actions))
    return panel(
        site, "log.html", desk,
        actions=page.actions, posts=posts, words_of=word_of, kinds=KINDS, kind=kind, is_first=below == ABOVE_KEYS,
        below=page.actions[-1].rkey if page.more else None,
    )  # fmt: skip


async def show_audit(database: Database, site: Site) -> Response:
    below = id_from(request.args["below"]) if "below" in request.args else ABOVE_IDS
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_FORUM)
        page = await audit_page(connection, limit=AT_ONCE, offset=0, below=below)
        posts = await subjects(connection, (noted.entry.subject for noted in page.entries))
    return panel(
        site, "audit.html", desk,
        entries=page.entries, posts=posts, acts=ACTS, as_text=as_text, is_first=below == ABOVE_IDS,
        below=page.entries[-1].id if page.more else None,
    )  # fmt: skip


async def export_log(database: Database, site: Site) -> Response:
    kind, below = asked_kind(), asked_key()
    async with database.connection() as connection:
        await admitted(connection, site, MODERATE_POSTS, BAN_USERS, LOCK_TOPICS)
        page = await mod_log(connection, limit=EXPORTED, offset=0, below=below, pair=kind)
    names = ("key", "at", "action", "moderator", "moderator_handle", "subject", "subject_handle", "reason", "until")
    rows = (
        (
            one.rkey, written(one.created_at), one.action, one.moderator, one.moderator_handle, one.subject,
            one.subject_handle, one.reason, written(one.expires_at) if one.expires_at else None,
        )
        for one in page.actions
    )  # fmt: skip
    return table("moderation.csv", names, rows)


async def export_audit(database: Database, site: Site) -> Response:
    below = id_from(request.args["below"]) if "below" in request.args else ABOVE_IDS
    async with database.connection() as connection:
        await admitted(connection, site, MANAGE_FORUM)
        page = await audit_page(connection, limit=EXPORTED, offset=0, below=below)
    rows = (
        (
            one.id, written(one.at), one.entry.actor, one.handle, one.entry.act, one.entry.subject,
            as_text(one.entry.before), as_text(one.entry.after),
        )
        for one in page.entries
    )  # fmt: skip
    return table("audit.csv", ("id", "at", "actor", "actor_handle", "act", "subject", "before", "after"), rows)


def asked_kind() -> str | None:
    return next((kind for kind in KINDS if kind == request.args.get("kind")), None)


def asked_key() -> str:
    """Where the page begins: keys are compared and nothing else is done with them."""
    return request.args.get("below", ABOVE_KEYS).replace("\0", "")[:100]


def word_of(action: Action) -> str:
    """What the pages call it: records say delete where people say hide."""
    return action.action.removeprefix(f"{MOD_ACTION}.").replace("delete", "hide")


def as_text(state: object) -> str:
    return "" if state is None else msgspec.json.encode(state).decode()


def table(name: str, names: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file for spreadsheets, in which nothing that people wrote becomes a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([harmless(value) for value in row] for row in rows)
    response = Response(text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
