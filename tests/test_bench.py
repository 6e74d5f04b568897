"""The measurements run to their end and print their ratios. What the numbers are is not a matter for tests."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow

EXPECTED = {
    "ingest": ["ingest ÷ one transaction an event", "bare COPY ÷ ingest"],
    "flood": ["flood dropped ÷ library alone"],
    "latency": ["stream to API ÷ the request alone"],
    "moderating": ["ban to readers", "end of the ban to all counts", "member list, page, 99th percentile"],
    "pages": ["hello ÷ topic page, kept", "its last page, made"],
    "sign_in": ["signing in ÷ the OAuth client alone"],
    "writing": ["by the API ÷ the server's own, 99th percentile"],
    "memory": ["at the end ÷ after a tenth", "taken from the stream while the database is held up"],
    "prompt": ["a full_sync is cancelled", "the page tells of a crashed actor", "SIGTERM to the end, under load"],
    "start": ["start to ready ÷ importing the program"],
    "backfill": ["full_sync of an empty index ÷ bare client", "full_sync of what is in sync ÷ bare client"],
}
TINY = {
    "ingest": 400,
    "flood": 2_000,
    "latency": 5,
    "moderating": 200,
    "pages": 40,
    "sign_in": 1,
    "writing": 3,
    "memory": 2_000,
    "prompt": 12,
    "start": 0,
    "backfill": 3,
}
MARKED = dict.fromkeys(("backfill", "prompt", "sign_in", "writing"), pytest.mark.network)


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKED.get(name, ())) for name in EXPECTED])
def test_measurement(name: str) -> None:
    """One small round: exit status 0, and a row with a number for each ratio."""
    command = [sys.executable, "-m", f"bench.{name}", "--quick", "--rounds", "1", "--events", str(TINY[name])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    rows = dict(line.strip("| ").split(" | ")[:2] for line in done.stdout.splitlines() if line.startswith("| "))
    for ratio in EXPECTED[name]:
        assert float(rows[ratio].split()[0]) > 0
