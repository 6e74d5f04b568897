"""Waiting for what must come to pass: ask again and again, up to a limit that only a failure meets."""

from collections.abc import Awaitable, Callable

import trio

LIMIT_SECONDS = 60
PAUSE_SECONDS = 0.005


async def until(happened: Callable[[], Awaitable[object]]) -> None:
    """Return when the answer is true. Real time only: under a mock clock nothing would happen between two questions."""
    with trio.fail_after(LIMIT_SECONDS):
        while not await happened():  # noqa: ASYNC110 - what happens is in other processes too
            await trio.sleep(PAUSE_SECONDS)
