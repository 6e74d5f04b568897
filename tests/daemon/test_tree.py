"""The wiring page: what the whole program brings along, and what it leaves out."""

import subprocess
import sys

PROGRAM = """
import sys
import daemon.tree
print(*sorted(name for name in sys.modules if name.partition(".")[0] in {"atproto_client", "atproto"}))
"""


def test_asyncio_client_stays_out() -> None:
    """The SDK's client cannot sign in under Trio and costs 80 MB: what we ask servers goes through our own client."""
    loaded = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True).stdout
    assert loaded.split() == []
