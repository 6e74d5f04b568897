"""Who an account is: asked of the network, kept in the index, and asked again when there is reason to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
import trio

from actors import identity
from actors.health import Pulse
from actors.identity import FRESH_SECONDS, Keys, WakeUp, run_identity
from actors.resolver import Resolver
from actors.web_client import open_web_client
from forum import accounts
from forum.accounts import Identity, Status
from forum.errors import BadInput, Unavailable
from forum.protocol.documents import origin_of, read_document
from tests.support.forum import ANN, BOB, Index, put, reply, topic, uri
from tests.support.site import Reply, Site, said, serving
from tests.support.waiting import until

KEY = "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"
STATUS, HANDLE = "/xrpc/com.atproto.sync.getRepoStatus", "/xrpc/com.atproto.identity.resolveHandle"


# Asking the network ---------------------------------------------------------------------------------------------------


def document(did: str, pds: object, *, handle: str = "ann.example", key: object = KEY) -> dict[str, Any]:
    return {
        "id": did,
        "alsoKnownAs": ["https://ann.example", f"at://{handle}"],
        "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds}],
        "verificationMethod": [{"id": f"{did}#atproto", "type": "Multikey", "publicKeyMultibase": key}],
    }


@asynccontextmanager
async def network(**more: Any) -> AsyncIterator[tuple[Site, Resolver]]:  # Any: fields of the resolver
    """A directory, a PDS and a handle resolver in one, where all is well with Ann."""
    async with serving() as site, open_web_client(development=True) as client:
        site.answers |= {
            f"/{ANN}": said(document(ANN, site.url)),
            STATUS: said({"did": ANN, "active": True}),
            HANDLE: said({"did": ANN}),
        }
        places = {"plc_url": site.url, "handle_resolver_url": site.url, "dns_server": None} | more
        yield site, Resolver(client=client, development=True, **places)


async def test_all_is_well() -> None:
    async with network() as (site, resolver):
        found = await resolver.ask(ANN)
        assert found == Identity(did=ANN, handle="ann.example", pds=site.url, signing_key=KEY, status="active")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (said({"active": False, "status": "deactivated"}), "deactivated"),
        (said({"active": False, "status": "takendown"}), "takendown"),
        (said({"active": False, "status": "suspended"}), "suspended"),
        (said({"error": "RepoTakendown"}, 400), "takendown"),
        (said({"error": "RepoNotFound"}, 400), "deleted"),
    ],
)
async def test_status(answer: Reply, status: Status) -> None:
    async with network() as (site, resolver):
        site.answers[STATUS] = answer
        assert (await resolver.ask(ANN)).status == status


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (f"/{ANN}", Reply(404)),
        (f"/{ANN}", said({"id": BOB})),
        (f"/{ANN}", said([])),
        (STATUS, Reply(502, b"<html>")),
        (STATUS, said({"error": "RepoNotFound"}, 500)),
        (STATUS, said({"active": "yes"})),
        (STATUS, said({"active": False, "status": "new word"})),
    ],
)
async def test_no_answer(path: str, answer: Reply) -> None:
    """Nothing is concluded from it, least of all that an account is gone."""
    async with network() as (site, resolver):
        site.answers[path] = answer
        with pytest.raises((Unavailable, BadInput)):
            await resolver.ask(ANN)


async def test_tombstone() -> None:
    async with network() as (site, resolver):
        site.answers[f"/{ANN}"] = Reply(410)
        assert (await resolver.ask(ANN)).status == "deleted"


async def test_account_without_a_pds() -> None:
    async with network() as (site, resolver):
        site.answers[f"/{ANN}"] = said(document(ANN, None))
        assert (await resolver.ask(ANN)).status == "deactivated"


async def test_did_web() -> None:
    async with network() as (site, resolver):
        did = "did:web:localhost%3A" + site.url.rpartition(":")[2]
        site.answers["/.well-known/did.json"] = said(document(did, site.url))
        site.answers[HANDLE] = said({"did": did})
        assert (await resolver.ask(did)).handle == "ann.example"


@pytest.mark.parametrize("name", ["a%2Fb", "a%23b", "u%40a", "a%3Fb", "a:b", "a%00b", "%5B%3A%3A1%5D%3A99999"])
async def test_did_web_that_is_no_host(name: str) -> None:
    """It leads to no other path than the one of documents."""
    async with network() as (site, resolver):
        with pytest.raises(BadInput):
            await resolver.document(f"did:web:{name}")
        assert site.asked == []


@pytest.mark.parametrize(
    ("answer", "believed", "handle"),
    [
        (said({"did": BOB}), "ann.example", None),
        (said({"error": "HandleNotFound"}, 400), "ann.example", None),
        (Reply(502, b"<html>"), "ann.example", "ann.example"),
        (Reply(502, b"<html>"), "old.example", None),
        (Reply(502, b"<html>"), None, None),
    ],
    ids=["another's", "nobody's", "known before", "another before", "never known"],
)
async def test_handle(answer: Reply, believed: str | None, handle: str | None) -> None:
    """Confirmed in both directions or none; when nobody tells, what was confirmed before stays."""
    async with network() as (site, resolver):
        site.answers[HANDLE] = answer
        found = await resolver.ask(ANN, believed=believed)
        assert (found.handle, found.status) == (handle, "active")


@asynccontextmanager
async def name_server(*texts: str) -> AsyncIterator[int]:
    """Answers every question with these TXT records; without any it fails. The port."""
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as socket:
        await socket.bind(("127.0.0.1", 0))

        async def answer() -> None:
            while True:
                packet, peer = await socket.recvfrom(4096)
                question = dns.message.from_wire(packet)
                reply = dns.message.make_response(question)
                if texts:
                    reply.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "TXT", *texts))
                else:
                    reply.set_rcode(dns.rcode.SERVFAIL)
                await socket.sendto(reply.to_wire(), peer)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            yield socket.getsockname()[1]
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("texts", "handle"),
    [
        ([f'"did={ANN}"'], "ann.invalid"),
        (['"v=spf1"', f'"did={ANN}"', f'"did={ANN}"'], "ann.invalid"),
        ([f'"did={BOB}"'], None),
        ([f'"did={ANN}"', f'"did={BOB}"'], None),
        ([], None),
    ],
    ids=["one", "among others", "another's", "several", "silent"],
)
async def test_handle_by_dns(texts: list[str], handle: str | None) -> None:
    """The name is nowhere else: `.invalid` has no sites."""
    async with name_server(*texts) as port:
        more = {"handle_resolver_url": None, "dns_server": "127.0.0.1", "dns_port": port}
        async with network(**more) as (site, resolver):
            site.answers[f"/{ANN}"] = said(document(ANN, site.url, handle="ann.invalid"))
            assert (await resolver.ask(ANN)).handle == handle


@pytest.mark.parametrize(
    "text", [None, b"", b"options edns0\n", b"nameserver somewhere\n", b"# \xe9\nnameserver ::1\n"]
)
async def test_machine_without_a_name_server(
    text: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or with a resolv.conf that nobody can read: the handle's own site is asked, and nothing crashes."""
    file, read = tmp_path / "resolv.conf", dns.resolver.BaseResolver.read_resolv_conf
    if text is not None:
        file.write_bytes(text)
    monkeypatch.setattr(dns.resolver.BaseResolver, "read_resolv_conf", lambda self, _: read(self, file))
    async with network(handle_resolver_url=None) as (site, resolver):
        site.answers[f"/{ANN}"] = said(document(ANN, site.url, handle="ann.invalid"))
        assert (await resolver.ask(ANN)).handle is None


@pytest.mark.parametrize("key", ["z\0", "m" + "A" * 40, "z" * 100_000, "", 7, None])
def test_keys_that_are_none(key: object) -> None:
    assert read_document(ANN, document(ANN, "https://a.example", key=key)).signing_key is None


PLACES = (
    *(
        "https://a\0b",
        "https://a b",
        "https://u@a",
        "https://a/x",
        "https://a?x",
        "ftp://a",
        "https://",
        "https://[::1",
    ),
    *("https://" + "a" * 300, "https://a:99999", "javascript:1", "https://é.example"),
)


@pytest.mark.parametrize("url", PLACES)
def test_places_that_are_none(url: str) -> None:
    assert origin_of(url) is None


# Keeping the answer ---------------------------------------------------------------------------------------------------


class Oracle:
    """Answers as it is told; `asked` meanwhile does what a test wants to happen while it is being asked."""

    def __init__(self) -> None:
        self.status: Status = "active"
        self.fails = False
        self.pds = "https://one.example"
        self.meanwhile: Any = None  # Any: an async function, or nothing

    async def ask(self, did: str, *, believed: str | None = None) -> Identity:
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.fails:
            raise Unavailable("no answer")
        handle = f"{did.rpartition(':')[2]}.example"
        return Identity(did=did, handle=handle, pds=self.pds, signing_key=KEY, status=self.status)


@pytest.fixture
async def talk(index: Index) -> Index:
    """Ann's topic and Bob's reply; both are due, being new."""
    await index.apply(put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(uri(ANN, 1))))
    return index


async def refresh(index: Index, oracle: Oracle, pulse: Pulse) -> None:
    """Let the actor work until nobody is due."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_identity, oracle, index.database, WakeUp(), pulse)  # type: ignore[arg-type]
        await until(lambda: index.one("SELECT count(*) = 0 FROM accounts WHERE refresh_at <= now()"))
        nursery.cancel_scope.cancel()


async def ask_again(index: Index) -> None:
    async with index.writing() as tx:
        await accounts.ask_again(tx, [ANN, BOB])


async def become(index: Index, oracle: Oracle, pulse: Pulse, status: Status) -> None:
    oracle.status = status
    await ask_again(index)
    await refresh(index, oracle, pulse)


async def test_new_accounts_are_asked_about(talk: Index, pulse: Pulse) -> None:
    await refresh(talk, Oracle(), pulse)
    rows = await talk.rows("SELECT handle, pds, signing_key, status FROM accounts ORDER BY did")
    assert rows == [(name, "https://one.example", KEY, "active") for name in ("ann.example", "bob.example")]
    assert await talk.one("SELECT min(refresh_at) > now() + interval '12 hours' FROM accounts")
    assert await talk.stale(ANN) is None


async def test_away_and_back(talk: Index, pulse: Pulse) -> None:
    """Hidden while it lasts; then shown, and fetched anew."""
    oracle = Oracle()
    await become(talk, oracle, pulse, "deactivated")
    assert (await talk.shown(), await talk.counts()) == ([], (0, 0))
    assert await talk.held() == 2
    await become(talk, oracle, pulse, "takendown")
    await become(talk, oracle, pulse, "active")
    assert await talk.shown() == ["topic", "reply"]
    assert await talk.stale(ANN) == "active_again"


async def test_deleted(talk: Index, pulse: Pulse) -> None:
    """What was written is erased, once; coming back makes it stale."""
    oracle = Oracle()
    for _ in range(2):
        await become(talk, oracle, pulse, "deleted")
        assert (await talk.held(), await talk.counts()) == (0, (0, 0))
    await become(talk, oracle, pulse, "active")
    assert await talk.stale(ANN) == "active_again"


async def test_moved(talk: Index, pulse: Pulse) -> None:
    oracle = Oracle()
    await refresh(talk, oracle, pulse)
    oracle.pds = "https://two.example"
    await become(talk, oracle, pulse, "active")
    assert await talk.stale(ANN) == "moved"


async def test_a_handle_outlives_an_outage(talk: Index) -> None:
    """While nobody tells where it points, people go on to be called what they were."""
    async with network() as (site, resolver):
        for answer in (said({"did": ANN}), Reply(502, b"<html>")):
            site.answers[HANDLE] = answer
            await identity.refresh(resolver, talk.database, ANN)
            assert await talk.one("SELECT shown_handle FROM accounts WHERE did = $1", ANN) == "ann.example"


async def test_failures(talk: Index, pulse: Pulse) -> None:
    """Nothing is concluded; the next try is put off, each time for longer, and at last for hours at most."""
    oracle = Oracle()
    oracle.fails = True
    wait = "SELECT extract(epoch FROM max(refresh_at) - $1::timestamptz)::float8 FROM accounts"
    for failures, longest in ((0, 10), (3, 80), (40, 6 * 3600)):
        await talk.do("UPDATE accounts SET refresh_at = now(), refresh_failures = $1", failures)
        began = await talk.one("SELECT clock_timestamp()")
        await refresh(talk, oracle, pulse)
        assert await talk.one(wait, began) >= longest / 2
        assert await talk.one(wait, await talk.one("SELECT clock_timestamp()")) <= longest
    assert await talk.shown() == ["topic", "reply"]
    oracle.fails = False
    await talk.do("UPDATE accounts SET refresh_at = now()")
    await refresh(talk, oracle, pulse)
    assert await talk.one("SELECT max(refresh_failures) FROM accounts") == 0


async def test_asked_for_meanwhile(talk: Index, pulse: Pulse) -> None:
    """An event that came while we were asking may be newer than the answer: it is asked once more, and then no more."""
    oracle, times = Oracle(), 0

    async def meanwhile() -> None:
        nonlocal times
        times += 1
        if times <= 2:
            await ask_again(talk)

    oracle.meanwhile = meanwhile
    await refresh(talk, oracle, pulse)
    assert times == 4
    assert await talk.one("SELECT min(refresh_at) > now() + make_interval(secs => $1) FROM accounts", FRESH_SECONDS / 2)


async def test_asked_for_before(talk: Index) -> None:
    """What was asked for before the asking began is answered by it, although it is stored later."""
    asked_at = await talk.one("SELECT clock_timestamp()")
    async with talk.writing() as tx:
        found = Identity(did=ANN, handle=None, pds=None, signing_key=None, status="active")
        await accounts.store(tx, found, asked_at=asked_at, again_in_seconds=60)
    assert await talk.one("SELECT refresh_at > now() + interval '30 seconds' FROM accounts WHERE did = $1", ANN)


async def test_wake_up(talk: Index, pulse: Pulse) -> None:
    """A bell rung while nobody listened is heard."""
    bell = WakeUp()
    bell.ring()
    await bell.wait(3600)
    await refresh(talk, Oracle(), pulse)
    oracle = Oracle()
    oracle.status = "deactivated"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_identity, oracle, talk.database, bell, pulse)  # type: ignore[arg-type]
        await ask_again(talk)
        bell.ring()
        await until(lambda: talk.one("SELECT count(*) = 2 FROM accounts WHERE status = 'deactivated'"))
        nursery.cancel_scope.cancel()


async def test_keys(talk: Index) -> None:
    """Asked for once, and anew when told to; a gone account has none."""
    async with network() as (site, resolver):
        keys = Keys(resolver, talk.database)
        assert [await keys(ANN), await keys(ANN), await keys(ANN, fresh=True)] == [KEY] * 3
        assert len(site.asked) == 2
        site.answers[f"/{ANN}"] = Reply(410)
        assert await keys(ANN, fresh=True) is None


async def test_keys_of_the_index(talk: Index) -> None:
    """A restart asks nobody: the index has the keys of those it knows."""
    await talk.do("UPDATE accounts SET signing_key = $2 WHERE did = $1", ANN, KEY)
    async with network() as (site, resolver):
        assert await Keys(resolver, talk.database)(ANN) == KEY
        assert site.asked == []


async def test_keys_of_did_web_are_not_waited_for(talk: Index) -> None:
    """A host that anyone may name cannot hold up the stream; what identity found out later is used."""
    web = "did:web:slow.example"
    async with network() as (site, resolver):
        keys = Keys(resolver, talk.database)
        with pytest.raises(Unavailable):
            await keys(web)
        await talk.do("INSERT INTO accounts (did, signing_key) VALUES ($1, $2)", web, KEY)
        assert await keys(web) == KEY
        with pytest.raises(Unavailable):
            await keys(web, fresh=True)  # the commit does not fit the key we have: only asking again can tell
        await talk.do("UPDATE accounts SET signing_key = $2 WHERE did = $1", web, "zNewer")
        assert await keys(web, fresh=True) == "zNewer"
        assert site.asked == []
