"""What changed is told when it is committed, to whoever listens, and never in more than PostgreSQL takes."""

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

from actors.health import Pulse
from actors.notifier import run_notifier
from daemon.pool import Pool
from forum.changes import Changes, dump, load, notify
from tests.support.forum import Index

ALL = Changes(all=True)
LISTENER = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
)

keys = st.frozensets(st.text(min_size=1, max_size=300), max_size=120)


@given(st.builds(Changes, keys, keys, st.booleans(), st.booleans()))
@example(Changes(frozenset(f"at://{n}" for n in range(101))))
@example(Changes(frozenset({"é" * 4_000})))
def test_payload(changes: Changes) -> None:
    """It fits, and says the same or "all"."""
    payload = dump(changes)
    assert len(payload.encode()) < 8_000
    assert load(payload) in (changes, ALL)


@pytest.mark.parametrize("payload", ["all", "", "[]", "null", '{"uris": [1]}', '{"uris": 1}', "\ufffd", "[" * 7_000])
def test_unreadable_payload(payload: str) -> None:
    assert load(payload) == ALL


@pytest.mark.slow
async def test_tells_after_commit(database: Pool, index: Index, pulse: Pulse) -> None:
    """Only then, in order; what was rolled back never; and after a lost connection, everything."""
    tell, told = trio.open_memory_channel[Changes](100)
    kept, lost = Changes(uris=frozenset({"at://kept"})), Changes(uris=frozenset({"at://lost"}))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_notifier, database, tell.send_nowait, pulse)
        assert await told.receive() == ALL
        async with database.connection() as connection:
            await connection.execute("BEGIN")
            await notify(connection, lost)
            await connection.execute("ROLLBACK")
        async with database.transaction() as tx:
            await notify(tx, kept)
            await index.one("SELECT pg_notify('atbb_changes', 'said meanwhile by another')")
            assert await told.receive() == ALL
        assert await told.receive() == kept
        await index.do(LISTENER)
        assert await told.receive() == ALL
        assert pulse.state == "running"
        nursery.cancel_scope.cancel()
