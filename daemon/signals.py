"""SIGTERM and SIGINT: the first asks for an orderly end, the second ends the process at once."""

import os
import signal

import structlog
import trio

log = structlog.get_logger(__name__)


async def wait_for_stop(stop: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Set `stop` at the first signal; at the second leave without ceremony. Runs until it is cancelled."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            if stop.is_set():
                os._exit(128 + number)
            log.info("stopping", signal=signal.Signals(number).name)
            stop.set()
