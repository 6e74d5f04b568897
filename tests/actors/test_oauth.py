"""Our side of OAuth, against a strict server that does what a test scripts it to do wrong. What a library of this kind
got wrong is tried here, each: nonces of successes, assertions sent twice, kinds of tokens, redirects, servers without a
handle, new connections, secrets in errors.
"""

import base64
import logging
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
import structlog
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.discovery import SignInRefused
from actors.members import RENEWAL_SECONDS
from actors.oauth import Grant, GrantOver, OAuth, SignIn
from actors.proving import SERVERS, Proving
from actors.resolver import Resolver
from actors.web_client import IDLE_SECONDS, Answer, Headers, open_web_client
from forum.errors import Unavailable
from forum.protocol.dpop import new_key, public_jwk
from forum.protocol.oauth import SCOPE, Client, client_of
from tests.standins.auth_server import DID, HANDLE, AuthServer, auth_server
from tests.support.site import Reply, said
from tests.support.waiting import LIMIT_SECONDS

OTHER = "did:plc:" + "b" * 24
PUBLIC = client_of("http://127.0.0.1:3000")
HUGE = Reply(body=b'{"a": "' + b"x" * 200_000 + b'"}')
GARBAGE = (Reply(body=b"<html>"), Reply(body=b"[]"), Reply(body=b""))
AWAY = (Reply(500), Reply(503, b'{"error": "invalid_grant"}'), Reply(429, b'{"error": "invalid_grant"}'))
"""What is worth another try, on every path."""


@dataclass(frozen=True, slots=True)
class Net:
    """A server, and us."""

    server: AuthServer
    oauth: OAuth

    async def granted(self, account: str = HANDLE) -> Grant:
        sign_in = await self.oauth.begin(account)
        return await self.oauth.finish(sign_in, self.server.visit(sign_in.url))

    def says(self, path: str, reply: Reply) -> None:
        self.server.script.answers[path] = reply


@asynccontextmanager
async def network(client: Client = PUBLIC) -> AsyncIterator[Net]:
    async with auth_server() as server, open_web_client(development=True) as web:
        if client.key is not None:
            server.client_key = public_jwk(client.key)
        resolver = Resolver(
            client=web,
            plc_url=server.url,
            handle_resolver_url=server.url,
            dns_server=None,
            development=True,
        )
        yield Net(server, OAuth(web, resolver, client))


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    async with network() as net:
        yield net


def confidential() -> AbstractAsyncContextManager[Net]:
    return network(client_of("https://forum.example", new_key()))


@pytest.mark.parametrize("name", ["handle", "did", "server"])
async def test_sign_in(net: Net, name: str) -> None:
    """By handle in any case, by DID, or by the server's address alone, which then says who it was."""
    account = {"handle": HANDLE.upper(), "did": DID, "server": f"{net.server.url}/"}[name]
    sign_in = await net.oauth.begin(account)
    [kept] = net.server.grants.values()
    assert kept.form.get("login_hint") == (None if name == "server" else account)
    assert (kept.form["scope"], kept.form["code_challenge_method"]) == (SCOPE, "S256")
    grant = await net.oauth.finish(sign_in, net.server.visit(sign_in.url))
    assert (grant.did, grant.pds, grant.issuer, grant.scope) == (DID, net.server.url, net.server.url, SCOPE)
    assert (await net.oauth.get(grant, f"{net.server.url}/xrpc/a.b.c", params={"x": "1"})).json() == {
        "did": DID,
        "asked": "",
    }
    assert (await net.oauth.post(grant, f"{net.server.url}/xrpc/a.b.c", {"b": 2})).json() == {
        "did": DID,
        "asked": '{"b":2}',
    }


async def test_confidential_client() -> None:
    """Each request has an assertion of its own, the second try with another nonce too."""
    async with confidential() as net:
        grant = await net.granted()
        net.server.nonce = "changed"
        grant = await net.oauth.refresh(grant)
        net.server.nonce = "changed-again"
        await net.oauth.revoke(grant)
        forms = [request for request in net.server.asked if request.path.startswith("/oauth/")]
        assert len(forms) == 7  # each of four steps, three of them twice
        with pytest.raises(GrantOver):
            await net.oauth.get(grant, f"{net.server.url}/xrpc/a.b.c")


async def test_grant_can_be_kept(net: Net) -> None:
    """What a restart of ours leaves of a sign-in under way and of a grant is enough to go on."""
    sign_in = await net.oauth.begin(HANDLE)
    sign_in = msgspec.json.decode(msgspec.json.encode(sign_in), type=SignIn)
    grant = await net.oauth.finish(sign_in, net.server.visit(sign_in.url))
    grant = msgspec.json.decode(msgspec.json.encode(grant), type=Grant)
    assert (await net.oauth.refresh(grant)).did == DID


async def test_connections_are_reused(net: Net) -> None:
    """Unless the machine sleeps for longer than they are kept."""
    began = time.monotonic()
    grant = await net.granted()
    for _ in range(5):
        await net.oauth.get(grant, f"{net.server.url}/xrpc/a.b.c")
    assert len(net.server.asked) > 10
    assert net.server.connections <= 1 + (time.monotonic() - began) // IDLE_SECONDS


# Nonces.


async def test_nonce_is_asked_for_once(net: Net) -> None:
    """Then it is known, to both servers, and stays known over sign-ins."""
    await net.granted()
    await net.granted()
    assert net.server.paths().count("/oauth/par") == 3


async def test_nonce_of_successes(net: Net) -> None:
    """A server that changes it after each request tells the next in its answer, and is not made to say no."""
    net.server.script.new_nonces = True
    grant = await net.granted()
    before = len(net.server.asked)
    for _ in range(3):
        await net.oauth.post(grant, f"{net.server.url}/xrpc/a.b.c", {})
        grant = await net.oauth.refresh(grant)
    asked = [path for path in net.server.paths()[before:] if not path.startswith("/did:")]
    assert asked == ["/xrpc/a.b.c", "/oauth/token"] * 3


async def test_nonce_is_changed(net: Net) -> None:
    """Without a word of it in advance: each server says so in its own way, once."""
    net.server.script.silent = True
    grant = await net.granted()
    for number in range(3):
        net.server.nonce = f"n{number}"
        assert (await net.oauth.get(grant, f"{net.server.url}/xrpc/a.b.c")).status == 200
        net.server.nonce = f"m{number}"
        grant = await net.oauth.refresh(grant)


@pytest.mark.parametrize("nonce", [{"dpop-nonce": "other"}, {"dpop-nonce": "a b"}, {"dpop-nonce": "x" * 300}, {}])
async def test_nonce_is_never_right(net: Net, nonce: Headers) -> None:
    """At most two tries; and that is no reason to end a grant."""
    grant = await net.granted()
    no = said({"error": "use_dpop_nonce"}).body
    net.server.script.silent = True
    net.says("/oauth/token", Reply(400, no, nonce))
    net.says("/xrpc/a.b.c", Reply(401, no, {"www-authenticate": 'DPoP error="use_dpop_nonce"', **nonce}))
    with pytest.raises(Unavailable):
        await net.oauth.refresh(grant)
    with pytest.raises(Unavailable):
        await net.oauth.post(grant, f"{net.server.url}/xrpc/a.b.c", {})
    assert net.server.paths().count("/xrpc/a.b.c") <= 2


@pytest.mark.slow
async def test_nonces_are_bounded() -> None:
    """Those of the servers that were asked last are kept."""
    proving, key, sent = Proving(), new_key(), []

    async def request(headers: Headers) -> Answer:
        sent.append(claims_of(headers["dpop"]).get("nonce"))
        return Answer(200, b"", {"dpop-nonce": "n"})

    for number in (*range(SERVERS), 0, SERVERS, 0, SERVERS, 1):
        await proving.send(request, "GET", f"https://{number}.example/", key)
    assert sent[SERVERS:] == ["n", None, "n", "n", None]


def claims_of(token: str) -> dict[str, Any]:  # Any: JSON
    claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


# What is refused before anybody is asked anything.


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        ("", "told by its handle or DID"),
        ("a b", "told by its handle or DID"),
        ("ann", "told by its handle or DID"),
        ("x" * 5000, "told by its handle or DID"),
        ("https://pds.example/path", "told by its handle or DID"),
        ("nobody.example", "no account nobody.example"),
        ("did:key:zabc", "cannot be looked up"),
    ],
)
async def test_no_account(net: Net, account: str, sentence: str) -> None:
    with pytest.raises(SignInRefused, match=sentence):
        await net.oauth.begin(account)
    assert "/oauth/par" not in net.server.paths()


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"alsoKnownAs": ["at://bob.example"]}, "has another handle"),
        ({"alsoKnownAs": []}, "has another handle"),
        ({"service": []}, "has no server"),
        ({"id": OTHER}, "cannot be looked up"),
    ],
)
async def test_bad_account(net: Net, document: dict[str, Any], sentence: str) -> None:
    net.server.script.document = document
    with pytest.raises(SignInRefused, match=sentence):
        await net.oauth.begin(HANDLE)


async def test_deleted_account(net: Net) -> None:
    net.says(f"/{DID}", Reply(410))
    with pytest.raises(SignInRefused, match="There is no account"):
        await net.oauth.begin(DID)


WELL_KNOWN = ("/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server")


@pytest.mark.parametrize("path", WELL_KNOWN)
@pytest.mark.parametrize("status", [404, 403, 301, 302, 307])
async def test_server_without_oauth(net: Net, path: str, status: int) -> None:
    """Nor is any other place looked at that it may point to."""
    net.says(path, Reply(status, headers={"location": f"{net.server.url}/elsewhere"}))
    with pytest.raises(SignInRefused, match="does not offer"):
        await net.oauth.begin(HANDLE)
    assert "/elsewhere" not in net.server.paths()


@pytest.mark.parametrize("path", [*WELL_KNOWN, "/oauth/par"])
@pytest.mark.parametrize("reply", [*GARBAGE, *AWAY])
async def test_servers_that_may_come_back(net: Net, path: str, reply: Reply) -> None:
    net.says(path, reply)
    with pytest.raises(Unavailable):
        await net.oauth.begin(HANDLE)


async def test_unsuitable_servers(net: Net) -> None:
    """Each check of the metadata is in tests/protocol; that they are made, is shown here."""
    net.server.script.resource = {"resource": "https://other.example"}
    with pytest.raises(SignInRefused, match=r"it describes itself as another server\.$"):
        await net.oauth.begin(HANDLE)
    net.server.script.resource = {}
    net.server.script.server = {"issuer": "https://other.example"}
    with pytest.raises(SignInRefused, match=r"it describes itself as another server\.$"):
        await net.oauth.begin(HANDLE)
    net.server.script.server = {"pushed_authorization_request_endpoint": None}
    with pytest.raises(SignInRefused, match=r"it lacks pushed_authorization_request_endpoint\.$"):
        await net.oauth.begin(HANDLE)


async def test_request_is_refused(net: Net) -> None:
    net.says("/oauth/par", said({"error": "invalid_client_metadata", "error_description": "<script>"}, 400))
    with pytest.raises(SignInRefused, match=r"refuses to sign anybody in here: invalid_client_metadata\.$"):
        await net.oauth.begin(HANDLE)


async def test_plain_http_in_public(net: Net) -> None:
    async with open_web_client(development=False) as web:
        resolver = Resolver(
            client=web, plc_url="https://plc.example", handle_resolver_url=None, dns_server=None, development=False
        )
        with pytest.raises(SignInRefused, match="not reached by https"):
            await OAuth(web, resolver, PUBLIC).begin(net.server.url)


async def test_silence(net: Net, mock_clock: MockClock) -> None:
    """A server that never ends its answer is away."""
    stalls = Reply(200, b"{", {"content-length": "2"})
    net.says(WELL_KNOWN[0], stalls)

    async def leap() -> None:
        while WELL_KNOWN[0] not in net.server.paths():
            await trio.lowlevel.checkpoint()
        mock_clock.jump(11)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leap)
        with pytest.raises(Unavailable):
            await net.oauth.begin(HANDLE)


# What the browser brings back.


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"state": "x"}, "another sign-in"),
        ({"state": None}, "another sign-in"),
        ({"iss": "https://other.example"}, "another sign-in"),
        ({"iss": None}, "another sign-in"),
        ({"iss": "https://other.example", "error": "access_denied"}, "another sign-in"),
        ({"code": None}, "another sign-in"),
        ({"code": "a\r\nb"}, "another sign-in"),
        ({"error": "access_denied"}, "not allowed, or not in time"),
        ({"error": "<script>"}, r"did not sign you in\.$"),
        ({"code": "never-given"}, "expired or was used"),
    ],
)
async def test_answers_that_are_none(net: Net, changes: dict[str, str | None], sentence: str) -> None:
    sign_in = await net.oauth.begin(HANDLE)
    answer = {**net.server.visit(sign_in.url), **changes}
    with pytest.raises(SignInRefused, match=sentence):
        await net.oauth.finish(sign_in, {name: value for name, value in answer.items() if value is not None})


async def test_server_could_not_ask(net: Net) -> None:
    sign_in = await net.oauth.begin(HANDLE)
    with pytest.raises(Unavailable):
        await net.oauth.finish(sign_in, {**net.server.visit(sign_in.url), "error": "temporarily_unavailable"})


async def test_code_is_replayed(net: Net) -> None:
    """By whoever it is: nobody is signed in by it again, and who was is out."""
    sign_in = await net.oauth.begin(HANDLE)
    answer = net.server.visit(sign_in.url)
    grant = await net.oauth.finish(sign_in, answer)
    with pytest.raises(SignInRefused, match="used already"):
        await net.oauth.finish(sign_in, answer)
    with pytest.raises(GrantOver):
        await net.oauth.get(grant, f"{net.server.url}/xrpc/a.b.c")


async def test_bearer_tokens(net: Net) -> None:
    net.server.script.tokens = {"token_type": "Bearer"}
    with pytest.raises(SignInRefused, match="not bound to a key"):
        await net.granted()


@pytest.mark.parametrize(
    ("account", "tokens", "sentence"),
    [
        (HANDLE, {"sub": OTHER}, "another account than the one you asked for"),
        (HANDLE, {"scope": "atproto"}, r"did not grant what is needed to write here: repo:space\.atbb\.post, "),
        (HANDLE, {"scope": "atproto repo:space.atbb.*"}, "did not grant"),
        (HANDLE, {"scope": SCOPE.removeprefix("atproto ")}, "needed to write here: atproto"),
        ("server", {"sub": OTHER}, "There is no account"),
    ],
)
async def test_another_grant(net: Net, account: str, tokens: dict[str, str], sentence: str) -> None:
    """Than was asked for. It is given back: nobody will use it."""
    net.says(f"/{OTHER}", Reply(410))
    net.server.script.tokens = tokens
    with pytest.raises(SignInRefused, match=sentence):
        await net.granted(net.server.url if account == "server" else account)
    [kept] = net.server.grants.values()
    assert kept.over


async def test_code_is_refused(net: Net) -> None:
    """For a reason that is not its age."""
    sign_in = await net.oauth.begin(HANDLE)
    net.says("/oauth/token", said({"error": "invalid_client", "error_description": "<script>"}, 401))
    with pytest.raises(SignInRefused, match=r"refuses to sign anybody in here: invalid_client\.$"):
        await net.oauth.finish(sign_in, net.server.visit(sign_in.url))


async def test_our_key_is_not_known_yet(net: Net) -> None:
    """While we start: an account's server is asked for nothing."""
    net.oauth.client = None
    with pytest.raises(Unavailable):
        await net.oauth.begin(HANDLE)
    assert "/oauth/par" not in net.server.paths()


async def test_scope_in_other_words(net: Net) -> None:
    net.server.script.tokens = {
        "scope": "repo?collection=space.atbb.reaction&collection=space.atbb.membership atproto "
        "repo:space.atbb.post?action=create&action=update&action=delete"
    }
    assert (await net.granted()).did == DID


async def test_server_speaks_for_others(net: Net) -> None:
    """Signed in by its address, it may name any account; only one that lives there, or where it signs in, counts."""
    async with auth_server() as home:
        net.server.home = home.url
        with pytest.raises(SignInRefused, match="cannot speak for the account"):
            await net.granted(net.server.url)
        home.script.resource = {"authorization_servers": [net.server.url]}
        assert (await net.granted(net.server.url)).pds == home.url
        net.server.script.answers[WELL_KNOWN[0]] = Reply(404)  # signs people in, and keeps no accounts
        assert (await net.granted(net.server.url)).pds == home.url


async def test_huge_answers(net: Net) -> None:
    """No longer than they need be, wherever."""
    sign_in = await net.oauth.begin(HANDLE)
    for path in (*WELL_KNOWN, "/oauth/par"):
        net.server.script.answers = {path: HUGE}
        with pytest.raises(Unavailable, match="too_large"):
            await net.oauth.begin(HANDLE)
    net.says("/oauth/token", HUGE)
    with pytest.raises(Unavailable, match="too_large"):
        await net.oauth.finish(sign_in, net.server.visit(sign_in.url))


@pytest.mark.parametrize("reply", [*GARBAGE, *AWAY])
async def test_tokens_that_may_come_yet(net: Net, reply: Reply) -> None:
    sign_in = await net.oauth.begin(HANDLE)
    net.says("/oauth/token", reply)
    with pytest.raises(Unavailable):
        await net.oauth.finish(sign_in, net.server.visit(sign_in.url))


# Afterwards.


async def test_refresh(net: Net) -> None:
    """New tokens, all else as it was; the old ones are dead, and one of them used again ends the grant."""
    old = await net.granted()
    new = await net.oauth.refresh(old)
    assert replace(new, access=old.access, refresh=old.refresh, expires_at=old.expires_at) == old
    assert not {new.access, new.refresh} & {old.access, old.refresh}
    with pytest.raises(GrantOver):
        await net.oauth.get(old, f"{net.server.url}/xrpc/a.b.c")
    assert (await net.oauth.get(new, f"{net.server.url}/xrpc/a.b.c")).status == 200
    with pytest.raises(GrantOver):
        await net.oauth.refresh(old)
    with pytest.raises(GrantOver):
        await net.oauth.refresh(new)


@pytest.mark.parametrize(
    "reply",
    [
        *GARBAGE,
        *AWAY,
        Reply(404),
        said({"error": "invalid_client"}, 401),
        said({"error": "temporarily_unavailable"}, 400),
        Reply(302, headers={"location": "/"}),
    ],
)
async def test_refresh_later(net: Net, reply: Reply) -> None:
    """Only the one word for it ends a grant."""
    grant = await net.granted()
    net.says("/oauth/token", reply)
    with pytest.raises(Unavailable):
        await net.oauth.refresh(grant)
    net.server.script.answers.clear()
    await net.oauth.refresh(grant)


@pytest.mark.parametrize("tokens", [{"sub": OTHER}, {"token_type": "Bearer"}, {"scope": "atproto"}])
async def test_refreshed_to_another_grant(net: Net, tokens: dict[str, str]) -> None:
    grant = await net.granted()
    net.server.script.tokens = tokens
    with pytest.raises(GrantOver):
        await net.oauth.refresh(grant)


async def test_grant_without_refresh_token(net: Net) -> None:
    net.server.script.tokens = {"refresh_token": None}
    with pytest.raises(GrantOver):
        await net.oauth.refresh(await net.granted())


async def test_account_has_moved(net: Net) -> None:
    """Whoever does not sign its owner in any more, is asked for nothing; who still does, keeps being asked."""
    async with auth_server() as elsewhere:
        grant = await net.granted()
        net.says(f"/{DID}", Reply(500))
        grant = await net.oauth.refresh(grant)  # nobody tells, so it lives where it did
        net.server.script.answers.clear()

        net.server.home = elsewhere.url
        elsewhere.script.resource = {"authorization_servers": [net.server.url]}
        moved = await net.oauth.refresh(grant)
        assert moved.pds == elsewhere.url

        grant = replace(moved, pds=grant.pds)
        elsewhere.script.answers[WELL_KNOWN[0]] = Reply(503)
        grant = await net.oauth.refresh(grant)
        elsewhere.script.answers[WELL_KNOWN[0]] = Reply(404)
        with pytest.raises(GrantOver):
            await net.oauth.refresh(grant)
        elsewhere.script.answers.clear()
        elsewhere.script.resource = {}
        with pytest.raises(GrantOver):
            await net.oauth.refresh(grant)


async def test_directory_is_silent(net: Net, mock_clock: MockClock) -> None:
    """Then there is time left to ask for new tokens, where it was always asked."""
    grant = await net.granted()
    net.server.asked.clear()
    net.says(f"/{DID}", Reply(200, b"{", {"content-length": "2"}))

    async def leap() -> None:
        while not net.server.asked:
            await trio.lowlevel.checkpoint()
        mock_clock.jump(RENEWAL_SECONDS / 2)
        await wait_all_tasks_blocked(LIMIT_SECONDS)  # which takes so long only where nothing comes of it
        mock_clock.jump(RENEWAL_SECONDS)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leap)
        with trio.fail_after(RENEWAL_SECONDS):
            assert (await net.oauth.refresh(grant)).pds == grant.pds
        nursery.cancel_scope.cancel()
    assert net.server.paths() == [f"/{DID}", "/oauth/token"]


async def test_grant_is_ended_there(net: Net) -> None:
    grant = await net.granted()
    net.server.end()
    with pytest.raises(GrantOver):
        await net.oauth.post(grant, f"{net.server.url}/xrpc/a.b.c", {})
    with pytest.raises(GrantOver):
        await net.oauth.refresh(grant)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
async def test_answers_to_other_questions(net: Net, status: int) -> None:
    """What is not about who asks is the caller's to read."""
    grant = await net.granted()
    net.says("/xrpc/a.b.c", said({"error": "InvalidSwap"}, status))
    answer = await net.oauth.post(grant, f"{net.server.url}/xrpc/a.b.c", {})
    assert (answer.status, answer.json()) == (status, {"error": "InvalidSwap"})


async def test_revoke(net: Net) -> None:
    grant = await net.granted()
    await net.oauth.revoke(grant)
    [kept] = net.server.grants.values()
    assert kept.over


@pytest.mark.parametrize("reply", [*GARBAGE, *AWAY, said({"error": "invalid_request"}, 400), Reply(404)])
async def test_revoke_is_best_effort(net: Net, reply: Reply) -> None:
    grant = await net.granted()
    net.says("/oauth/revoke", reply)
    await net.oauth.revoke(grant)
    await net.oauth.revoke(replace(grant, revocation_endpoint=None))
    await net.oauth.revoke(replace(grant, revocation_endpoint="http://localhost:1/"))


# Secrets.


async def test_nothing_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Not by a log at its most talkative, not by a repr, not by an error with all its causes."""
    caplog.set_level(logging.DEBUG)
    key = new_key()
    async with network(client_of("https://forum.example", key)) as net:
        with structlog.testing.capture_logs() as logs:
            sign_in = await net.oauth.begin(HANDLE)
            answer = net.server.visit(sign_in.url)
            grant = await net.oauth.finish(sign_in, answer)
            told = [repr(sign_in), repr(grant), repr(net.oauth)]
            new = await net.oauth.refresh(grant)
            await net.oauth.post(new, f"{net.server.url}/xrpc/a.b.c", {})
            for reply in (*GARBAGE, *AWAY, said({"access_token": new.access, "token_type": 1}), Reply(401)):
                for path in ("/oauth/token", "/xrpc/a.b.c"):
                    net.says(path, reply)
                told += [
                    await failure(net.oauth.refresh(new)),
                    await failure(net.oauth.finish(sign_in, answer)),
                    await failure(net.oauth.get(replace(new, access="a\nb"), f"{net.server.url}/xrpc/a.b.c")),
                ]
    secrets = [sign_in.state, sign_in.verifier, sign_in.key["d"], answer["code"], key["d"]]
    secrets += [grant.access, grant.refresh or "", new.access, new.refresh or ""]
    for text in (*told, *map(repr, logs), caplog.text):
        assert not [secret for secret in secrets if secret in text]


async def failure(doing: Any) -> str:  # Any: an awaitable of whatever
    """Everything an error says, if there is one."""
    try:
        await doing
    except Exception as error:  # noqa: BLE001 - all of them
        return "".join(traceback.format_exception(error))
    return ""
