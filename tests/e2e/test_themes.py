"""Themes on the real network: made and chosen by the API, held by the forum's repository, and read back from it."""

import pytest

from demo.daemon import running_daemon, wait_until
from demo.records import named
from forum.records.names import THEME, THEME_POLICY
from tests.e2e.scene import Scene
from tests.e2e.test_forum_account import call, sign_in, wait_agent, with_password

pytestmark = [pytest.mark.network, pytest.mark.slow]


async def test_themes(scene: Scene) -> None:
    """Each change is in the next read and in the repository; what another client writes is shown as far as is sound."""
    settings = with_password(scene)
    async with running_daemon(settings) as daemon:
        await wait_agent(daemon, "authenticated")
        await scene.wait_equal()
        await sign_in(daemon, settings, scene.forum.did)

        copied = await call(daemon, "POST", "themes/meadow-light/duplicate", 201)
        made = await call(daemon, "POST", "themes", 201, name="Dusk", colorScheme="dark", tokens={"ink": "#eee"})
        light, dark = [{"uri": theme["uri"], "cid": theme["cid"]} for theme in (copied, made)]
        await call(
            daemon, "PUT", "theme-policy", 200,
            availableThemes=[light, {"uri": dark["uri"]}],
            defaultLightTheme=light, defaultDarkTheme={"uri": dark["uri"]}, allowUserChoice=False,
        )  # fmt: skip
        offered = (await daemon.get("/api/themes"))["themes"]
        assert [theme["name"] for theme in offered] == ["Meadow light (copy)", "Dusk"]
        [(_, policy)] = await scene.pds.records(scene.forum.did, THEME_POLICY)
        assert policy["defaultLightTheme"] == {"$type": f"{THEME_POLICY}#themeRef", **light}

        path = f"themes/{made['uri'].rpartition('/')[2]}"
        await call(daemon, "PUT", f"themes/{copied['uri'].rpartition('/')[2]}", 409, name="Pinned")
        await call(daemon, "DELETE", path, 409)
        changed = await call(daemon, "PUT", path, 200, cssOverrides=".post { color: red }")
        shown = await daemon.get(f"/api/{path}")
        assert (shown["cid"], shown["name"], shown["cssOverrides"]) == (changed["cid"], "Dusk", ".post { color: red }")

        tokens = {"ink": "white", "paper": "url(https://example.org/pixel)"}
        other = await scene.forum.create(THEME, named("Other", colorScheme="dark", tokens=tokens))
        await scene.wait_equal()
        assert (await daemon.get(f"/api/themes/{other.rkey}"))["tokens"] == {"ink": "white"}

        await scene.forum.delete(THEME_POLICY, "self")

        async def is_built_in() -> bool:
            return (await daemon.get("/api/theme-policy"))["uri"] is None

        await wait_until(is_built_in)
        await call(daemon, "DELETE", path, 200)
        await scene.wait_equal()
