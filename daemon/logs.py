"""Logging: structlog for everything, the standard library's loggers included.

One JSON object per line under systemd or into a file, readable lines on a terminal. The last step before rendering
masks what must never be written: values under telling names, and passwords inside URLs.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "••••"
SECRET_NAME = re.compile(r"passw|secret|token|cookie|authori[sz]ation|private_key|dpop|jwt|credential", re.IGNORECASE)
URL_PASSWORD = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s/@:]*:)[^\s/@]+(?=@)", re.IGNORECASE)
# Chatty below warning: one line per HTTP request, per frame, per asyncio debug note.
QUIET = ("asyncio", "httpx", "httpcore", "hypercorn", "trio-websocket", "markdown_it")


def configure_logs(level: str, *, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Set up both logging systems; `level` is a name such as info."""
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    finishing = renderers(stream, environ)
    number = logging.getLevelNamesMapping()[level.upper()]
    # Ours do not go by way of the other system: that doubles the price of a line, and there is one to each request.
    structlog.configure(
        processors=[*shared, *finishing],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove_meta, *finishing])
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def renderers(stream: TextIO, environ: Mapping[str, str]) -> list[Processor]:
    """The steps from an event to a line."""
    # Tracebacks become text first, so that they are masked as well.
    masked: list[Processor] = [structlog.processors.format_exc_info, mask_secrets]
    if is_for_people(stream, environ):
        return [*masked, structlog.dev.ConsoleRenderer()]
    return [*masked, structlog.processors.JSONRenderer(ensure_ascii=False)]


def is_for_people(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """A terminal, and not systemd's journal."""
    return stream.isatty() and not ({"JOURNAL_STREAM", "INVOCATION_ID"} & environ.keys())


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor that keeps secrets in."""
    masked: MutableMapping[str, Any] = masked_mapping(event)
    return masked


def masked_mapping(mapping: Mapping[str, Any]) -> dict[str, Any]:  # Any: events carry whatever was logged
    return {key: MASK if is_secret(str(key)) else masked_value(value) for key, value in mapping.items()}


@lru_cache(maxsize=500)
def is_secret(name: str) -> bool:
    """Whether what goes by that name must not be written."""
    return SECRET_NAME.search(name) is not None


def masked_value(value: Any) -> Any:
    """The value without URL passwords, also deep inside."""
    match value:
        case str():
            return mask_url_passwords(value)
        case Mapping():
            return masked_mapping(value)
        case list() | tuple() | set() | frozenset():
            return [masked_value(item) for item in value]
        case BaseException():
            return mask_url_passwords(repr(value))
    return value


def mask_url_passwords(text: str) -> str:
    """postgresql://user:••••@host/name"""
    return URL_PASSWORD.sub(rf"\g<before>{MASK}", text) if "@" in text else text
