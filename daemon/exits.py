"""How a command ends when something is in its way: one sentence, and an exit status that says whose affair it is."""

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from daemon.errors import EXIT_CONFIG, SettingsError
from forum.database import DatabaseAway
from forum.errors import Unavailable

T = TypeVar("T")

EXIT_UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h
EXIT_INTERRUPTED = 130  # as shells say it of Ctrl-C


def or_exit(action: Callable[[], T]) -> T:
    """Do it; when a setting is wrong or the world is away, say so in one sentence and leave."""
    try:
        return action()
    except* SettingsError as wrong:
        click.echo(f"atbb: {first_leaf(wrong)}", err=True)
        sys.exit(EXIT_CONFIG)
    except* DatabaseAway as away:
        click.echo(f"atbb: The database cannot be reached. {first_leaf(away)}", err=True)
        sys.exit(EXIT_UNAVAILABLE)
    except* Unavailable as away:
        click.echo(f"atbb: {first_leaf(away)}", err=True)
        sys.exit(EXIT_UNAVAILABLE)
    except* KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def first_leaf(error: BaseException) -> BaseException:
    """The error itself, out of the groups that nurseries make."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
