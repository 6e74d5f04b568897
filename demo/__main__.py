"""`make demo`: a network, a daemon with a PostgreSQL of its own, a lively forum; then a comparison, then it stays.

Nothing is kept: data lives in a temporary directory, and Ctrl-C ends every process.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import trio

from actors.health import Pulse
from daemon.pool import open_pool
from demo.community import write_community
from demo.comparison import Comparison, compare
from demo.daemon import Daemon, running_daemon, settings_for
from demo.network import Network, running_network
from demo.xrpc import Account, Pds, client_of

BEGAN = time.monotonic()


def main() -> None:
    """Begin and end everything."""
    status = 0
    with suppress(KeyboardInterrupt), TemporaryDirectory(prefix="atbb-demo-") as made:
        data_dir = Path(made)
        data_dir.chmod(0o711)  # as root, PostgreSQL runs under another account, which must get through
        say("Starting a network: a PLC directory and a personal data server")
        with running_network() as network:
            say(f"PLC {network.plc}, PDS {network.pds.url}")
            status = trio.run(until_signal, network, data_dir)
    print("Everything is ended.")
    sys.exit(status)


async def until_signal(network: Network, data_dir: Path) -> int:
    """Show it until Ctrl-C or SIGTERM, and give the exit status."""
    async with trio.open_nursery() as nursery:
        await nursery.start(end_at_signal, nursery.cancel_scope)
        await show(network, data_dir)
        nursery.cancel_scope.cancel()  # only what went wrong ends by itself
        return 1
    return 0


async def end_at_signal(scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        task_status.started()
        await anext(signals)
        print("\nEnding …", flush=True)
        scope.cancel()


async def show(network: Network, data_dir: Path) -> None:
    """The demonstration, which then stays; it returns if the index is not equal."""
    log_file = data_dir / "daemon.log"
    with log_file.open("w") as log:
        async with client_of(network.pds) as pds:
            forum = await pds.account("longbench", unique=False)  # "forum" is a reserved name
            settings = settings_for(
                network, forum.did, data_dir, FORUM_PASSWORD=forum.password, PORT=os.environ.get("PORT", "0")
            )
            async with running_daemon(settings, log=log) as daemon:
                say(f"The daemon listens at {daemon.url}; its log is {log_file}")
                members = await write_community(pds, forum, say)
                say("Is all of it in the index?")
                found = await compared(pds, forum.did, data_dir)
                print(f"\n{found.table()}\n\n{accounts(members)}\n{await places(daemon)}", flush=True)
                if found.equal:
                    await trio.sleep_forever()
                print("The index differs from the repositories.")


async def compared(pds: Pds, forum_did: str, data_dir: Path) -> Comparison:
    """The repositories, and the daemon's own PostgreSQL, which listens on a socket in the data directory."""
    dsn = f"postgresql://atbb@/postgres?host={quote(str(data_dir / 'postgres'), safe='')}"
    async with open_pool(dsn, size=1, pulse=Pulse("demo")) as index:
        return await compare(pds, index, forum_did)


def accounts(members: Mapping[str, Account]) -> str:
    """Who one can be here. The passwords are typed at their own server, and end with it."""
    rows = [f"  {role:<10}  {one.handle:<24}  {one.password}" for role, one in members.items()]
    return "\n".join(["Sign in as one of these; the password is for the page of their own server:", "", *rows, ""])


async def places(daemon: Daemon) -> str:
    """Where to look now."""
    boards = (await daemon.get("/api/boards"))["boards"]
    board = f"/api/boards/{boards[0]['id']}/topics"
    topics = (await daemon.get(board))["topics"]
    busiest = max(topics, key=lambda topic: topic["replyCount"])
    paths = {
        "the forum": "/",
        "to sign in": "/sign-in",
        "the forum, in JSON": "/api/forum",
        f"topics in {boards[0]['name']}": board,
        busiest["title"]: f"/api/topics/{busiest['id']}",
        "health": "/api/health",
        "metrics": "/metrics",
    }
    width = max(map(len, paths))
    lines = [f"  {name:<{width}}  {daemon.url}{path}" for name, path in paths.items()]
    return "\n".join(["Look around; it goes on until you press Ctrl-C:", "", *lines, ""])


def say(what: str) -> None:
    """Progress, with the seconds since the beginning."""
    print(f"{time.monotonic() - BEGAN:6.1f} s  {what}", flush=True)


if __name__ == "__main__":
    main()
