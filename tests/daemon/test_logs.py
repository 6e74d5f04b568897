"""Logs: one form for machines, one for people, and no secrets in either."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from daemon.logs import MASK, configure_logs, is_for_people, mask_secrets, mask_url_passwords


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    """Both logging systems as they were."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_for_machines() -> None:
    """One object per line, with time, level and the event's own fields."""
    stream = io.StringIO()
    configure_logs("info", stream=stream, environ={})
    structlog.get_logger("x").info("op_dropped", did="did:plc:a", reason="too_long")
    [line] = lines_of(stream)
    assert (line["event"], line["level"], line["did"]) == ("op_dropped", "info", "did:plc:a")
    assert "timestamp" in line


def test_level() -> None:
    """Below the level nothing is written, from either system."""
    stream = io.StringIO()
    configure_logs("warning", stream=stream, environ={})
    structlog.get_logger("x").info("quiet")
    logging.getLogger("y").info("quiet")
    logging.getLogger("y").warning("loud")
    assert [line["event"] for line in lines_of(stream)] == ["loud"]


def test_readable_on_a_terminal() -> None:
    """But not under systemd, whose journal may look like one."""
    stream = Terminal()
    configure_logs("info", stream=stream, environ={})
    structlog.get_logger("x").info("stopping", signal="SIGTERM")
    assert "stopping" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    assert not is_for_people(stream, {"JOURNAL_STREAM": "8:1"})


def test_no_secret_in_a_traceback() -> None:
    """An exception may carry a URL with a password."""
    for stream in (io.StringIO(), Terminal()):
        configure_logs("info", stream=stream, environ={})
        try:
            raise ValueError("postgresql://me:hunter2@host/db is wrong")
        except ValueError:
            structlog.get_logger("x").exception("failed", form={"password": "hunter2"})
        assert "hunter2" not in stream.getvalue()
        assert "failed" in stream.getvalue()


@given(
    st.sampled_from(["password", "Cookie", "access_token", "Authorization", "session_secret", "client_secret"]),
    st.text("0123456789", min_size=20),
)
def test_telling_names_are_masked(name: str, value: str) -> None:
    """At any depth."""
    event = {"event": "x", name: value, "deep": [{"er": {name: value}}]}
    assert value not in repr(mask_secrets(None, "info", event))


@given(st.text("0123456789:%!$", min_size=20))
def test_passwords_in_urls_are_masked(password: str) -> None:
    """The rest of the URL stays readable."""
    masked = mask_url_passwords(f"connect to postgresql://me:{password}@host/db failed")
    assert masked == f"connect to postgresql://me:{MASK}@host/db failed"
