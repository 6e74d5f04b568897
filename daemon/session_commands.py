"""The commands `atbb session create`, `list` and `end`: sessions without a browser, from the operator's shell.

They need the database alone: DATABASE_URL's, that of the daemon which is running, or one started for as long. The last
cannot be had in the directory of systemd's unit, which only the unit's own account may enter.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import click
import trio

from daemon.exits import or_exit
from daemon.forum_commands import did_value
from daemon.logs import configure_logs
from daemon.settings import Settings, load_settings
from forum import sessions
from forum.database import Connection


@click.group()
def session() -> None:
    """Who is signed in; and signing accounts in from this shell, for scripts."""


@session.command("create")
@click.option("--did", required=True, callback=did_value, help="The account, by its DID.")
@click.option("--days", type=click.IntRange(1, 365), help="How long it lasts unused. Default: SESSION_TTL_DAYS.")
@click.pass_obj
def create_session(config: Path | None, did: str, days: int | None) -> None:
    """Sign an account in, and print the value of its cookie `atbb_session`.

    Whoever has the value may do here what the account may do, so keep it to yourself; writing posts in its name is
    not among it, since that needs the account's own sign-in. An example:

    \b
    curl -X POST -b atbb_session=$(atbb session create --did did:plc:…) http://127.0.0.1:3000/api/admin/backfill
    """
    settings = quiet_settings(config)
    ttl = timedelta(days=days or settings.session_ttl_days)
    click.echo(or_exit(partial(trio.run, new_session, settings, did, ttl)))


@session.command("list")
@click.option("--did", required=True, callback=did_value, help="The account, by its DID.")
@click.pass_obj
def list_sessions(config: Path | None, did: str) -> None:
    """Show an account's sessions, the one used last first."""
    settings = quiet_settings(config)
    for found in or_exit(partial(trio.run, sessions_of, settings, did)):
        browser = "".join(filter(str.isprintable, found.user_agent or "made in a shell"))  # it says what it likes
        click.echo(f"{found.id}\tused {found.seen_at:%Y-%m-%d %H:%M}\t{browser}")


@session.command("end")
@click.option("--did", required=True, callback=did_value, help="The account, by its DID.")
@click.argument("session_id", metavar="[ID]", type=click.IntRange(1, 2**63 - 1), required=False)
@click.pass_obj
def end_session(config: Path | None, did: str, session_id: int | None) -> None:
    """End one of an account's sessions, or all of them.

    What the account's server gave for it is forgotten; to have it ended there too, people sign out themselves.
    """
    settings = quiet_settings(config)
    ended = or_exit(partial(trio.run, ended_sessions, settings, did, session_id))
    if not ended and session_id is not None:
        raise click.ClickException(f"The account has no session {session_id}.")
    click.echo(f"Sessions ended: {ended}")


async def new_session(settings: Settings, did: str, ttl: timedelta) -> str:
    async with sessions_table(settings) as tx:
        return await sessions.create(tx, did, ttl)


async def sessions_of(settings: Settings, did: str) -> tuple[sessions.Session, ...]:
    async with sessions_table(settings) as tx:
        return await sessions.sessions_of(tx, did)


async def ended_sessions(settings: Settings, did: str, session_id: int | None) -> int:
    """How many."""
    async with sessions_table(settings) as tx:
        chosen = [found.id for found in await sessions.sessions_of(tx, did) if session_id in (None, found.id)]
        for number in chosen:
            await sessions.end_by_id(tx, did, number)
        return len(chosen)


@asynccontextmanager
async def sessions_table(settings: Settings) -> AsyncIterator[Connection]:
    """A transaction on it, whether it was there before or not."""
    from daemon.reach import open_database
    from daemon.schema import apply_schema

    async with open_database(settings) as database:
        await apply_schema(database)
        async with database.transaction() as tx:
            yield tx


def quiet_settings(config: Path | None) -> Settings:
    """The settings, with the log set up for a command that prints."""
    settings = or_exit(partial(load_settings, config))
    configure_logs(settings.log_level)
    return settings
