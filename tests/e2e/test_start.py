"""A start that cannot work: status 78, which systemd does not retry, and one sentence that names the setting."""

import os
from pathlib import Path

import pytest
import trio

from demo.daemon import PROGRAM

pytestmark = pytest.mark.slow

FORUM = {"FORUM_DID": "did:plc:" + "a" * 24}


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "FORUM_DID"),
        ({**FORUM, "PORT": "none"}, "PORT"),
        ({**FORUM, "FIREHOSE_URL": "https://stream.example.org/subscribe"}, "FIREHOSE_URL"),
        ({**FORUM, "PDS_URL": "http://pds.example.org"}, "PDS_URL"),
        ({**FORUM, "ATBB_DATA_DIR": "/dev/null/data"}, "ATBB_DATA_DIR"),
    ],
)
async def test_wrong_setting(settings: dict[str, str], name: str, tmp_path: Path) -> None:
    """Nothing is started, and nothing else is said."""
    status, said = await serve({"ATBB_DATA_DIR": str(tmp_path), **settings}, tmp_path)
    assert status == 78
    (sentence,) = [line for line in said.splitlines() if not line.startswith("{")]
    assert sentence.startswith("atbb: ")
    assert sentence.endswith(".")
    assert name in sentence


async def test_wrong_database(postgres_dsn: str, tmp_path: Path) -> None:
    """A database that is not there is a wrong setting; a server that is away is not."""
    missing = postgres_dsn.replace("/postgres?", "/missing?")
    status, said = await serve({**FORUM, "DATABASE_URL": missing, "PORT": "0"}, tmp_path)
    assert status == 78
    assert "DATABASE_URL" in said.splitlines()[-1]


async def serve(settings: dict[str, str], directory: Path) -> tuple[int, str]:
    """Run `atbb serve` to its end; its status and what it said."""
    with trio.fail_after(60):
        done = await trio.run_process(
            [str(PROGRAM), "serve"],
            env={"PATH": os.environ["PATH"], **settings},
            cwd=directory,
            capture_stderr=True,
            check=False,
        )
    return done.returncode, done.stderr.decode()
