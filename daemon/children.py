"""Processes of ours: started so that they end with us in whatever way we end, waited for without a thread, stopped."""

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence

import trio

PR_SET_PDEATHSIG = 1  # prctl(2)


def ending_with_us(sign: signal.Signals) -> Callable[[], None]:
    """What a child does before `exec`: ask for that signal when its parent ends. Give it to Popen as `preexec_fn`.

    The parent that is watched is a thread. That of a worker would soon end, and the child with it: hence only from the
    main one.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a child that is to end with us must be started from the main thread")
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()  # looked up before the fork

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, sign)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return ask


async def wait_exit(process: subprocess.Popen[bytes]) -> int:
    """The exit status of the child, without a thread that waits."""
    if process.poll() is None:
        descriptor = os.pidfd_open(process.pid)
        try:
            await trio.lowlevel.wait_readable(descriptor)
        finally:
            os.close(descriptor)
    return process.wait()


async def stop(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Send one signal after the other, each with so many seconds to have its effect; SIGKILL is the last."""
    last: Sequence[tuple[signal.Signals, float]] = [(signal.SIGKILL, 5)]
    with trio.CancelScope(shield=True):
        for sign, seconds in (*steps, *last):
            if process.poll() is not None:
                return
            process.send_signal(sign)
            with trio.move_on_after(seconds):
                await wait_exit(process)
