"""Lighthouse: what the auditor of that name says of the front page, a board and a topic, by phone and by desktop.

The forum is the one of `make demo`, on the real network. Lighthouse is the stock one of npm with Debian's Chromium; in
each round it looks at each page in both forms. Its phone is a slow one on a slow line, which it simulates. All that is
short of full marks is told beside the table, also what does not count.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from actors.health import Pulse
from bench.measure import Plan, Row, main, report
from bench.subject import data_directory, dsn_of
from daemon.pool import open_pool
from demo.community import write_community
from demo.comparison import compare
from demo.daemon import Daemon, running_daemon, settings_for
from demo.network import node, running_network
from demo.xrpc import client_of
from forum.reads.accounts import Author
from web.pages.links import board_path, topic_path

FULL, QUICK = Plan(events=0, rounds=3), Plan(events=0, rounds=1)
PROGRAM: Final = Path(__file__).with_name("npm") / "node_modules" / "lighthouse" / "cli" / "index.js"
FORMS: Final = {"phone": (), "desktop": ("--preset=desktop",)}
CATEGORIES: Final = ("performance", "accessibility", "best-practices", "seo")
TRIES, PATIENCE_SECONDS = 3, 180

Told = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of one look at one page."""

    told: Told

    @property
    def scores(self) -> dict[str, float]:
        """Of 100 each."""
        return {found["title"].lower(): found["score"] * 100 for found in self.told["categories"].values()}

    @property
    def kilobytes(self) -> float:
        """As they came, packed, headers and all."""
        return float(self.told["audits"]["total-byte-weight"]["numericValue"]) / 1000

    @property
    def shift(self) -> float:
        return float(self.told["audits"]["cumulative-layout-shift"]["numericValue"])

    def faults(self) -> Iterator[str]:
        """All that is short of full marks, whether it counts or not."""
        for category in self.told["categories"].values():
            for ref in category["auditRefs"]:
                found = self.told["audits"][ref["id"]]
                if found["score"] is not None and found["score"] < 1:
                    weight, said = ref["weight"], found.get("displayValue", "")
                    yield f"{category['title']}: {ref['id']} {found['score']} (weight {weight}) {said}"


def is_installed() -> bool:
    """`make lighthouse` does it."""
    return PROGRAM.exists()


def audit(url: str, form: str) -> Audit:
    """Blocking. A busy browser may miss the beginning of its own trace, and has then to begin again."""
    chromium = shutil.which("chromium")
    if chromium is None or not is_installed():
        raise RuntimeError("Chromium or Lighthouse is not installed: run `make lighthouse`.")
    flags = "--chrome-flags=--headless=new --no-sandbox"  # which root cannot have; nothing but the forum is visited
    asked = ["--output=json", "--quiet", f"--only-categories={','.join(CATEGORIES)}", flags, *FORMS[form]]
    command = [str(node()), str(PROGRAM), url, *asked]
    environment = {**os.environ, "CHROME_PATH": chromium}
    for _ in range(TRIES):
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        if done.returncode == 0:
            return Audit(json.loads(done.stdout))
    raise RuntimeError(f"Lighthouse failed: {done.stderr[-2000:]}")


async def pages_of(daemon: Daemon) -> dict[str, str]:
    """The front page, the board with most topics, and of its topics the one with most replies."""
    boards = (await daemon.get("/api/boards"))["boards"]
    board = max(boards, key=lambda found: found["topicCount"])
    topics = (await daemon.get(f"/api/boards/{board['id']}/topics"))["topics"]
    topic = max(topics, key=lambda found: found["replyCount"])
    author = Author(did=topic["did"], handle=topic["author"]["handle"])
    return {"home": "/", "board": board_path(board["uri"], board["slug"]), "topic": topic_path(author, topic["uri"])}


async def measure(plan: Plan) -> list[Row]:
    found: dict[str, list[Audit]] = {}
    with running_network() as network, data_directory() as data_dir, (data_dir / "daemon.log").open("w") as log:
        async with client_of(network.pds) as pds:
            forum = await pds.account("longbench", unique=False)
            async with running_daemon(settings_for(network, forum.did, data_dir), log=log) as daemon:
                await write_community(pds, forum, report)
                async with open_pool(dsn_of(data_dir / "postgres"), size=1, pulse=Pulse("bench")) as index:
                    assert (await compare(pds, index, forum.did)).equal
                for _ in range(plan.rounds):
                    for page, path in (await pages_of(daemon)).items():
                        for form in FORMS:
                            look = partial(audit, daemon.url + path, form)
                            found.setdefault(f"{page}, {form}", []).append(await trio.to_thread.run_sync(look))
    for name, audits in found.items():
        for fault in audits[-1].faults():
            report(f"{name}: {fault}")
    return [row for name, audits in found.items() for row in rows(name, audits)]


def rows(name: str, audits: list[Audit]) -> Iterator[Row]:
    for category in audits[0].scores:
        yield Row(name=f"{name}: {category}", values=[one.scores[category] for one in audits], wanted="≥ 95")
    yield Row(name=f"{name}: first view", values=[one.kilobytes for one in audits], unit="kB", wanted="< 60")
    yield Row(name=f"{name}: layout shift", values=[one.shift for one in audits], wanted="0")


if __name__ == "__main__":
    main(measure, full=FULL, quick=QUICK)
