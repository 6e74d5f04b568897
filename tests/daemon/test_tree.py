"""The wiring page: what the whole program brings along, and what it leaves out."""

import subprocess
import sys

import pytest

from actors.server import listen, port_of
from daemon.tree import taken
from forum.errors import Unavailable

PROGRAM = """
import sys
import daemon.tree
print(*sorted(name for name in sys.modules if name.partition(".")[0] in {"atproto_client", "atproto"}))
"""


def test_asyncio_client_stays_out() -> None:
    """The SDK's client cannot sign in under Trio and costs 80 MB: what we ask servers goes through our own client."""
    loaded = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True).stdout
    assert loaded.split() == []


async def test_busy_port() -> None:
    """One sentence, and worth another try: who holds the port may be about to end."""
    async with await listen(0) as holder:
        port = port_of(holder)
        with pytest.raises(Unavailable, match=f"PORT {port} cannot be listened on: Address already in use"):
            await taken(port)
