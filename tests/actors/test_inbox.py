"""The channel between firehose and applier: bounded in events and in bytes, and drained when closed."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors.inbox import Inbox, Outlet, open_inbox
from forum.protocol.events import IdentitySeen, StreamEvent


def event(number: int) -> IdentitySeen:
    return IdentitySeen(cursor=number, at=0, did="did:plc:ann")


def cursors(events: list[StreamEvent]) -> list[int | None]:
    return [None if not isinstance(event, IdentitySeen) else event.cursor for event in events]


async def send(outlet: Outlet, *sizes: int) -> None:
    for number, size in enumerate(sizes):
        await outlet.send(event(number), size)
    outlet.close()


async def take_all(inbox: Inbox, limit: int) -> list[list[int | None]]:
    batches = []
    while events := await inbox.receive_some(limit):
        batches.append(cursors(events))
    return batches


async def test_bound_in_events(nursery: trio.Nursery) -> None:
    """The sender waits until there is a place again."""
    outlet, inbox = open_inbox(max_events=3)
    nursery.start_soon(send, outlet, *[1] * 5)
    await wait_all_tasks_blocked()
    assert inbox.depth == 3
    with pytest.raises(trio.WouldBlock):
        outlet.send_nowait(event(9), 1)
    assert sum(await take_all(inbox, 100), []) == [0, 1, 2, 3, 4]  # noqa: RUF017 - five of them


async def test_bound_in_bytes(nursery: trio.Nursery) -> None:
    outlet, inbox = open_inbox(max_bytes=10)
    nursery.start_soon(send, outlet, 4, 4, 4, 4)
    await wait_all_tasks_blocked()
    assert inbox.depth == 2
    with pytest.raises(trio.WouldBlock):
        outlet.send_nowait(event(9), 3)
    assert cursors(await inbox.receive_some(1)) == [0]
    await wait_all_tasks_blocked()
    assert inbox.depth == 2
    assert sum(await take_all(inbox, 100), []) == [1, 2, 3]  # noqa: RUF017 - four of them


async def test_oversize_item_passes_alone(nursery: trio.Nursery) -> None:
    """It waits until all before it is taken, and what comes after it waits for it."""
    outlet, inbox = open_inbox(max_bytes=10)
    nursery.start_soon(send, outlet, 1, 99, 1)
    for number in range(3):
        await wait_all_tasks_blocked()
        assert inbox.depth == 1
        assert cursors(await inbox.receive_some(100)) == [number]


async def test_full_channel_keeps_no_bytes() -> None:
    """What found no place in the channel is not counted as under way."""
    outlet, inbox = open_inbox(max_events=1, max_bytes=10)
    outlet.send_nowait(event(0), 5)
    for _ in range(5):
        with pytest.raises(trio.WouldBlock):
            outlet.send_nowait(event(1), 5)
    assert cursors(inbox.receive_nowait(9)) == [0]
    outlet.send_nowait(event(1), 10)


async def test_close_drains() -> None:
    """All that was sent is received, at most so many at a time; then comes the end, again and again."""
    outlet, inbox = open_inbox()
    await send(outlet, *[1] * 5)
    assert await take_all(inbox, 2) == [[0, 1], [2, 3], [4]]
    assert await inbox.receive_some(2) == []
    assert inbox.receive_nowait(2) == []


async def test_gone_applier_is_noticed() -> None:
    """The firehose does not go on without anyone to take what it reads."""
    outlet, inbox = open_inbox()
    inbox.close()
    with pytest.raises(trio.BrokenResourceError):
        await outlet.send(event(0), 1)
