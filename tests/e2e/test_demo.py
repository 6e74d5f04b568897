"""`make demo` as a newcomer sees it: it says that all is equal, can be looked at, and leaves nothing behind."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import trio

from demo.daemon import PATIENCE_SECONDS

pytestmark = [pytest.mark.network, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


async def test_demo() -> None:
    """From the first line to Ctrl-C."""
    command = [sys.executable, "-m", "demo"]
    process = await trio.lowlevel.open_process(command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    try:
        with trio.fail_after(PATIENCE_SECONDS):
            said = await read_until(process, "Ctrl-C:\n\n", "/metrics\n")
        assert len(re.findall(r"^space\.atbb\..* equal$", said, re.MULTILINE)) == 11
        urls = re.findall(r"http://127\.0\.0\.1:\d+\S*$", said, re.MULTILINE)
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as http:
            for url in urls:
                assert (await http.get(url)).status_code == 200
            process.send_signal(signal.SIGINT)
            with trio.fail_after(PATIENCE_SECONDS):
                assert await process.wait() == 0
            for url in [*urls, *re.findall(r"http://localhost:\d+", said)]:
                with pytest.raises(httpx.ConnectError):
                    await http.get(url)
    finally:
        process.kill()
    (log_file,) = re.findall(r"its log is (\S+)", said)
    assert not Path(log_file).parent.exists()


async def read_until(process: trio.Process, *marks: str) -> str:
    """What it says up to the last of the marks."""
    assert process.stdout
    said = ""
    async for part in process.stdout:
        said += part.decode()
        if all(mark in said for mark in marks):
            break
    return said
