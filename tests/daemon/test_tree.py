"""The wiring page: what the whole program brings along and leaves out, and what a term of leadership leaves behind."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from actors.firehose import CONNECTED
from actors.health import Board
from actors.resolver import Resolver
from actors.server import listen, port_of
from actors.trends import Trends
from daemon.pool import Pool
from daemon.settings import load_settings
from daemon.tree import ALONE, LEADING, House, lead_once, taken
from forum.errors import Unavailable
from forum.protocol.sources import source_of
from forum.records.names import POST
from forum.records.syntax import tid_of
from tests.protocol.repo_builder import K256Signer, RepoBuilder
from tests.standins.streams import scripted_stream
from tests.support.forum import ANN, F, Index, topic
from tests.support.waiting import until
from web.door import CLOSED
from web.looks import Looks

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


def house_of(database: Pool, stream: str) -> House:
    """What a leader needs that has nothing to fetch from anybody: no port, and nobody to ask."""
    nobody: Any = None
    return House(
        settings=load_settings(environ={"ATBB_DATA_DIR": "/nowhere"}, directory=Path("/nowhere")),
        crew=ALONE,
        dsn="",
        forum_did=F,
        source=source_of(stream),
        listener=nobody,
        origin=None,
        door=CLOSED,
        database=database,
        resolver=cast(Resolver, nobody),
        login=None,
        account=nobody,
        board=Board(),
        trends=Trends(),
        stop=trio.Event(),
        looks=Looks(database, F),
    )


async def test_crash_of_the_pair_leaves_nobody_running(database: Pool) -> None:
    """The next term may be another process's: health must not go on telling of ours, nor the watchdog wait for it."""
    index, go = Index(database), trio.Event()
    now = time.time_ns() // 1_000
    commit = RepoBuilder(ANN, K256Signer()).commit(now, creates={f"{POST}/{tid_of(now, 0)}": {"$type": POST} | topic()})
    async with scripted_stream([go, commit.jetstream()[0]]) as server:
        house = house_of(database, f"{server.url}/subscribe")
        await index.do("INSERT INTO forum (uri, name) VALUES ('at://forum', 'Forum')")
        await index.do("INSERT INTO stream VALUES (true, $1, $2, now())", house.source.name, now)

        async def all_run() -> bool:
            said = {pulse.name: pulse for pulse in house.board if pulse.state == "running"}
            return {*LEADING} <= {*said} and said["firehose"].detail == CONNECTED

        async def spoil() -> None:
            await until(all_run)
            await index.do("ALTER TABLE ledger RENAME TO lost")
            go.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(spoil)
            with pytest.raises(ExceptionGroup):
                await lead_once(house)
        assert {pulse.state for pulse in house.board if pulse.name in LEADING} == {"stopped"}
