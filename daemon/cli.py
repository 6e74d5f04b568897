"""The command line: `atbb serve`, `backfill`, `config`, `schema`; more are in forum_commands.py, session_commands.py.

It reads the settings and calls one function; what goes wrong with a setting is one sentence and exit status 78.
"""

import gc
import sys
from functools import partial
from pathlib import Path
from typing import get_args

import click
import trio

from daemon.exits import or_exit
from daemon.forum_commands import board, category, init, role
from daemon.logs import configure_logs
from daemon.session_commands import session
from daemon.settings import Settings, check_serving, load_settings, shown
from forum import jobs


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="atbb", message="atbb %(version)s")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML file, or one of NAME=value lines. Default: $ATBB_CONFIG, else ./atbb.toml, else ./.env.",
)
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """A forum on the AT Protocol: members keep their posts, the forum keeps the order.

    Settings come from environment variables, from one file, and from systemd credentials, in this order.
    `atbb config` shows which are in force.
    """
    context.obj = config


@main.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="So many processes share the work of serving; one of them follows the network.",
)
@click.option("--fd", type=click.IntRange(3), hidden=True, help="Listen on this socket, which is open already.")
@click.option("--number", type=click.IntRange(1), default=1, hidden=True, help="Which of several processes this is.")
@click.pass_obj
def serve(config: Path | None, processes: int, fd: int | None, number: int) -> None:
    """Run the forum until SIGTERM or Ctrl-C; a second one ends it at once.

    It listens on 127.0.0.1, on PORT. Needed: FORUM_DID. Without DATABASE_URL a PostgreSQL of its own is kept in
    the data directory.
    """
    from daemon.tree import Crew, run_daemon  # imports the whole program, which the other commands do not need

    settings = or_exit(partial(load_settings, config))
    or_exit(partial(check_serving, settings))
    configure_logs(settings.log_level)
    spare_the_program()
    crew = Crew(processes=processes, number=number, fd=fd, config=config)
    or_exit(partial(trio.run, run_daemon, settings, crew))


def spare_the_program() -> None:
    """Have the garbage collector pass over what is imported by now, which stays, and look at the rest less often.

    That takes a tenth off what a kept page costs; requests leave little that only the collector finds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@main.command()
@click.option(
    "--force",
    type=click.Choice(get_args(jobs.Type)),
    help="Do it without asking whether it is needed: catch_up for the repositories that moved, full_sync for all.",
)
@click.option("--follow", is_flag=True, help="Show how far it is until it has ended. Ctrl-C ends only the showing.")
@click.pass_obj
def backfill(config: Path | None, force: str | None, follow: bool) -> None:
    """Have the running daemon fetch from members' repositories what the stream did not bring.

    Without --force only if something is known to be missing. One backfill runs at a time; with --follow the one
    that is running already is shown. Exit status with --follow: 0 when it completed, 1 when it failed or was
    cancelled, 130 after Ctrl-C.
    """
    from daemon.backfill_command import run_backfill

    settings = or_exit(partial(load_settings, config))
    configure_logs(settings.log_level)
    sys.exit(or_exit(partial(trio.run, partial(run_backfill, settings, force=force, follow=follow))))


@main.command()
@click.option("--once", is_flag=True, help="Print it once. So it is, too, where the output is no terminal.")
@click.pass_obj
def top(config: Path | None, once: bool) -> None:
    """Watch the actors of the running daemon: what each does, how busy it was, and what is in its way.

    The same as the forum's page /admin/actors, for who has a shell on the machine. Ctrl-C ends the watching.
    """
    from daemon.top_command import run_top

    settings = or_exit(partial(load_settings, config))
    configure_logs(settings.log_level)
    or_exit(partial(trio.run, partial(run_top, settings, once=once)))


@main.command("config")
@click.pass_obj
def show_config(config: Path | None) -> None:
    """Show every setting: its name, the value in force and where that came from. Secrets are masked."""
    settings = or_exit(partial(load_settings, config))
    for line in config_lines(settings):
        click.echo(line)


@main.command()
@click.option("--apply", "applying", is_flag=True, help="Create or upgrade the schema in the database instead.")
@click.pass_obj
def schema(config: Path | None, applying: bool) -> None:
    """Print the database schema, as SQL.

    With --apply bring the database to it: DATABASE_URL's, or the one in the data directory. `atbb serve` does the
    same when it starts, so this is for those who want to see it done.
    """
    from daemon.schema import schema_text

    if not applying:
        click.echo(schema_text(), nl=False)
        return
    settings = or_exit(partial(load_settings, config))
    configure_logs(settings.log_level)
    click.echo(or_exit(partial(trio.run, apply_to_database, settings)))


async def apply_to_database(settings: Settings) -> str:
    """Open whatever database is configured, for one transaction."""
    from daemon.pool import SLOW_LIMITS
    from daemon.reach import open_database
    from daemon.schema import apply_schema

    async with open_database(settings, limits=SLOW_LIMITS) as database:
        return await apply_schema(database)


def config_lines(settings: Settings) -> list[str]:
    """A table of name, value, origin."""
    rows = [("NAME", "VALUE", "ORIGIN")]
    for name in Settings.model_fields:
        value = getattr(settings, name)
        text = "–" if value in (None, (), "") else shown(name, value)
        rows.append((name.upper(), text, settings.origins.get(name, "default")))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}" for name, value, origin in rows]


for command in (init, category, board, role, session):
    main.add_command(command)

if __name__ == "__main__":
    main()
