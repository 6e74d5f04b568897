"""Signing in by the API, with a stand-in for OAuth: whose answer counts, what is kept, where one goes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network

import httpx
import pytest
import structlog
import trio

from actors.oauth import SignInRefused
from daemon.pool import Pool
from forum.errors import Unavailable
from forum.records.names import MEMBERSHIP
from tests.standins.oauth import AUTHORIZE
from tests.standins.pds import Params, Repo
from tests.support.forum import ANN, BOB, membership
from tests.support.site import Reply, said
from tests.web.forum_rows import FORUM_DID, AwayDatabase, Rows
from tests.web.scene import LOCAL, ORIGIN, Scene, begin, come_back, memberships, open_scene, sign_in, who
from web.door import Closed
from web.limits import SIGN_INS_A_MINUTE
from web.signed_in import COOKIE

AGAIN = "This sign-in was begun too long ago, or is finished already; please sign in again."
HTTPS = replace(LOCAL, public_origin="https://forum.example.org")


@pytest.fixture
async def scene(database: Pool) -> AsyncIterator[Scene]:
    async with open_scene(database) as scene:
        yield scene


@pytest.fixture
def ann(scene: Scene) -> Repo:
    return scene.account("ann.example", ANN)


@pytest.fixture
async def browser(scene: Scene, ann: Repo) -> AsyncIterator[httpx.AsyncClient]:
    """Where Ann can sign in."""
    async with scene.browser() as browser:
        yield browser


def error(response: httpx.Response) -> tuple[int, str]:
    assert set(response.json()) == {"error"}
    return response.status_code, response.json()["error"]


async def test_there_and_back(scene: Scene, ann: Repo, browser: httpx.AsyncClient) -> None:
    """To the account's server, back to where one was, signed in; and a member from then on."""
    off = await browser.get("/api/auth/login", params={"handle": " @ann.example\u2069", "next": "/topics/1?page=2"})
    assert off.status_code == 303
    assert off.headers["location"].startswith(f"{AUTHORIZE}?")
    assert await who(browser) is None

    back = await come_back(browser, httpx.URL(off.headers["location"]).params["state"])
    assert (back.status_code, back.headers["location"]) == (303, "/topics/1?page=2")
    assert await who(browser) == ANN
    assert await scene.value("SELECT did FROM members") == ANN
    [record] = memberships(ann).values()
    assert record["forum"]["forum"]["uri"] == LOCAL.forum_uri
    assert record["forum"]["$type"] == f"{MEMBERSHIP}#forumRef"


async def test_cookies(browser: httpx.AsyncClient) -> None:
    """Out of reach for scripts and for other sites; the session's one outlasts any session."""
    off = await browser.get("/api/auth/login", params={"handle": "ann.example"})
    about_to = off.headers["set-cookie"]
    assert "HttpOnly; Path=/api/auth/callback; SameSite=Lax" in about_to
    assert "Max-Age=600;" in about_to
    back = await come_back(browser, httpx.URL(off.headers["location"]).params["state"])
    session, no_longer = back.headers.get_list("set-cookie")
    assert "HttpOnly; Path=/; SameSite=Lax" in session
    assert int(session.partition("Max-Age=")[2].partition(";")[0]) > 365 * 24 * 3600
    assert "Secure" not in session + about_to
    assert no_longer.startswith("atbb_sign_in=;")
    assert "Max-Age=0;" in no_longer


async def test_cookies_of_a_public_forum(scene: Scene, ann: Repo) -> None:
    """Never sent unencrypted."""
    async with scene.browser(site=HTTPS) as browser:
        off = await browser.get("/api/auth/login", params={"handle": "ann.example"})
        assert "Secure;" in off.headers["set-cookie"]
        back = await come_back(browser, httpx.URL(off.headers["location"]).params["state"])
        assert all("Secure;" in cookie for cookie in back.headers.get_list("set-cookie"))
        out = await browser.post("/api/auth/logout")
        assert "Secure;" in out.headers["set-cookie"]
        assert await who(browser) is None


async def test_only_where_it_was_begun(scene: Scene, browser: httpx.AsyncClient) -> None:
    """Nobody is signed in by an answer to what somebody else began; and that is over then."""
    state = await begin(browser, "ann.example")
    async with scene.browser() as victim:
        assert (await come_back(victim, state)).status_code == 403
        assert await who(victim) is None
    assert error(await come_back(browser, state)) == (400, AGAIN)

    state = await begin(browser, "ann.example")
    async with scene.browser() as other:
        await begin(other, "ann.example")  # has a cookie, for another one
        assert error(await come_back(other, state))[0] == 403
    assert scene.oauth.granted == []


async def test_counts_once(scene: Scene, browser: httpx.AsyncClient) -> None:
    """A replayed answer, one to nothing, one that took too long."""
    state = await begin(browser, "ann.example")
    assert (await come_back(browser, state)).status_code == 303
    assert error(await come_back(browser, state)) == (400, AGAIN)
    assert error(await come_back(browser, "made up")) == (400, AGAIN)
    assert error(await browser.get("/api/auth/callback")) == (400, AGAIN)
    state = await begin(browser, "ann.example")
    await scene.value("UPDATE sign_ins SET expires_at = now()")
    assert error(await come_back(browser, state)) == (400, AGAIN)
    assert len(scene.oauth.granted) == 1


async def test_another_process_finishes_it(scene: Scene, browser: httpx.AsyncClient) -> None:
    """If it has the secret."""
    state = await begin(browser, "ann.example")
    async with scene.browser(cookies=browser.cookies) as elsewhere:
        assert (await come_back(elsewhere, state)).status_code == 303
        assert await who(elsewhere) == ANN
    state = await begin(browser, "ann.example")
    async with scene.browser(cookies=browser.cookies, secret="another secret" * 3) as elsewhere:
        assert error(await come_back(elsewhere, state)) == (400, AGAIN)


async def test_address_of_a_profile(scene: Scene, browser: httpx.AsyncClient) -> None:
    """Has the handle in it, so nobody need take it out."""
    state = await begin(browser, "https://bsky.app/profile/ann.example")
    assert (await come_back(browser, state)).status_code == 303
    assert await who(browser) == ANN


async def test_refused(scene: Scene, browser: httpx.AsyncClient) -> None:
    """What the account's owner or server would not allow is told in its sentence; a server away is told as that."""
    state = await begin(browser, "ann.example")
    assert error(await come_back(browser, state, error="access_denied")) == (403, "You did not allow it.")
    for failure, status in ((SignInRefused("Too late."), 403), (Unavailable("secret"), 503)):
        state = await begin(browser, "ann.example")
        scene.oauth.refusal = failure
        response = await come_back(browser, state)
        assert response.status_code == status
        assert "secret" not in response.text
    scene.oauth.refusal = Unavailable("secret")
    status, sentence = error(await browser.get("/api/auth/login", params={"handle": "ann.example"}))
    assert (status, sentence) == (503, "The server of this account does not answer right now; please try later.")
    assert await who(browser) is None
    assert await scene.value("SELECT count(*) FROM sessions") == 0


async def test_nobody(browser: httpx.AsyncClient) -> None:
    """A handle must be given, and be somebody's."""
    assert error(await browser.get("/api/auth/login"))[0] == 400
    for handle in ("", "  ", "@", "\u202a", "nobody.example", "x" * 10_000):
        assert error(await browser.get("/api/auth/login", params={"handle": handle}))[0] == 400


async def test_goes_nowhere_else(browser: httpx.AsyncClient) -> None:
    """Whatever the link said, one ends up here."""
    for asked in ("//evil.example", "/\\evil.example", "https://evil.example", "/\r\nSet-Cookie: a=b", ""):
        assert (await sign_in(browser, "ann.example", next=asked)).headers["location"] == "/"


async def test_at_our_public_name(scene: Scene, ann: Repo) -> None:
    """Where the browser asks by another name it is first sent to ours, once, or the cookies would not meet."""
    async with scene.browser() as browser:
        moved = await browser.get("http://localhost:3000/api/auth/login?handle=ann.example&next=%2Fhere")
        assert moved.status_code == 303
        assert moved.headers["location"] == f"{ORIGIN}/api/auth/login?handle=ann.example&next=%2Fhere&moved=1"
        assert "set-cookie" not in moved.headers
        off = await browser.get(moved.headers["location"])
        assert off.headers["location"].startswith(AUTHORIZE)
        as_the_proxy_says = await browser.get("http://localhost:3000/api/auth/login?handle=ann.example&moved=1")
        assert as_the_proxy_says.headers["location"].startswith(AUTHORIZE)


async def test_other_sites_sign_nobody_in(browser: httpx.AsyncClient) -> None:
    """A page of theirs leads to our form, filled in, and nothing is begun; from ours, or typed in, it goes on."""
    asked = "handle=ann.example&next=%2Fabout"
    for site, leads_to in (
        ("cross-site", f"/sign-in?{asked}"),
        ("same-site", f"/sign-in?{asked}"),
        ("same-origin", AUTHORIZE),
        ("none", AUTHORIZE),
    ):
        led = await browser.get(f"/api/auth/login?{asked}", headers={"Sec-Fetch-Site": site})
        assert led.status_code == 303
        assert led.headers["location"].startswith(leads_to)
        assert ("set-cookie" in led.headers) is (leads_to == AUTHORIZE)


async def test_the_former_session_ends(scene: Scene, browser: httpx.AsyncClient) -> None:
    """With a new cookie each time, whatever the browser had; what was granted before is given back."""
    browser.cookies.set(COOKIE, "fixed", domain="127.0.0.1", path="/")
    await sign_in(browser, "ann.example")
    first = browser.cookies[COOKIE]
    assert first != "fixed"
    scene.account("bob.example", BOB)
    await sign_in(browser, "bob.example")
    assert browser.cookies[COOKIE] != first
    assert await who(browser) == BOB
    async with scene.browser(cookies=httpx.Cookies({COOKIE: first})) as thief:
        assert await who(thief) is None
    assert scene.oauth.revoked == [scene.oauth.granted[0].access]
    assert await scene.value("SELECT count(*) FROM sessions") == 1


async def test_what_is_kept_gives_nothing_away(scene: Scene, browser: httpx.AsyncClient) -> None:
    """Neither tokens nor cookies stand in the tables, nor in the log."""
    with structlog.testing.capture_logs() as logs:
        off = await browser.get("/api/auth/login", params={"handle": "ann.example"})
        state, about_to = httpx.URL(off.headers["location"]).params["state"], browser.cookies["atbb_sign_in"]
        kept = await scene.value("SELECT sign_ins::text FROM sign_ins")
        await come_back(browser, state, code="the-code")
        kept += await scene.value("SELECT sessions::text FROM sessions")
    [grant] = scene.oauth.granted
    everything = f"{kept} {logs}"
    for secret in (state, about_to, "the-code", browser.cookies[COOKIE], grant.access, grant.refresh):
        assert secret not in everything
        assert secret.encode().hex() not in everything
    assert {"event": "signed_in", "did": ANN, "log_level": "info"} in logs
    assert [line["path"] for line in logs if line["event"] == "request"] == ["/api/auth/login", "/api/auth/callback"]


@pytest.mark.parametrize(
    ("status", "word"), [("deactivated", "deactivated"), ("takendown", "taken down"), ("suspended", "suspended")]
)
async def test_an_account_its_server_hides(
    scene: Scene, ann: Repo, browser: httpx.AsyncClient, status: str, word: str
) -> None:
    """Is told so, and what it granted is given back."""
    ann.status = status
    state = await begin(browser, "ann.example")
    assert error(await come_back(browser, state)) == (
        403, f"Your account is {word} at its own server, so it cannot be used here.",
    )  # fmt: skip
    assert scene.oauth.revoked == [scene.oauth.granted[0].access]
    assert await who(browser) is None


async def test_a_banned_account(scene: Scene, browser: httpx.AsyncClient) -> None:
    """May come in, read, and see that it is banned."""
    await Rows(scene.database).run(
        "INSERT INTO mod_actions (rkey, pair, is_on, subject, created_by, created_at)"
        " VALUES ('3a', 'ban', true, $1, $2, now())", ANN, FORUM_DID,
    )  # fmt: skip
    await sign_in(browser, "ann.example")
    assert await who(browser) == ANN
    assert await scene.value("SELECT banned FROM accounts WHERE did = $1", ANN)


# Joining --------------------------------------------------------------------------------------------------------------


async def test_joins_once(scene: Scene, ann: Repo, browser: httpx.AsyncClient) -> None:
    """However often, and from however many browsers at a time."""
    async with scene.browser() as other:
        states = [(browser, await begin(browser, "ann.example")), (other, await begin(other, "ann.example"))]
        async with trio.open_nursery() as nursery:
            for each, state in states:
                nursery.start_soon(come_back, each, state)
        assert await who(other) == await who(browser) == ANN
    await sign_in(browser, "ann.example")
    assert len(memberships(ann)) == 1
    assert await scene.value("SELECT count(*) FROM memberships") == 1


async def test_joins_the_next_time(scene: Scene, ann: Repo, browser: httpx.AsyncClient) -> None:
    """A server that will not write it keeps nobody out."""
    state = await begin(browser, "ann.example")

    class Stubborn(type(scene.oauth)):
        async def post(self, *_: object) -> None:
            raise Unavailable("no")

    door = replace(scene.door, oauth=Stubborn(repos=scene.oauth.repos))
    async with scene.browser(door=door, cookies=browser.cookies) as there:
        assert (await come_back(there, state)).status_code == 303
        assert await who(there) == ANN
    assert memberships(ann) == {}
    await sign_in(browser, "ann.example")
    assert len(memberships(ann)) == 1
    assert await scene.value("SELECT count(*) FROM members") == 1


async def test_is_a_member_already(scene: Scene, ann: Repo, browser: httpx.AsyncClient) -> None:
    """By a record we had not seen; that is shown now, and no other is made. Other forums' do not count."""
    ann.put(MEMBERSHIP, 1, membership("did:plc:other"))
    ann.put(MEMBERSHIP, 2, membership(FORUM_DID))

    async def record(params: Params) -> Reply:
        return said(ann.entry(params["collection"], params["rkey"]))

    ann.scripts["com.atproto.repo.getRecord"] = record
    await sign_in(browser, "ann.example")
    assert len(memberships(ann)) == 2
    assert await scene.value("SELECT did FROM members") == ANN


async def test_a_forum_without_a_record(scene: Scene, ann: Repo, browser: httpx.AsyncClient) -> None:
    """Can be signed in to, and be joined later."""
    await scene.value("DELETE FROM ledger")
    await sign_in(browser, "ann.example")
    assert await who(browser) == ANN
    assert memberships(ann) == {}


# When it cannot be ----------------------------------------------------------------------------------------------------


async def test_a_closed_door(scene: Scene, ann: Repo) -> None:
    """Says why; those who are in stay in."""
    async with scene.browser() as browser:
        await sign_in(browser, "ann.example")
        async with scene.browser(door=Closed("Nobody can sign in."), cookies=browser.cookies) as closed:
            for path in ("/api/auth/login?handle=ann.example", "/api/auth/callback?state=x"):
                assert error(await closed.get(path)) == (503, "Nobody can sign in.")
            assert await who(closed) == ANN
            assert (await closed.post("/api/auth/logout")).status_code == 200
            assert await who(closed) is None


async def test_the_database_is_away(scene: Scene, ann: Repo) -> None:
    """503 as for everything else, and no word of internals."""
    away = Scene(AwayDatabase(), scene.net, scene.oauth, scene.door)
    async with away.browser() as browser:
        for path in ("/api/auth/login?handle=ann.example", "/api/auth/callback?state=x"):
            status, sentence = error(await browser.get(path))
            assert (status, "database" in sentence, "secret" in sentence) == (503, True, False)


async def test_too_often(scene: Scene, ann: Repo) -> None:
    """429 with a time to wait, for this client; behind a proxy that is trusted others are told from it."""
    site = replace(LOCAL, trusted_proxies=(ip_network("127.0.0.1"),))
    async with scene.browser(site=site) as browser:
        assert len(await until_too_often(browser, "203.0.113.7")) >= SIGN_INS_A_MINUTE
        assert (await tried(browser, "203.0.113.8")).status_code == 400
        assert len(await until_too_often(browser, "203.0.113.9, 203.0.113.7")) < SIGN_INS_A_MINUTE
        assert (await browser.get("/api/auth/session")).status_code == 401


async def until_too_often(browser: httpx.AsyncClient, client: str) -> list[int]:
    """The answers before the one that says so; slow as we may be, some more than a minute's are forgiven meanwhile."""
    taken: list[int] = []
    while (response := await tried(browser, client)).status_code != 429:
        taken.append(response.status_code)
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert "please try again in" in response.json()["error"]
    assert set(taken) <= {400}
    return taken


async def tried(browser: httpx.AsyncClient, client: str) -> httpx.Response:
    """Without a handle; as a proxy passes it on."""
    return await browser.get("/api/auth/login", headers={"X-Forwarded-For": client})
