"""The channel between firehose and applier: a Trio memory channel, bounded in events and in bytes.

When the applier falls behind, the firehose waits here; then the socket fills, and the server feels it through TCP.
"""

from contextlib import suppress
from dataclasses import dataclass

import trio

from forum.protocol.events import StreamEvent

MAX_EVENTS = 1_000  # two batches: one being written, one waiting
MAX_BYTES = 16_000_000  # a full batch of the largest records would otherwise be 256 MB


class Budget:
    """Bytes that may be in flight. One item may exceed it, alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._waiting = trio.lowlevel.ParkingLot()

    def take_nowait(self, size: int) -> None:
        """Raises `trio.WouldBlock` while there is no room."""
        if self._used and self._used + size > self._limit:
            raise trio.WouldBlock
        self._used += size

    async def take(self, size: int) -> None:
        while True:
            try:
                return self.take_nowait(size)
            except trio.WouldBlock:
                await self._waiting.park()

    def give(self, size: int) -> None:
        self._used -= size
        self._waiting.unpark_all()


@dataclass(frozen=True, slots=True)
class Outlet:
    """The firehose's end."""

    _channel: trio.MemorySendChannel[tuple[StreamEvent, int]]
    _budget: Budget

    def send_nowait(self, event: StreamEvent, size: int) -> None:
        """Raises `trio.WouldBlock` when the applier is behind."""
        self._budget.take_nowait(size)
        try:
            self._channel.send_nowait((event, size))
        except trio.WouldBlock:
            self._budget.give(size)
            raise

    async def send(self, event: StreamEvent, size: int) -> None:
        await self._budget.take(size)
        await self._channel.send((event, size))

    def close(self) -> None:
        self._channel.close()


@dataclass(frozen=True, slots=True)
class Inbox:
    """The applier's end."""

    _channel: trio.MemoryReceiveChannel[tuple[StreamEvent, int]]
    _budget: Budget

    async def receive_some(self, limit: int) -> list[StreamEvent]:
        """What waits, at most `limit` and at least one; an empty list when the firehose has closed and all is read."""
        try:
            event, size = await self._channel.receive()
        except trio.EndOfChannel:
            return []
        self._budget.give(size)
        return [event, *self.receive_nowait(limit - 1)]

    def receive_nowait(self, limit: int) -> list[StreamEvent]:
        """What waits, at most `limit`; an empty list when that is nothing."""
        taken: list[StreamEvent] = []
        freed = 0
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while len(taken) < limit:
                event, size = self._channel.receive_nowait()
                taken.append(event)
                freed += size
        self._budget.give(freed)
        return taken

    @property
    def depth(self) -> int:
        return self._channel.statistics().current_buffer_used

    def close(self) -> None:
        self._channel.close()


def open_inbox(*, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> tuple[Outlet, Inbox]:
    """A fresh pair of ends; both are made anew when the pair of actors restarts."""
    send, receive = trio.open_memory_channel[tuple[StreamEvent, int]](max_events)
    budget = Budget(max_bytes)
    return Outlet(send, budget), Inbox(receive, budget)
