"""Repositories that cannot be had, or not be believed: an entry in the errors, stale, and never a failed job."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from daemon.pool import Pool
from forum import jobs, ledger
from forum.records.datamodel import cid_of
from forum.records.names import MEMBERSHIP, POST
from forum.records.syntax import tid_of
from tests.standins.pds import CUT, LATEST, LIST, STATUS, Params, Record, Repo, Script, always, at_first
from tests.support.backfill import LITTLE, Scene, backfill_scene
from tests.support.forum import ANN, BOB, F, tid, topic
from tests.support.site import Reply, said
from tests.support.waiting import until

BAD = "did:plc:bad"
KINDS = ("deactivated", "takendown", "suspended")


@pytest.fixture
async def scene(database: Pool) -> AsyncIterator[Scene]:
    """Ann is at home, with the forum; Bob, elsewhere, is the trouble."""
    async with backfill_scene(database, "elsewhere", "third") as scene:
        scene.member(ANN)
        scene.member(BOB, "elsewhere")
        yield scene


def bob_of(scene: Scene) -> Repo:
    return scene.net.servers["elsewhere"].repos[BOB]


def posts(script: Script) -> Script:
    """Only when asked for posts."""

    async def chosen(params: Params) -> Reply | None:
        return await script(params) if params["collection"] == POST else None

    return chosen


def listing(*entries: object, cursor: object = None) -> Reply:
    return said({"records": list(entries), "cursor": cursor})


def entry(number: int, *, did: str = BAD, collection: str = POST) -> Record:
    record = {"$type": POST, **topic(f"invented {number}")}
    return {"uri": f"at://{did}/{collection}/{tid(number)}", "cid": cid_of(record), "value": record}


async def endless(params: Params) -> Reply:
    """Well-formed records without end, each page below the last."""
    high = int(params.get("cursor", 10**6))
    return listing(*[entry(n) for n in range(high - 1, high - 51, -1)], cursor=str(high - 50))


async def climbing(params: Params) -> Reply:
    """Each page above the last."""
    low = int(params.get("cursor", 1000))
    return listing(*[entry(n) for n in range(low + 10, low, -1)], cursor=str(low + 10))


PAGES: dict[str, Script] = {
    "another's record": always(listing(entry(7, did=ANN))),
    "another collection's": always(listing(entry(7, collection=MEMBERSHIP))),
    "same page again": always(listing(entry(9), entry(8), cursor=tid(8))),
    "rising keys": always(listing(entry(8), entry(9))),
    "same key twice": always(listing(entry(8), entry(8))),
    "climbing pages": climbing,
    "endless": endless,
    "no json": always(Reply(200, b"<html>")),
    "nothing": always(Reply(200, b"")),
    "deep": always(Reply(200, b'{"records":' + b"[" * 100_000)),
    "deep and closed": always(Reply(200, b'{"records":' + b"[" * 10_000 + b"]" * 10_000 + b"}")),
    "a list": always(said([])),
    "records an object": always(said({"records": {}})),
    "records of numbers": always(listing(1)),
    "no uri": always(listing({**entry(1), "uri": 5})),
    "no cid": always(listing({**entry(1), "cid": None})),
    "no value": always(listing({**entry(1), "value": [1]})),
    "bad key": always(listing({**entry(1), "uri": f"at://{BAD}/{POST}/.."})),
    "refused": always(said({"error": "InvalidRequest"}, 400)),
    "a refusal that no table can hold": always(said({"error": "In\0valid"}, 400)),
}


HEADS: dict[str, Reply] = {
    "no rev": said({"cid": "x"}),
    "a number": said({"rev": 5}),
    "no tid": said({"rev": "yesterday"}),
    "the future": said({"rev": tid_of(2**52, 0)}),
    "a list": said([1]),
    "no json": Reply(200, b"\xff\xfe"),
    "a page of html": Reply(404, b"<html>"),
    "elsewhere": Reply(302, headers={"location": "http://127.0.0.1/"}),
    "large": Reply(200, b" " * 2_000_000),
    "status that is no answer": said({"error": "RepoNotFound"}, 400),
}


async def test_what_cannot_be_believed(database: Pool) -> None:
    """Whose and which is to blame is in the errors; all others are in, and the job completes and says so."""
    cases: list[tuple[str, str, Script]] = [
        *((LIST, POST, posts(script)) for script in PAGES.values()),
        *((LATEST, "", always(reply)) for reply in HEADS.values()),
    ]
    async with backfill_scene(database, *[f"server{number}" for number in range(len(cases))]) as scene:
        honest = [scene.member(ANN), scene.net.servers["home"].repos[F]]
        blamed = set()
        for number, (method, collection, script) in enumerate(cases):
            repo = scene.member(f"{BAD}{number}", f"server{number}")
            repo.scripts[method] = as_own(script)
            blamed.add((repo.did, collection or None))
        job = await scene.done()
        errors = await scene.errors(job)
        assert {(did, collection) for did, collection, _ in errors} == blamed
        assert all(message for _, _, message in errors)
        assert (job.status, job.error_count, job.dids_processed) == ("completed", len(cases), len(cases) + 2)
        assert job.error_message is not None
        assert f"{len(cases)} " in job.error_message
        assert await scene.stale() == {did for did, _ in blamed}
        assert await scene.is_in(*honest)
        assert scene.crashes == []


def as_own(script: Script) -> Script:
    """The answers above are about BAD: let them be about whoever is asked for."""

    async def answer(params: Params) -> Reply | None:
        reply = await script(params)
        did = params.get("repo") or params["did"]
        return reply and replace(reply, body=reply.body.replace(f"{BAD}/".encode(), f"{did}/".encode()))

    return answer


async def check_only_bob_is_missing(scene: Scene) -> None:
    (job,) = await scene.history()
    home = scene.net.servers["home"]
    assert (job.status, job.error_count, job.dids_total, job.dids_processed) == ("completed", 1, 3, 3)
    assert job.error_message is not None
    assert "1 " in job.error_message
    assert await scene.stale() == {BOB}
    assert await scene.is_in(home.repos[F], home.repos[ANN])
    assert scene.crashes == []


FAILURES: dict[str, Reply] = {
    "500": Reply(500, b"<html>"),
    "502, not json": Reply(502, b"\0"),
    "cut": CUT,
    "slow": Reply(200, stalls=True),
    "not http": Reply(99),
}


@pytest.fixture
def clock() -> MockClock:
    """Time passes as ever, but for leaps."""
    return MockClock(rate=1)


@pytest.mark.slow
async def test_failures_are_tried_again(clock: MockClock, database: Pool) -> None:
    """Within the job, three times in all: those that pass leave no trace, the others are left for later."""
    names = [f"{kind}{number}" for kind in ("passes", "stays") for number in range(len(FAILURES))]
    slow = [f"did:plc:{name}" for name in names if name.endswith(str([*FAILURES].index("slow")))]
    async with backfill_scene(database, *names, seconds=60) as scene:
        repos = {name: scene.member(f"did:plc:{name}", name) for name in names}
        for number, reply in enumerate(FAILURES.values()):
            repos[f"passes{number}"].scripts[LATEST] = at_first(2, reply)
            repos[f"stays{number}"].scripts[LATEST] = always(reply)
        job_id = await scene.ask()
        async with scene.running(concurrency=12):
            for tries, left in ((1, slow), (2, slow), (3, slow[1:])):
                await until(partial(all_but_these_are_done, scene, job_id, left, tries))
                clock.jump(61)
            job = await scene.ended(job_id)
        bad = {repo.did for name, repo in repos.items() if name.startswith("stays")}
        assert job.status == "completed"
        assert {(did, collection) for did, collection, _ in await scene.errors(job)} == {(did, None) for did in bad}
        assert await scene.stale() == bad
        assert await scene.is_in(*[repo for repo in repos.values() if repo.did not in bad])
        assert [len(scene.asked(LATEST, repo.did)) for repo in repos.values()] == [3] * len(repos)


async def all_but_these_are_done(scene: Scene, job_id: int, dids: list[str], tries: int) -> bool:
    """And these wait for the end of an answer."""
    job = await scene.job(job_id)
    are_asked = all(len(scene.asked(LATEST, did)) == tries for did in dids)
    return are_asked and job.planned and job.dids_processed == job.dids_total - len(dids)


@pytest.mark.slow
async def test_server_that_always_asks_for_a_pause(scene: Scene) -> None:
    """In the midst of each visit: it is obeyed, not for ever, and does not hold up the job's end."""
    bob_of(scene).scripts[LIST] = always(Reply(429, headers={"retry-after": "1"}))
    await scene.done()
    assert len(scene.asked(LIST, BOB)) <= 4
    await check_only_bob_is_missing(scene)


async def test_server_that_refuses_connections(scene: Scene) -> None:
    scene.net.servers["elsewhere"].stop()
    job = await scene.done()
    assert [did for did, _, _ in await scene.errors(job)] == [BOB]
    await check_only_bob_is_missing(scene)


DOCUMENTS: dict[str, Reply] = {
    "unknown": Reply(404),
    "another's": said({"id": ANN}),
    "no server": said({"id": BOB}),
    "no json": Reply(200, b"{"),
    "odd server": said(
        {"id": BOB, "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "x"}]}
    ),
    "away": Reply(503),
}


async def test_accounts_that_cannot_be_resolved(scene: Scene) -> None:
    """Whatever the directory says of them, or does not say."""
    dids = [f"did:plc:odd{number}" for number in range(len(DOCUMENTS))]
    for did, reply in zip(dids, DOCUMENTS.values(), strict=True):
        scene.member(did)
        scene.net.servers["plc"].scripts[f"/{did}"] = always(reply)
    job = await scene.done()
    assert job.status == "completed"
    assert {did for did, _, _ in await scene.errors(job)} == {*dids} == await scene.stale()


async def test_records_that_are_not_what_they_say(scene: Scene) -> None:
    """A wrong CID, another collection's type, a broken record: only they are kept out, with the reason.

    The wrong CID is the server's doing, so the repository is not done with.
    """
    bob = bob_of(scene)
    bob.put(POST, 50, {"text": "no board"})
    bob.put(POST, 51, {**topic("another type"), "$type": MEMBERSHIP})
    bob.put(POST, 52, topic("lie"))
    honest = [bob.entry(POST, key) for key in sorted(bob.records[POST], reverse=True)]
    lies = [{**one, "cid": cid_of({})} if one["uri"].endswith(tid(52)) else one for one in honest]
    bob.scripts[LIST] = posts(always(listing(*lies)))
    job = await scene.done()
    assert await scene.errors(job) == [(BOB, POST, "bad_cid: a record does not match its CID")]
    assert await scene.stale() == {BOB}
    assert job.error_message == f"Repositories not fetched yet: 1 ({BOB}). They are tried again; see the errors."
    for key in (50, 51, 52):
        bob.delete(POST, key)
    assert await scene.is_in(bob)
    reasons = [
        await scene.one("SELECT why FROM ledger WHERE did = $1 AND rkey = $2", BOB, tid(n)) for n in (50, 51, 52)
    ]
    assert None not in reasons
    assert reasons[2] == "bad_cid"


async def test_pages_without_records(scene: Scene) -> None:
    """A server may sift its pages: one without records is no end while a cursor says that more follows."""
    bob = bob_of(scene)

    async def sifted(params: Params) -> Reply | None:
        cursor = params.get("cursor", "-")
        if cursor.startswith("---"):
            return bob.page({**params, "cursor": "z"})
        return listing(cursor=f"{cursor}-") if cursor.startswith("-") else None

    bob.scripts[LIST] = posts(sifted)
    assert await scene.errors(await scene.done()) == []
    assert await scene.is_in(bob)


async def test_pages_without_records_or_end(scene: Scene) -> None:
    async def empty(params: Params) -> Reply:
        return listing(cursor=params.get("cursor", "") + "x")

    bob_of(scene).scripts[LIST] = posts(empty)
    ((did, collection, reason),) = await scene.errors(await scene.done())
    assert (did, collection, reason.split(":")[0]) == (BOB, POST, "endless")


@pytest.mark.slow
async def test_large_records_are_asked_for_a_few_at_a_time(scene: Scene) -> None:
    """A page that is too large is no reason to give up the collection."""
    bob = bob_of(scene)
    for number in range(60):
        bob.put(POST, 200 + number, {**topic(f"large {number}"), "note": "x" * 240_000})
    job = await scene.done()
    assert await scene.errors(job) == []
    assert await scene.is_in(bob)


# Accounts that are not where they were --------------------------------------------------------------------------------


async def known(scene: Scene) -> Repo:
    """Bob, after a first job and after he was asked about."""
    await scene.done()
    bob = bob_of(scene)
    await scene.do("UPDATE accounts SET pds = $2 WHERE did = $1", BOB, scene.net.homes[BOB])
    assert await scene.is_in(bob)
    return bob


async def status(scene: Scene) -> str:
    return str(await scene.one("SELECT status FROM accounts WHERE did = $1", BOB))


@pytest.mark.parametrize("kind", KINDS)
async def test_closed_account(scene: Scene, kind: str) -> None:
    """Its server says so when asked again; the account is hidden, and nobody waits for its repository."""
    bob = await known(scene)
    bob.status = kind
    job = await scene.done()
    ((did, collection, message),) = await scene.errors(job)
    assert (did, collection, await status(scene)) == (BOB, None, kind)
    assert kind in message
    assert await scene.stale() == set()
    assert await scene.one("SELECT count(*) FROM posts WHERE did = $1 AND shown", BOB) == 0
    bob.status = "active"
    bob.put(POST, 300, topic("back"))
    await scene.done()
    assert await status(scene) == "active"
    assert await scene.is_in(bob)
    assert await scene.one("SELECT count(*) FROM posts WHERE did = $1 AND shown", BOB) == 3


async def test_closed_and_back_in_the_same_moment(scene: Scene) -> None:
    """That it was closed is told when it is open again, and marked to be read anew: the mark stays."""
    await known(scene)
    async with scene.database.transaction() as tx:
        await ledger.mark_stale(tx, {BOB: "active_again"})
        await jobs.leave(tx, BOB)
    assert await scene.stale() == {BOB}


def from_directory(scene: Scene) -> None:
    del scene.net.homes[BOB]
    del scene.net.servers["elsewhere"].repos[BOB]


def from_server(scene: Scene) -> None:
    del scene.net.servers["elsewhere"].repos[BOB]


@pytest.mark.parametrize("delete", [from_directory, from_server])
async def test_deleted_account(scene: Scene, delete: Callable[[Scene], None]) -> None:
    """Gone from the server, or from the directory too: confirmed, its content is erased; and it may come back."""
    bob = await known(scene)
    delete(scene)
    job = await scene.done()
    assert [(did, collection) for did, collection, _ in await scene.errors(job)] == [(BOB, None)]
    assert (await status(scene), await scene.stale()) == ("deleted", set())
    assert await scene.one("SELECT count(*) FROM posts WHERE did = $1", BOB) == 0
    scene.net.homes[BOB] = bob.home.url
    bob.home.repos[BOB] = bob
    await scene.done("catch_up")
    assert await status(scene) == "active"
    assert await scene.is_in(bob)


async def test_deletion_that_is_not_confirmed(scene: Scene) -> None:
    """The server denies the repository, and cannot tell the status: nothing is erased."""
    bob = await known(scene)
    bob.scripts[LATEST] = always(said({"error": "RepoNotFound"}, 400))
    bob.scripts[STATUS] = always(Reply(500))
    bob.number += 1
    await scene.done()
    assert (await status(scene), await scene.stale()) == ("active", {BOB})
    assert await scene.is_in(bob)


@pytest.mark.parametrize("old", ["denies", "deactivated", "refuses connections"])
async def test_moved_account(scene: Scene, old: str) -> None:
    """What we have is its old address; its document says where it lives now."""
    bob = await known(scene)
    scene.net.move(bob, "third")
    if old == "deactivated":
        left = scene.net.servers["elsewhere"].repos[BOB] = Repo(BOB, scene.net.servers["elsewhere"])
        left.status = "deactivated"
    if old == "refuses connections":
        scene.net.servers["elsewhere"].stop()
    bob.put(POST, 300, topic("from the new place"))
    job = await scene.done("catch_up")
    assert (await scene.errors(job), await scene.stale()) == ([], set())
    assert await scene.is_in(bob)
    assert await scene.one("SELECT pds FROM accounts WHERE did = $1", BOB) == scene.net.servers["third"].url


async def test_visit_without_end(scene: Scene) -> None:
    """A server that answers each question, ever so slowly, is left in the end; its repository stays for later."""
    await scene.done()
    bob = bob_of(scene)
    bob.number += 1

    async def slowly(params: Params) -> Reply | None:
        await trio.sleep_forever()

    bob.scripts[LIST] = slowly
    job = await scene.done("catch_up", patience=replace(LITTLE, visit_seconds=0.3))
    assert (BOB, None, "it takes too long") in await scene.errors(job)
    assert job.status == "completed"
    assert BOB in await scene.stale()
