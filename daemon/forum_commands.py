"""The commands that write as the forum: `atbb init`, `atbb category add`, `atbb board add`, `atbb role grant`.

They write into the forum's repository at its PDS, beside a running daemon or without: it hears of it by the stream.
"""

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import click
import trio

from daemon.exits import or_exit
from daemon.logs import configure_logs
from daemon.setting_values import check_did
from daemon.settings import Settings, load_settings

Write = Callable[..., Awaitable[None]]


def did_value(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """The value, if it is a DID."""
    try:
        return check_did(value)
    except ValueError as error:
        raise click.BadParameter("It must be a DID such as did:plc:… or did:web:….") from error


@click.command()
@click.option("--name", help="What the forum is called.")
@click.option("--owner", help="Who may do everything: a handle or a DID.")
@click.option("--category", help="The first category.")
@click.option("--board", help="The first board, in that category.")
@click.option("--yes", is_flag=True, help="Ask nothing: for scripts.")
@click.pass_obj
def init(
    config: Path | None, name: str | None, owner: str | None, category: str | None, board: str | None, yes: bool
) -> None:
    """Found the forum: its record, its roles, an owner, a first category and board.

    Everything it needs is looked at first: the secret, the database, the account at its PDS. What is there already
    stays as it is, so it can be run again at any time, also after a failure half-way.
    """
    from daemon.founding import Wishes, found_forum

    settings = or_exit(partial(load_settings, config)) if yes else asked_settings(config)
    wishes = Wishes(name=name, owner=owner, category=category, board=board, asks=not yes)
    run(settings, partial(found_forum, settings, wishes))


@click.group()
def category() -> None:
    """Categories, under which boards stand."""


@category.command("add")
@click.argument("name")
@click.option("--description")
@click.option("--order", type=click.IntRange(0), help="Place among the others, lowest first.")
@click.pass_obj
def add_category(config: Path | None, name: str, description: str | None, order: int | None) -> None:
    """Make a category, and print its URI."""
    from daemon.founding import make_category

    fields = {"name": name, "description": description, "sortOrder": order}
    write_as_forum(config, partial(make_category, fields=fields))


@click.group()
def board() -> None:
    """Boards, on which topics stand."""


@board.command("add")
@click.argument("name")
@click.option("--category", required=True, help="The category's name, or its URI.")
@click.option("--description")
@click.option("--order", type=click.IntRange(0), help="Place among the others of the category, lowest first.")
@click.pass_obj
def add_board(config: Path | None, name: str, category: str, description: str | None, order: int | None) -> None:
    """Make a board, and print its URI."""
    from daemon.founding import make_board

    fields = {"name": name, "description": description, "sortOrder": order}
    write_as_forum(config, partial(make_board, category=category, fields=fields))


@click.group()
def role() -> None:
    """Who may do what."""


@role.command("grant")
@click.argument("did", callback=did_value)
@click.argument("role")
@click.pass_obj
def grant_role(config: Path | None, did: str, role: str) -> None:
    """Give an account a role, by the role's name or URI. The operator's shell knows no hierarchy."""
    from daemon.founding import grant

    write_as_forum(config, partial(grant, did=did, role=role))


def asked_settings(config: Path | None) -> Settings:
    """The settings; for the forum's account people are asked where nothing says it."""
    settings = or_exit(partial(load_settings, config))
    said = {}
    if settings.forum_did is None and settings.forum_handle is None:
        said["FORUM_HANDLE"] = click.prompt("Handle of the forum's own account").removeprefix("@")
    if settings.forum_password is None:
        said["FORUM_PASSWORD"] = click.prompt("Its app password", hide_input=True)
    return or_exit(partial(load_settings, config, environ={**os.environ, **said}))


def write_as_forum(config: Path | None, write: Write) -> None:
    """Sign the forum's account in and have it write."""
    from daemon.founding import with_account

    settings = or_exit(partial(load_settings, config))
    run(settings, partial(with_account, settings, write))


def run(settings: Settings, action: Callable[[], Awaitable[None]]) -> None:
    configure_logs(settings.log_level)
    or_exit(partial(trio.run, action))
