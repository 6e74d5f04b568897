"""The backfill manager's API to the letter of the contract, with jobs that nobody works at."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio

from actors.health import Board
from daemon.pool import Pool
from forum import jobs
from forum.database import Connection, DatabaseAway
from tests.web.forum_rows import FORUM_DID, SITE, AwayDatabase, Rows, client_of
from tests.web.signing_in import client_as, session_of
from web.admin import as_json, progress
from web.app import make_app
from web.signed_in import COOKIE

BACKFILL = "/api/admin/backfill"
ANN = "did:plc:ann"
ENDPOINTS = (
    ("POST", BACKFILL),
    ("GET", BACKFILL),
    ("GET", f"{BACKFILL}/1"),
    ("DELETE", f"{BACKFILL}/1"),
    ("GET", f"{BACKFILL}/1/errors"),
    ("GET", f"{BACKFILL}/1/events"),
)


@pytest.fixture
async def owner(database: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may do everything, where some process leads and the stream was followed."""
    await lead(Rows(database))
    await begun(Rows(database))
    async with client_as(database) as client:
        yield client


async def lead(rows: Rows, *, silent_seconds: int = 0) -> None:
    await rows.run(
        "UPDATE leader SET heartbeat_at = clock_timestamp() - make_interval(secs => $1)", float(silent_seconds)
    )


async def begun(rows: Rows) -> None:
    """There is a place in the stream, and the forum's own record."""
    await rows.run("INSERT INTO stream (source, cursor, connected_at) VALUES ('wss://relay', 1, now())")
    await rows.forum()


async def gap(rows: Rows, reason: str = "outage") -> None:
    await rows.run("INSERT INTO gaps (source, reason) VALUES ('wss://relay', $1)", reason)


async def start(client: httpx.AsyncClient, force: str = "full_sync") -> str:
    response = await client.post(BACKFILL, params={"force": force})
    assert response.status_code == 202, response.text
    return response.json()["id"]


def error(response: httpx.Response) -> tuple[int, str]:
    assert set(response.json()) == {"error"}
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_only_for_those_who_may(database: Pool, method: str, path: str) -> None:
    """401 without a session of ours, 403 without manageForum; both before anything is looked up."""
    async with client_of(make_app(database, Board(), SITE)) as anyone:
        assert error(await anyone.request(method, path)) == (401, "Authentication required")
        anyone.cookies.set(COOKIE, "made up")
        assert error(await anyone.request(method, path)) == (401, "Authentication required")
    async with client_as(database, ANN) as member:
        assert error(await member.request(method, path)) == (403, "Insufficient permissions")
        assert error(await member.request(method, path.replace("1", "x"))) == (403, "Insufficient permissions")


async def test_a_granted_permission_is_enough(database: Pool, rows: Rows) -> None:
    """No more than manageForum is asked for, and a ban takes it away."""
    await lead(rows)
    await begun(rows)
    await rows.run(
        "INSERT INTO roles (uri, name, permissions, priority, created_at)"
        " VALUES ('at://keeper', 'Keeper', '{space.atbb.permission.manageForum}', 5, now())"
    )
    await rows.run("INSERT INTO grants VALUES ('3a', $1, 'at://keeper', $2, now())", ANN, FORUM_DID)
    async with client_as(database, ANN) as keeper:
        assert (await keeper.post(BACKFILL)).status_code == 200
        await rows.run(
            "INSERT INTO mod_actions (rkey, pair, is_on, subject, created_by, created_at)"
            " VALUES ('3a', 'ban', true, $1, $2, now())", ANN, FORUM_DID,
        )  # fmt: skip
        assert (await keeper.post(BACKFILL)).status_code == 403


@pytest.mark.parametrize("force", ["catch_up", "full_sync"])
async def test_forced(owner: httpx.AsyncClient, rows: Rows, force: str) -> None:
    """202 with an id that can be asked for at once, whether a gap is open or not."""
    await gap(rows, "no_cursor")
    response = await owner.post(BACKFILL, params={"force": force})
    started = response.json()
    assert response.status_code == 202
    assert started == {
        "message": "Backfill started",
        "type": force,
        "status": "in_progress",
        "id": started["id"],
    }
    assert isinstance(started["id"], str)
    assert response.headers["cache-control"] == "no-store"

    shown = (await owner.get(f"{BACKFILL}/{started['id']}")).json()
    assert shown.pop("startedAt").endswith("Z")
    assert shown == {
        "id": started["id"],
        "status": "in_progress",
        "type": force,
        "didsTotal": 0,
        "didsProcessed": 0,
        "recordsIndexed": 0,
        "errorCount": 0,
        "completedAt": None,
        "errorMessage": None,
    }


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [(["outage"], "catch_up"), (["no_cursor"], "full_sync"), (["outage", "no_forum"], "full_sync")],
)
async def test_needed(owner: httpx.AsyncClient, rows: Rows, reasons: list[str], kind: str) -> None:
    """An open gap asks for a job of its kind."""
    for reason in reasons:
        await gap(rows, reason)
    response = await owner.post(BACKFILL)
    assert (response.status_code, response.json()["type"]) == (202, kind)


@pytest.mark.parametrize("missing", ["DELETE FROM stream", "UPDATE stream SET cursor = NULL", "DELETE FROM forum"])
async def test_nothing_to_catch_up_with(owner: httpx.AsyncClient, rows: Rows, missing: str) -> None:
    """Without a cursor or without the forum's record everything is fetched, whichever gaps are open."""
    await rows.run(missing)
    response = await owner.post(BACKFILL)
    assert (response.status_code, response.json()["type"]) == (202, "full_sync")


async def test_not_needed(owner: httpx.AsyncClient) -> None:
    """200 when no gap is open; a force that is none is no force."""
    for query in ("", "?force=", "?force=everything", "?force=FULL_SYNC", "?force=x&force=full_sync"):
        response = await owner.post(BACKFILL + query)
        assert (response.status_code, response.json()) == (
            200,
            {"message": "No backfill needed. Use ?force=catch_up or ?force=full_sync to override."},
        )


async def test_needed_while_the_stream_is_away(owner: httpx.AsyncClient, rows: Rows) -> None:
    """For longer than the settings allow: what is missed by then is known before anybody could open a gap."""
    await rows.run("UPDATE stream SET connected_at = now() - interval '47 hours'")
    assert (await owner.post(BACKFILL)).status_code == 200
    await rows.run("UPDATE stream SET connected_at = now() - interval '49 hours'")
    assert (await owner.post(BACKFILL)).json()["type"] == "catch_up"


async def test_bodies_are_ignored(owner: httpx.AsyncClient) -> None:
    """Malformed, misleading or too long: nobody reads it, whatever it claims to be."""
    for body in (b"", b"{", b'{"force": "full_sync"}', b"\xff\x00", b"x" * 1_000_000):
        for kind in ("application/json", "text/plain", "nonsense"):
            response = await owner.post(BACKFILL, content=body, headers={"Content-Type": kind})
            assert response.status_code == 200


async def test_one_at_a_time(owner: httpx.AsyncClient, rows: Rows) -> None:
    """409 while one is in progress, also where none would be needed; not any more when it has ended."""
    first = await start(owner)
    for query in ("", "?force=catch_up"):
        assert error(await owner.post(BACKFILL + query)) == (409, "A backfill is already in progress.")
    await rows.run("UPDATE backfills SET status = 'completed'")
    assert int(await start(owner)) > int(first)


async def test_two_at_the_same_time(owner: httpx.AsyncClient) -> None:
    """Of many that ask at once, one gets a job."""
    statuses = []

    async def ask() -> None:
        statuses.append((await owner.post(f"{BACKFILL}?force=full_sync")).status_code)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(ask)
    assert sorted(statuses) == [202, *[409] * 7]


@pytest.mark.parametrize("silent_seconds", [31, 10**9])
async def test_nobody_leads(owner: httpx.AsyncClient, rows: Rows, silent_seconds: int) -> None:
    """503 when no process would work at the job: none ever led, or it is gone."""
    await lead(rows, silent_seconds=silent_seconds)
    status, sentence = error(await owner.post(f"{BACKFILL}?force=full_sync"))
    assert status == 503
    assert sentence.startswith("The backfill manager is not available")
    assert await rows.run("SELECT count(*) FROM backfills") == 0


async def test_database_away() -> None:
    """500 for the request that starts a job, 503 for the others, without a word of how."""
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as client:
        client.cookies.set(COOKIE, "x")
        for method, path in ENDPOINTS:
            status, sentence = error(await client.request(method, path))
            assert status == (500 if method == "POST" else 503)
            assert "secret" not in sentence


async def test_unknown_and_malformed_ids(owner: httpx.AsyncClient) -> None:
    """404 for what is not there, 400 for what is no id."""
    for method, path in ENDPOINTS[2:]:
        assert error(await owner.request(method, path)) == (404, "There is no such backfill.")
        for bad in ("x", "-1", "9223372036854775808"):
            assert (await owner.request(method, path.replace("1", bad))).status_code == 400


async def test_history(owner: httpx.AsyncClient, rows: Rows) -> None:
    """All jobs, newest first, by limit, offset and cursor."""
    made = []
    for _ in range(3):
        made.insert(0, await start(owner))
        await rows.run("UPDATE backfills SET status = 'failed', error_message = 'no luck', completed_at = now()")

    listed = (await owner.get(BACKFILL)).json()
    assert [job["id"] for job in listed.pop("backfills")] == made
    assert listed == {"limit": 25, "offset": 0}
    part = (await owner.get(BACKFILL, params={"limit": 1, "offset": 1})).json()["backfills"]
    assert [(job["id"], job["status"], job["errorMessage"]) for job in part] == [(made[1], "failed", "no luck")]
    assert part[0]["completedAt"].endswith("Z")
    first = (await owner.get(BACKFILL, params={"limit": 2})).json()
    rest = (await owner.get(BACKFILL, params={"limit": 2, "cursor": first["cursor"]})).json()
    assert [job["id"] for job in first["backfills"] + rest["backfills"]] == made
    assert "cursor" not in rest
    assert (await owner.get(BACKFILL, params={"limit": 1000})).json()["limit"] == 100
    for query in ("limit=0", "offset=x", "cursor=W3RydWUsIjIwMjYtMDEtMDFUMDA6MDA6MDBaIiwiYSJd"):
        assert (await owner.get(f"{BACKFILL}?{query}")).status_code == 400


async def test_errors(owner: httpx.AsyncClient, rows: Rows, database: Pool) -> None:
    """A job's own errors, oldest first."""
    job = await start(owner)
    async with database.transaction() as tx:
        await jobs.add_error(tx, int(job), ANN, None, "its server is unreachable")
        await jobs.add_error(tx, int(job), ANN, "space.atbb.post", "a record without its CID")
    errors = (await owner.get(f"{BACKFILL}/{job}/errors")).json()["errors"]
    assert [(e["did"], e["collection"], e["errorMessage"]) for e in errors] == [
        (ANN, None, "its server is unreachable"),
        (ANN, "space.atbb.post", "a record without its CID"),
    ]
    assert set(errors[0]) == {"id", "did", "collection", "errorMessage", "createdAt"}
    assert isinstance(errors[0]["id"], str)

    assert (await owner.get(f"{BACKFILL}/{job}")).json()["errorCount"] == 2
    await rows.run("UPDATE backfills SET status = 'completed'")
    assert (await owner.get(f"{BACKFILL}/{await start(owner)}/errors")).json() == {"errors": []}


async def test_cancel(owner: httpx.AsyncClient, rows: Rows) -> None:
    """202 while it runs, as often as one asks; 409 for one that has ended."""
    job = await start(owner)
    for _ in range(2):
        response = await owner.delete(f"{BACKFILL}/{job}")
        assert (response.status_code, response.json()["id"]) == (202, job)
    assert await rows.run("SELECT cancel_asked FROM backfills")
    await rows.run("UPDATE backfills SET status = 'cancelled'")
    assert (await owner.delete(f"{BACKFILL}/{job}")).status_code == 409
    assert (await owner.get(f"{BACKFILL}/{job}")).json()["status"] == "cancelled"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": "http://forum.test"}, True),
        ({"Origin": "http://forum.test", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://forum.test.evil.example"}, False),
        ({"Origin": "http://forum.test:81"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://[forum.test"}, False),
        ({"Origin": "ftp://forum.test"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://forum.test"}, False),
    ],
)
async def test_requests_of_other_sites(owner: httpx.AsyncClient, headers: dict[str, str], allowed: bool) -> None:
    """A browser that was sent by another site changes nothing here, whoever is signed in; reading is free to try."""
    for method, path in (("POST", BACKFILL), ("DELETE", f"{BACKFILL}/1"), ("POST", "/api/auth/logout")):
        status = (await owner.request(method, path, headers=headers)).status_code
        assert (status != 403) == allowed
    if not allowed:
        assert (await owner.get(BACKFILL, headers=headers)).status_code == 200


def events_in(text: str) -> list[tuple[str, dict]]:
    """The name and the data of each event."""
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_events_of_a_job_that_has_ended(owner: httpx.AsyncClient, rows: Rows) -> None:
    """One last word, and the stream ends."""
    job = await start(owner)
    await rows.run("UPDATE backfills SET status = 'completed', dids_processed = 7, completed_at = now()")
    response = await owner.get(f"{BACKFILL}/{job}/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert events_in(response.text) == [("end", (await owner.get(f"{BACKFILL}/{job}")).json())]


class Script:
    """A database whose reads go as written: a status, or None while it is away."""

    def __init__(self, database: Pool, *words: str | None) -> None:
        self.database, self.words = database, iter(words)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        word = next(self.words)
        if word is None:
            raise DatabaseAway
        async with self.database.connection() as connection:
            await connection.execute("UPDATE backfills SET status = $1, records_indexed = records_indexed + 1", word)
            yield connection


async def test_events(owner: httpx.AsyncClient, database: Pool) -> None:
    """Progress until the job ends; a database that is away is waited for."""
    job = await start(owner)
    async with database.connection() as connection:
        begun = await jobs.read(connection, int(job))
    assert begun is not None
    script = Script(database, "in_progress", None, "in_progress", "failed")

    told = [word async for word in progress(script, begun, trio.Event(), as_json, seconds=0)]

    assert told.pop(2).startswith(b":")
    seen = events_in(b"".join(told).decode())
    assert [(name, job["status"], job["recordsIndexed"]) for name, job in seen] == [
        ("progress", "in_progress", 0),
        ("progress", "in_progress", 1),
        ("progress", "in_progress", 2),
        ("end", "failed", 3),
    ]


async def test_events_end_when_we_stop(database: Pool, rows: Rows) -> None:
    """A page that watches a job does not hold up the shutdown."""
    await lead(rows)
    stop = trio.Event()
    async with client_as(database, stop=stop) as client:
        job = await start(client)
        stop.set()
        response = await client.get(f"{BACKFILL}/{job}/events")
    assert [name for name, _ in events_in(response.text)] == ["progress"]


async def test_session(database: Pool, rows: Rows) -> None:
    """Who one is; 401 in the same shape for nobody."""
    await rows.account(ANN, "ann.test")
    async with client_as(database, ANN) as client:
        response = await client.get("/api/auth/session")
        assert response.json() == {"authenticated": True, "did": ANN, "handle": "ann.test"}
        assert response.headers["cache-control"] == "no-store"
        client.cookies.clear()
        response = await client.get("/api/auth/session")
        assert (response.status_code, response.json()["authenticated"]) == (401, False)


async def test_log_out(database: Pool) -> None:
    """The session is gone here as well as in the browser; others of the account stay."""
    other = await session_of(database, ANN)
    async with client_as(database, ANN) as client:
        token = client.cookies[COOKIE]
        response = await client.post("/api/auth/logout")
        assert response.status_code == 200
        assert f"{COOKIE}=; " in response.headers["set-cookie"]
        assert "Max-Age=0" in response.headers["set-cookie"]
        for left, status in ((token, 401), (other, 200)):
            client.cookies.set(COOKIE, left)
            assert (await client.get("/api/auth/session")).status_code == status
        client.cookies.clear()
        assert error(await client.post("/api/auth/logout")) == (401, "Authentication required")


async def test_asking_and_cancelling_are_noted(owner: httpx.AsyncClient) -> None:
    """Who asked for which job, and who cancelled it; what was refused is no act."""
    number = await start(owner)
    assert (await owner.post(BACKFILL, params={"force": "full_sync"})).status_code == 409
    assert (await owner.delete(f"{BACKFILL}/{number}")).status_code == 202
    entries = (await owner.get("/api/admin/audit")).json()["entries"]
    assert [(one["act"], one["subject"], one["actorDid"], one["after"]) for one in entries] == [
        ("cancelBackfill", number, FORUM_DID, {"type": "full_sync"}),
        ("startBackfill", number, FORUM_DID, {"type": "full_sync"}),
    ]
