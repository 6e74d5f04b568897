"""Themes and their policy by the API, with the forum's account at a server of the test's own."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum import ledger
from forum.presets import PRESETS, TOKENS
from forum.protocol.events import RecordOp
from forum.records.names import THEME, THEME_POLICY
from forum.records.syntax import tid_of
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import FORUM_DID, SITE, client_of
from tests.web.signing_in import client_as
from web.app import make_app
from web.pages.assets import assets

ANN = "did:plc:ann"
THEMES = "/api/admin/themes"
POLICY = "/api/admin/theme-policy"
NOW = "2023-11-14T22:13:00Z"
DUSK = {"name": "Dusk", "colorScheme": "dark", "tokens": {"paper": "#112233", "ink": "#eee"}}
DAWN = {"name": "Dawn", "colorScheme": "light", "tokens": {"paper": "#fed"}, "cssOverrides": "a { color: red }"}
WRITES = (
    ("GET", THEMES),
    ("POST", THEMES),
    ("PUT", f"{THEMES}/paper-light"),
    ("DELETE", f"{THEMES}/paper-light"),
    ("POST", f"{THEMES}/paper-light/duplicate"),
    ("PUT", POLICY),
)

Json = Any  # JSON


@pytest.fixture
async def owner(database: Pool, account: ForumAccount) -> AsyncIterator[httpx.AsyncClient]:
    async with client_as(database, account=account) as client:
        yield client


async def made(client: httpx.AsyncClient, theme: dict[str, Any], **more: object) -> Json:
    """A new theme, as the next read has it."""
    response = await client.post(THEMES, json={**theme, **more})
    assert response.status_code == 201, response.text
    shown = (await client.get(f"/api/themes/{response.json()['uri'].rpartition('/')[2]}")).json()
    assert (shown["uri"], shown["cid"]) == (response.json()["uri"], response.json()["cid"])
    return shown


async def chosen(client: httpx.AsyncClient, light: Json, dark: Json, **more: object) -> httpx.Response:
    """A policy with two themes, live."""
    refs = [{"uri": theme["uri"]} for theme in (light, dark)]
    policy = {"availableThemes": refs, "defaultLightTheme": refs[0], "defaultDarkTheme": refs[1]}
    return await client.put(POLICY, json={**policy, "allowUserChoice": True, **more})


async def past_us(database: Pool, number: int, record: Json, *, rkey: str = "", did: str = FORUM_DID) -> None:
    """A record, or its end, that somebody wrote with another client; newer than all that was written by us."""
    collection = THEME_POLICY if rkey == "self" else THEME
    rev = tid_of(1_800_000_000_000_000 + number, 0)
    cid = None if record is None else f"cid{number}"
    op = RecordOp(did=did, collection=collection, rkey=rkey or rev, rev=rev, cid=cid, record=record)
    async with database.transaction() as tx:
        await ledger.take_lock(tx)
        await ledger.apply(tx, [op], forum_did=FORUM_DID)


async def names(client: httpx.AsyncClient, path: str = "/api/themes") -> list[str]:
    return [theme["name"] for theme in (await client.get(path)).json()["themes"]]


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_only_for_those_who_may(database: Pool, account: ForumAccount, method: str, path: str) -> None:
    async with client_of(make_app(database, Board(), SITE, account=account)) as anyone:
        assert (await anyone.request(method, path)).status_code == 401
    async with client_as(database, ANN, account=account) as member:
        response = await member.request(method, path, json={"name": "Any"})
        assert (response.status_code, response.json()) == (403, {"error": "Insufficient permissions"})


async def test_read_only(database: Pool) -> None:
    """What is there can be seen; writing says why not."""
    async with client_as(database) as owner:
        assert len(await names(owner, THEMES)) == len(PRESETS)
        for method, path in (("POST", THEMES), ("POST", f"{THEMES}/plum-dark/duplicate"), ("PUT", POLICY)):
            response = await owner.request(method, path, json=DUSK)
            assert response.status_code == 503
            assert response.json()["error"].startswith("The forum can only be read right now.")


async def test_what_is_built_in(owner: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    """In force while there is no policy, whether there are themes or not."""
    await made(owner, DUSK)
    policy = (await client.get("/api/theme-policy")).json()
    assert (policy["uri"], policy["allowUserChoice"]) == (None, True)
    assert [policy[name]["rkey"] for name in ("defaultLightTheme", "defaultDarkTheme")] == ["paper-light", "paper-dark"]
    offered = (await client.get("/api/themes")).json()["themes"]
    assert [theme["rkey"] for theme in offered] == [ref["rkey"] for ref in policy["availableThemes"]] == list(PRESETS)
    shown = (await client.get("/api/themes/plum-dark")).json()
    assert (shown["uri"], shown["colorScheme"], shown["tokens"]["paper"]) == (None, "dark", "#19141b")
    assert (await names(owner, THEMES))[:2] == ["Dusk", "Paper light"]


@pytest.mark.parametrize("token", TOKENS)
def test_tokens_are_those_of_the_pages(token: str) -> None:
    """What a theme sets, the forum's style sheet uses."""
    assert b"var(--%b)" % token.encode() in assets()["style.css"].content


@pytest.mark.parametrize("path", ["/api/themes", "/api/themes/paper-light", "/api/theme-policy"])
async def test_kept_by_caches(client: httpx.AsyncClient, path: str) -> None:
    """For five minutes; then the tag tells whether it is still so."""
    first = await client.get(path)
    assert first.headers["cache-control"] == "public, max-age=300"
    again = await client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (again.headers["etag"], again.headers["cache-control"]) == (first.headers["etag"], "public, max-age=300")
    assert (await client.get(path, headers={"if-none-match": '"other"'})).content == first.content


async def test_the_tag_tells_of_changes(owner: httpx.AsyncClient) -> None:
    theme = await made(owner, DUSK)
    tag = (await owner.get(f"/api/themes/{theme['rkey']}")).headers["etag"]
    await owner.put(f"{THEMES}/{theme['rkey']}", json={"name": "Dusk again"})
    response = await owner.get(f"/api/themes/{theme['rkey']}", headers={"if-none-match": tag})
    assert (response.status_code, response.json()["name"]) == (200, "Dusk again")


async def test_a_theme_comes_and_changes_and_goes(owner: httpx.AsyncClient, server: AccountServer) -> None:
    """What is not named stays, also what we know nothing of; null takes a field away."""
    theme = await made(owner, DAWN, fontUrls=["https://fonts.test/a.css"])
    path, key = f"{THEMES}/{theme['rkey']}", (THEME, theme["rkey"])
    assert {name: theme[name] for name in DAWN} == DAWN
    server.records[key] = {**server.records[key], "mood": "calm"}
    assert (await owner.put(path, json={"name": " Daybreak ", "mood": "none"})).status_code == 200
    assert (await owner.put(path, json={"cssOverrides": None, "tokens": {"ink": "black"}})).status_code == 200
    assert server.records[key]["mood"] == "calm"
    shown = (await owner.get(f"/api/themes/{theme['rkey']}")).json()
    assert (shown["name"], shown["tokens"], shown["cssOverrides"]) == ("Daybreak", {"ink": "black"}, None)
    assert shown["fontUrls"] == ["https://fonts.test/a.css"]
    gone = await owner.delete(path)
    assert (gone.status_code, gone.json()) == (200, {"success": True})
    for method, place in (("GET", f"/api/themes/{theme['rkey']}"), ("DELETE", path), ("PUT", path)):
        assert (await owner.request(method, place, json={})).status_code == 404


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"colorScheme": "sepia"}, "colorScheme"),
        ({"tokens": None}, "tokens"),
        ({"tokens": ["paper"]}, "tokens"),
        ({"tokens": {"paper": 1}}, "tokens"),
        ({"tokens": {"paper": "url(//x.test)"}}, "tokens: 'paper'"),
        ({"tokens": {"--paper": "red"}}, "tokens: '--paper'"),
        ({"cssOverrides": "@import 'x'"}, "cssOverrides"),
        ({"cssOverrides": ["a"]}, "cssOverrides"),
        ({"fontUrls": ["http://fonts.test/a"]}, "fontUrls"),
        ({"fontUrls": ["https://127.0.0.1/a"]}, "fontUrls"),
        ({"fontUrls": "https://fonts.test/a"}, "fontUrls"),
        ({"fontUrls": ""}, "fontUrls"),
    ],
)
async def test_what_no_theme_may_hold(owner: httpx.AsyncClient, server: AccountServer, body: Json, word: str) -> None:
    """400 with a sentence that names it, in a new one and in one that is there; nothing is written."""
    theme = await made(owner, DUSK)
    written = list(server.written)
    for response in (
        await owner.post(THEMES, json={**DUSK, **body}),
        await owner.put(f"{THEMES}/{theme['rkey']}", json=body),
    ):
        assert response.status_code == 400
        assert word in response.json()["error"]
        assert response.json()["error"].endswith(".")
    assert server.written == written


async def test_copies(owner: httpx.AsyncClient, server: AccountServer) -> None:
    """Of one built in, and of one's own: records like any other."""
    names = []
    for rkey in ("harbour-dark", (await made(owner, DAWN, name="D" * 100))["rkey"]):
        before = (await owner.get(f"/api/themes/{rkey}")).json()
        response = await owner.post(f"{THEMES}/{rkey}/duplicate")
        assert response.status_code == 201
        copy = (await owner.get(f"/api/themes/{response.json()['uri'].rpartition('/')[2]}")).json()
        same = ("colorScheme", "tokens", "cssOverrides", "fontUrls")
        assert [copy[name] for name in same] == [before[name] for name in same]
        names.append(copy["name"])
    assert names == ["Harbour dark (copy)", "D" * 79 + "… (copy)"]
    assert len(server.records) == 3
    assert (await owner.post(f"{THEMES}/3kabcabcabcab/duplicate")).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_built_in_stays(owner: httpx.AsyncClient, method: str) -> None:
    response = await owner.request(method, f"{THEMES}/paper-light", json={"name": "Mine"})
    assert (response.status_code, "copy" in response.json()["error"]) == (409, True)


async def test_a_policy(owner: httpx.AsyncClient, server: AccountServer) -> None:
    """Says what is offered, and in which order; what is not named stays; a default cannot be removed, another can."""
    dawn, dusk, night = [await made(owner, theme) for theme in (DAWN, DUSK, DUSK | {"name": "Night"})]
    refs = [{"uri": theme["uri"]} for theme in (night, dusk, dawn)]
    response = await chosen(owner, dawn, dusk, availableThemes=refs)
    assert response.status_code == 200
    assert server.records[(THEME_POLICY, "self")]["defaultDarkTheme"] == {
        "$type": f"{THEME_POLICY}#themeRef",
        "uri": dusk["uri"],
    }
    assert await names(owner) == ["Night", "Dusk", "Dawn"]
    policy = (await owner.get("/api/theme-policy")).json()
    assert policy["uri"] == response.json()["uri"] == f"at://{FORUM_DID}/{THEME_POLICY}/self"
    assert policy["defaultLightTheme"] == {
        "uri": dawn["uri"],
        "rkey": dawn["rkey"],
        "name": "Dawn",
        "colorScheme": "light",
    }
    for theme, status in ((dawn, 409), (dusk, 409), (night, 200)):
        assert (await owner.delete(f"{THEMES}/{theme['rkey']}")).status_code == status
    assert await names(owner) == ["Dusk", "Dawn"]

    assert (await owner.put(POLICY, json={"allowUserChoice": False})).status_code == 200
    shown = (await owner.get("/api/theme-policy")).json()
    assert (shown["allowUserChoice"], shown["defaultLightTheme"]) == (False, policy["defaultLightTheme"])
    assert shown["updatedAt"] is not None
    assert (await owner.put(POLICY, json=shown)).status_code == 200  # what was told can be said


async def test_pins(owner: httpx.AsyncClient, database: Pool) -> None:
    """A pinned theme stays as it is. Where it was changed past us it is not offered; the built-in one stands in."""
    dawn, dusk = await made(owner, DAWN), await made(owner, DUSK)
    refs = [{"uri": dawn["uri"], "cid": dawn["cid"]}, {"uri": dusk["uri"]}]
    assert (await chosen(owner, dawn, dusk, availableThemes=refs, defaultLightTheme=refs[0])).status_code == 200
    policy = (await owner.get("/api/theme-policy")).json()
    assert policy["defaultLightTheme"]["cid"] == dawn["cid"]
    assert "cid" not in policy["defaultDarkTheme"]

    response = await owner.put(f"{THEMES}/{dawn['rkey']}", json={"name": "Noon"})
    assert (response.status_code, "pinned" in response.json()["error"]) == (409, True)
    assert (await owner.put(f"{THEMES}/{dusk['rkey']}", json={"name": "Night"})).status_code == 200
    assert await names(owner) == ["Dawn", "Night"]

    await past_us(database, 1, DAWN | {"name": "Other", "createdAt": NOW}, rkey=dawn["rkey"])
    policy = (await owner.get("/api/theme-policy")).json()
    assert policy["defaultLightTheme"]["rkey"] == "paper-light"
    assert await names(owner) == ["Night"]
    old = await chosen(owner, dawn, dusk, defaultLightTheme=refs[0])
    assert (old.status_code, "version" in old.json()["error"]) == (409, True)


async def test_policies_that_cannot_be(owner: httpx.AsyncClient, server: AccountServer) -> None:
    dawn, dusk = await made(owner, DAWN), await made(owner, DUSK)
    there = {"uri": dawn["uri"]}
    for more, status, word in (
        ({"allowUserChoice": None}, 400, "allowUserChoice"),
        ({"allowUserChoice": "yes"}, 400, "allowUserChoice"),
        ({"defaultLightTheme": dawn["uri"]}, 400, "defaultLightTheme"),
        ({"defaultLightTheme": {"uri": None}}, 400, "defaultLightTheme"),
        ({"defaultLightTheme": {"uri": dawn["uri"], "cid": "x"}}, 400, "cid"),
        ({"availableThemes": there}, 400, "availableThemes"),
        ({"availableThemes": [there] * 101}, 400, "availableThemes"),
        ({"availableThemes": [there]}, 400, "available"),
        ({"availableThemes": [there, {"uri": f"at://{ANN}/{THEME}/{dawn['rkey']}"}]}, 404, ANN),
        ({"availableThemes": [there, {"uri": f"{dawn['uri']}x"}]}, 404, "no such theme"),
    ):
        response = await chosen(owner, dawn, dusk, **more)
        assert (response.status_code, word in response.json()["error"]) == (status, True), more
    assert (THEME_POLICY, "self") not in server.records


async def test_written_past_us(owner: httpx.AsyncClient, database: Pool, server: AccountServer) -> None:
    """What no theme may hold is not shown, whoever wrote it; the rest is, and may be changed. Others' do not count."""
    hostile = {
        **DUSK,
        "tokens": {"ink": "#eee", "paper": "url(//x.test)", "a}b": "c"},
        "cssOverrides": "@import '//x.test'",
        "fontUrls": ["https://fonts.test/a", "https://127.0.0.1/"],
        "createdAt": NOW,
    }
    rkey = tid_of(1_600_000_000_000_000, 0)
    await past_us(database, 1, hostile, rkey=rkey)
    server.records[(THEME, rkey)] = {"$type": THEME, **hostile}
    shown = (await owner.get(f"/api/themes/{rkey}")).json()
    assert (shown["tokens"], shown["cssOverrides"]) == ({"ink": "#eee"}, None)
    assert shown["fontUrls"] == ["https://fonts.test/a"]
    assert (await owner.put(f"{THEMES}/{rkey}", json={"name": "Tame"})).status_code == 200
    copy = (await owner.post(f"{THEMES}/{rkey}/duplicate")).json()["uri"].rpartition("/")[2]
    assert server.records[(THEME, copy)]["tokens"] == {"ink": "#eee"}

    ref = {"uri": f"at://{FORUM_DID}/{THEME}/{rkey}"}
    policy = {"availableThemes": [ref, ref], "defaultLightTheme": ref, "defaultDarkTheme": ref, "allowUserChoice": True}
    await past_us(database, 2, policy, rkey="self", did=ANN)
    assert (await owner.get("/api/theme-policy")).json()["uri"] is None
    await past_us(database, 3, policy, rkey="self")
    assert len(await names(owner)) == 1
    await past_us(database, 4, None, rkey=rkey)
    shown = (await owner.get("/api/theme-policy")).json()
    assert (shown["availableThemes"], shown["defaultDarkTheme"]["rkey"]) == ([], "paper-dark")


async def test_the_audit_tells(owner: httpx.AsyncClient, database: Pool) -> None:
    """Who did what, on what."""
    theme = await made(owner, DUSK)
    await owner.put(f"{THEMES}/{theme['rkey']}", json={"name": "Night"})
    copy = (await owner.post(f"{THEMES}/{theme['rkey']}/duplicate")).json()
    await owner.delete(f"{THEMES}/{copy['uri'].rpartition('/')[2]}")
    await chosen(owner, theme, theme)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT actor, act, subject, before->>'name' AS before FROM audit ORDER BY id")
    assert [(row["act"], row["subject"], row["before"]) for row in rows] == [
        ("addTheme", theme["uri"], None),
        ("changeTheme", theme["uri"], "Dusk"),
        ("duplicateTheme", copy["uri"], None),
        ("removeTheme", copy["uri"], "Night (copy)"),
        ("setThemePolicy", f"at://{FORUM_DID}/{THEME_POLICY}/self", None),
    ]
    assert {row["actor"] for row in rows} == {FORUM_DID}
