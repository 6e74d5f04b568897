"""The least an app can answer, on the daemon's own server: what a page from memory is compared with.

`python -m bench.hello` prints its address and serves until its stdin ends.
"""

import sys
from functools import partial
from typing import Any

import trio

from actors.health import Pulse
from actors.server import listen, port_of, run_server

BODY = b"hello"
HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))]


async def hello(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY, "more_body": False})


async def serve() -> None:
    stop = trio.Event()
    async with await listen(0) as listener, trio.open_nursery() as nursery:
        await nursery.start(partial(run_server, hello, listener, stop=stop, pulse=Pulse("server"), grace_seconds=1))
        print(f"http://127.0.0.1:{port_of(listener)}/", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        stop.set()


if __name__ == "__main__":
    trio.run(serve)
