"""The API is as it describes itself: schemathesis asks for what the description allows, and for much it does not, and
holds each answer to it."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import trio

from demo.daemon import Daemon, running_daemon
from tests.e2e.browser import open_browser
from tests.e2e.scene import Scene
from tests.e2e.test_forum_account import wait_agent, with_password
from web.signed_in import COOKIE

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(3600)]

EXAMPLES = os.environ.get("ATBB_API_EXAMPLES", "3")  # a call, beside those at the edges of what it takes
PROGRAM = Path(sys.executable).with_name("schemathesis")
OPTIONS = (
    "--max-examples", EXAMPLES, "--seed", "1", "--generation-database", "none", "--no-shrink", "--continue-on-failure",
    "--generation-allow-x00", "false",  # no NUL in what should be taken; what should not has its own
    "--generation-with-security-parameters", "false", "--warnings", "off", "--request-timeout", "60",
)  # fmt: skip
ENDS_THE_SESSION = ("/api/auth/logout", "/api/auth/sessions/{session_id}")

# What a schema cannot say: a cursor is one of ours, an account is there, a time is to come, a post is a topic.
MAY_BE_REFUSED = (
    "/api/auth/login", "/api/auth/callback", "/api/boards/{board_id}/topics", "/api/topics/{topic_id}",
    "/api/admin/members", "/api/admin/modlog", "/api/admin/audit", "/api/admin/backfill", "/api/admin/reports",
    "/api/admin/reports/{report_id}/resolve", "/api/mod/ban", "/api/mod/mute", "/api/mod/lock", "/api/mod/pin",
    "/api/mod/hide", "/api/mod/lock/{target}", "/api/mod/pin/{target}", "/api/admin/themes",
    "/api/admin/themes/{rkey}", "/api/admin/theme-policy",
)  # fmt: skip
CONFIG = """
[phases.coverage]
unexpected-methods = ["PATCH"]

[[operations]]
include-path = {paths}
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409, 429]

[dictionaries]
{dictionaries}

[parameters]
{parameters}
"""


async def test_the_description_is_true(scene: Scene, tmp_path: Path) -> None:
    """For a visitor and for the owner; nothing they ask is answered by 500, or in a way that is not described."""
    ann = await scene.member("ann")
    await scene.reply(ann, await scene.topic(ann, "Tomatoes"), "Red ones.")
    async with running_daemon(with_password(scene)) as daemon, open_browser(daemon.url) as owner:
        await wait_agent(daemon, "authenticated")
        await scene.wait_equal()
        await owner.sign_in(scene.forum)  # before so many have been asked for that one has to wait
        config = tmp_path / "schemathesis.toml"
        await trio.Path(config).write_text(config_for(await known(scene, daemon, ann.did)))
        await hold(daemon, config)
        cookie = owner.http.cookies[COOKIE]
        await hold(daemon, config, "--header", f"Cookie: {COOKIE}={cookie}", *excluded(ENDS_THE_SESSION))
        assert await acts(scene) >= {"addTheme", "changeForum", "hide", "pin"}


async def known(scene: Scene, daemon: Daemon, did: str) -> Mapping[str, Sequence[str]]:
    """What a description cannot know: what there is in this forum."""
    topics = [str(topic["id"]) for topic in await scene.topics(daemon)]
    return {
        "ids": [*topics, "1", "2", "3"],
        "dids": [did],
        "boards": [scene.board.uri],
        "categories": [scene.category.uri],
    }


def config_for(values: Mapping[str, Sequence[str]]) -> str:
    """Two of three requests name what there is."""
    ids = ("category_id", "board_id", "topic_id", "post_id", "backfill_id", "role_id", "report_id", "target")
    named = {f"path.{name}": "ids" for name in ids} | {"path.did": "dids"}
    named |= {f"body.{name}": "ids" for name in ("topicId", "postId", "rootPostId", "parentPostId")}
    named |= {"body.targetDid": "dids", "body.boardUri": "boards", "body.categoryUri": "categories"}
    return CONFIG.format(
        paths=json.dumps(MAY_BE_REFUSED),
        dictionaries="\n".join(f"{name} = {{ values = {json.dumps(known)} }}" for name, known in values.items()),
        parameters="\n".join(
            f'"{where}" = {{ dictionary = "{name}", probability = 0.67 }}' for where, name in named.items()
        ),
    )


def excluded(paths: Sequence[str]) -> list[str]:
    return [word for path in paths for word in ("--exclude-path", path)]


async def hold(daemon: Daemon, config: Path, *more: str) -> None:
    """Hold the daemon to its description; what is not so is told, with a request that shows it."""
    words = [str(PROGRAM), "--config-file", str(config), "run", f"{daemon.url}/api/openapi.json", *OPTIONS, *more]
    done = await trio.run_process(words, cwd=config.parent, capture_stdout=True, stderr=-2, check=False)
    assert done.returncode == 0, done.stdout.decode()


async def acts(scene: Scene) -> set[str]:
    """What the audit says was done."""
    async with scene.index.connection() as connection:
        return {row["act"] for row in await connection.fetch("SELECT DISTINCT act FROM audit")}
