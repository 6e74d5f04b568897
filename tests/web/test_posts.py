"""Members writing by the API, each at a server of the test's own: shown at once, once, and only what they may."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import trio

from daemon.pool import Pool
from forum import sessions
from forum.permissions import CREATE_POSTS, CREATE_TOPICS
from forum.protocol.events import RecordOp
from forum.records.datamodel import cid_of
from forum.records.names import BOARD, CATEGORY, POST, ROLE
from forum.records.syntax import tid_of
from tests.standins.account_server import AccountServer
from tests.standins.member_servers import MemberServers
from tests.web.forum_rows import FORUM_DID, SITE
from tests.web.signing_in import client_as
from tests.web.writers import ANN, BOB, SHELF, TOPIC, Forum, Json, planted
from web.signed_in import COOKIE

WRITES = (("POST", "/api/topics"), ("POST", "/api/posts"), ("PUT", "/api/posts/1"), ("DELETE", "/api/posts/1"))

MALFORMED: tuple[tuple[str, Json, str], ...] = (
    ("topics", {"title": None}, "title"),
    ("topics", {"title": " "}, "title"),
    ("topics", {"title": 5}, "title"),
    ("topics", {"title": "x" * 121}, "title: more than 120 characters"),
    ("topics", {"title": "a\0"}, "title"),
    ("topics", {"text": None}, "text"),
    ("topics", {"text": ["x"]}, "text"),
    ("topics", {"text": "\n "}, "text"),
    ("topics", {"text": "x" * 20_001}, "text: more than 20,000 characters"),
    ("topics", {"text": "a\0"}, "text"),
    ("topics", {"boardUri": None}, "boardUri"),
    ("topics", {"boardUri": "vegetables"}, "AT-URI"),
    ("posts", {"text": "x" * 20_001, "rootPostId": "1", "parentPostId": "1"}, "text: more than 20,000 characters"),
    ("posts", {"rootPostId": "x", "parentPostId": "1"}, "rootPostId"),
    ("posts", {"rootPostId": "1"}, "parentPostId"),
    ("posts", {"rootPostId": "1", "parentPostId": 1}, "parentPostId"),
    ("posts", {"rootPostId": "1", "parentPostId": str(2**63)}, "parentPostId"),
)


@pytest.fixture
async def forum(database: Pool) -> Forum:
    return await planted(database)


@pytest.fixture
async def ann(forum: Forum) -> AsyncIterator[httpx.AsyncClient]:
    async with forum.member(ANN) as client:
        yield client


async def made(client: httpx.AsyncClient, path: str = "topics", *, key: str | None = None, **body: object) -> Json:
    response = await client.post(f"/api/{path}", json=body or TOPIC, headers=named(key))
    assert response.status_code == 201, response.text
    return dict(response.json())


def named(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Idempotency-Key": key}


async def topics(client: httpx.AsyncClient) -> list[Json]:
    return list((await client.get("/api/boards/1/topics")).json()["topics"])


async def topic_id(client: httpx.AsyncClient, written: Json) -> str:
    return str(next(topic["id"] for topic in await topics(client) if topic["uri"] == written["uri"]))


async def replies(client: httpx.AsyncClient, topic: str) -> list[Json]:
    return list((await client.get(f"/api/topics/{topic}")).json()["replies"])


async def reply(client: httpx.AsyncClient, topic: str, text: str = "Green ones.", *, parent: str | None = None) -> Json:
    return await made(client, "posts", text=text, rootPostId=topic, parentPostId=parent or topic)


def said(response: httpx.Response) -> tuple[int, str]:
    """The status and the sentence of a refusal."""
    assert response.json().keys() == {"error"}
    assert response.json()["error"].endswith((".", "permissions", "required"))
    return response.status_code, response.json()["error"]


async def test_a_topic_and_replies(ann: httpx.AsyncClient, forum: Forum) -> None:
    """In their author's repository, with all references, and in the very next read."""
    written = await made(ann, key="once")
    [record] = forum.held(ANN)
    assert written == {
        "uri": f"at://{ANN}/{POST}/{written['rkey']}",
        "cid": cid_of(record),
        "rkey": written["rkey"],
    }
    assert record["board"] == {
        "$type": f"{POST}#boardRef",
        "board": {"uri": SHELF, "cid": record["board"]["board"]["cid"]},
    }
    assert record["forum"]["forum"]["uri"] == SITE.forum_uri
    [shown] = await topics(ann)
    assert (shown["title"], shown["text"], shown["uri"]) == ("Tomatoes", "Red ones?", written["uri"])

    async with forum.member(BOB) as bob:
        first = await reply(bob, shown["id"])
        [there] = await replies(bob, shown["id"])
        assert (there["uri"], there["text"], there["parentPostId"]) == (first["uri"], "Green ones.", shown["id"])
        await reply(bob, shown["id"], "*Both.*", parent=there["id"])
        _, second = await replies(ann, shown["id"])
        assert (second["text"], second["content"]["markdown"]) == ("Both.", "*Both.*")
        assert second["parentPostId"] == there["id"]
    answered = forum.held(BOB)[1]["reply"]
    assert answered["root"] == {"uri": written["uri"], "cid": written["cid"]}
    assert answered["parent"] == {"uri": first["uri"], "cid": first["cid"]}


async def test_the_streams_copy_changes_nothing(ann: httpx.AsyncClient, forum: Forum) -> None:
    written, server = await made(ann), forum.servers.of(ANN)
    [record] = forum.held(ANN)
    rev = tid_of(1_700_000_000_000_000 + len(server.written), 0)
    copy = RecordOp(did=ANN, collection=POST, rkey=written["rkey"], rev=rev, cid=written["cid"], record=record)
    before = await topics(ann)
    assert await forum.apply(copy) == 0
    assert await topics(ann) == before


async def test_not_signed_in(forum: Forum) -> None:
    async with forum.client() as anyone:
        for method, path in WRITES:
            assert said(await anyone.request(method, path, json=TOPIC)) == (401, "Authentication required")


async def test_malformed(ann: httpx.AsyncClient, forum: Forum) -> None:
    """400, naming the field and the limit; the member's server is not asked."""
    await made(ann)
    for path, changes, word in MALFORMED:
        status, sentence = said(await ann.post(f"/api/{path}", json=TOPIC | changes))
        assert status == 400, sentence
        assert word in sentence
    assert len(forum.servers.of(ANN).written) == 1


async def test_no_json(ann: httpx.AsyncClient) -> None:
    for content in (b"", b"{", b"[]", b'{"text": "\\ud800 "}'):
        for method, path in WRITES[:3]:
            assert (await ann.request(method, path, content=content)).status_code == 400
    for key in ("", "x" * 201, "two words"):
        assert (await ann.post("/api/topics", json=TOPIC, headers=named(key))).status_code == 400


async def test_no_such_board(ann: httpx.AsyncClient) -> None:
    """Whatever is named instead."""
    for uri in (
        f"at://{FORUM_DID}/{BOARD}/{tid_of(3, 0)}",
        f"at://{FORUM_DID}/{CATEGORY}/{tid_of(1, 0)}",
        f"at://{ANN}/{BOARD}/{tid_of(2, 0)}",
        f"at://{FORUM_DID}/{BOARD}",
        "at://forum.example.org",
    ):
        response = await ann.post("/api/topics", json=TOPIC | {"boardUri": uri})
        assert said(response) == (404, "There is no such board.")


async def test_threads(ann: httpx.AsyncClient, forum: Forum) -> None:
    """Replies stand below a topic that is there, and answer what is there and in it."""
    one, other = [await topic_id(ann, await made(ann, **TOPIC | {"title": title})) for title in ("One", "Other")]
    await reply(ann, one)
    [there] = await replies(ann, one)
    await reply(ann, one, "Hidden.")
    hidden = (await replies(ann, one))[1]
    await forum.act("delete", hidden["uri"])
    for root, parent, status, word in (
        ("999", one, 404, "topic"),
        (one, "999", 404, "answer"),
        (one, hidden["id"], 404, "answer"),
        (there["id"], there["id"], 400, "rootPostId"),
        (one, other, 400, "parentPostId"),
        (other, there["id"], 400, "parentPostId"),
    ):
        response = await ann.post("/api/posts", json={"text": "Any", "rootPostId": root, "parentPostId": parent})
        assert response.status_code == status, (root, parent)
        assert word in said(response)[1]


async def test_who_may(ann: httpx.AsyncClient, forum: Forum) -> None:
    """Banned, muted, without the right, in a locked topic: each is told so; what they wrote they can take back."""
    topic = await topic_id(ann, await made(ann))
    answer = {"text": "Any", "rootPostId": topic, "parentPostId": topic}

    async def told() -> list[tuple[int, str]]:
        asked = (("POST", "topics", TOPIC), ("POST", "posts", answer), ("PUT", f"posts/{topic}", {"text": "Other"}))
        return [said(await ann.request(method, f"/api/{path}", json=body)) for method, path, body in asked]

    for action, sentence in (
        ("ban", "You are banned from this forum."),
        ("mute", "You are muted in this forum for now."),
    ):
        await forum.act(action, ANN)
        assert await told() == [(403, sentence)] * 3
        await forum.act(f"un{action}", ANN)

    [shown] = await topics(ann)
    await forum.act("lock", shown["uri"])
    assert said(await ann.post("/api/posts", json=answer)) == (403, "The topic is locked.")
    assert said(await ann.put(f"/api/posts/{topic}", json={"text": "Other"})) == (403, "The topic is locked.")
    await forum.act("unlock", shown["uri"])

    role = {"name": "Member", "priority": 30, "permissions": [CREATE_POSTS]}
    await forum.put(ROLE, tid_of(5, 0), role)
    assert said(await ann.post("/api/topics", json=TOPIC)) == (403, "Insufficient permissions")
    await forum.put(ROLE, tid_of(5, 0), role | {"permissions": [CREATE_TOPICS]})
    assert said(await ann.post("/api/posts", json=answer)) == (403, "Insufficient permissions")

    await forum.act("ban", ANN)
    assert (await ann.delete(f"/api/posts/{topic}")).status_code == 200


async def test_a_forum_without_a_record(database: Pool) -> None:
    forum = Forum(database, MemberServers())
    async with forum.member(ANN) as ann:
        assert said(await ann.post("/api/topics", json=TOPIC)) == (404, "The forum has no record yet.")


async def test_a_key_makes_one_post(ann: httpx.AsyncClient, forum: Forum) -> None:
    """A second click hears what the first did; another post needs another key; another member's keys are theirs."""
    first = await made(ann, key="k1")
    assert await made(ann, key="k1") == first
    response = await ann.post("/api/topics", json=TOPIC | {"title": "Other"}, headers=named("k1"))
    assert said(response) == (409, "The Idempotency-Key was already used for something else.")
    assert len(forum.held(ANN)) == 1
    assert (await made(ann, key="k2"))["uri"] != first["uri"]
    assert (await made(ann))["uri"] != first["uri"]
    async with forum.member(BOB) as bob:
        assert (await made(bob, key="k1"))["uri"].startswith(f"at://{BOB}/")


async def test_what_is_refused_uses_up_no_key(ann: httpx.AsyncClient, forum: Forum) -> None:
    """It can be mended and sent again."""
    for mistake in ({"text": "x" * 20_001}, {"boardUri": f"{SHELF}x"}):
        response = await ann.post("/api/topics", json=TOPIC | mistake, headers=named("k"))
        assert response.status_code in (400, 404)
    await forum.act("mute", ANN)
    assert (await ann.post("/api/topics", json=TOPIC, headers=named("k"))).status_code == 403
    await forum.act("unmute", ANN)
    await made(ann, key="k", **TOPIC | {"text": "Mended."})


async def test_two_clicks_at_once(ann: httpx.AsyncClient, forum: Forum) -> None:
    """One post, and both hear of it."""
    heard: list[Json] = []

    async def click() -> None:
        heard.append(await made(ann, key="k"))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(click)
    assert len(heard) == 4
    assert all(one == heard[0] for one in heard)
    assert len(forum.held(ANN)) == 1
    assert len(await topics(ann)) == 1


async def test_a_lost_answer(ann: httpx.AsyncClient, forum: Forum) -> None:
    """It was written and nobody heard: the next try finds it at the server, and shows it."""
    forum.servers.answers_are_lost = True
    response = await ann.post("/api/topics", json=TOPIC, headers=named("k"))
    assert said(response)[0] == 503
    forum.servers.answers_are_lost = False
    assert (len(forum.held(ANN)), await topics(ann)) == (1, [])
    written = await made(ann, key="k")
    assert [topic["uri"] for topic in await topics(ann)] == [written["uri"]]
    assert len(forum.servers.of(ANN).written) == 1


async def test_a_late_second_try(ann: httpx.AsyncClient, forum: Forum) -> None:
    """It does not undo what was done since: neither an edit nor a deletion."""
    topic = await topic_id(ann, await made(ann, key="k"))
    edited = (await ann.put(f"/api/posts/{topic}", json={"text": "Yellow ones."})).json()
    assert (await made(ann, key="k"))["cid"] == edited["cid"]
    assert forum.held(ANN)[0]["text"] == "Yellow ones."
    await ann.delete(f"/api/posts/{topic}")
    response = await ann.post("/api/topics", json=TOPIC, headers=named("k"))
    assert said(response) == (409, "This post was made before, and deleted since.")
    assert forum.held(ANN) == []


async def test_edit(ann: httpx.AsyncClient, forum: Forum) -> None:
    """Over the record at the server, of which everything else stays; it is marked."""
    written = await made(ann)
    topic, server = await topic_id(ann, written), forum.servers.of(ANN)
    assert said(await ann.put(f"/api/posts/{topic}", json={"text": " "}))[0] == 400
    response = await ann.put(f"/api/posts/{topic}", json={"text": "*Green* ones?", "title": "Potatoes"})
    assert response.status_code == 200
    record = server.records[POST, written["rkey"]]
    assert response.json() == {"uri": written["uri"], "cid": cid_of(record), "rkey": written["rkey"]}
    shown = (await ann.get(f"/api/topics/{topic}")).json()["post"]
    assert (shown["title"], shown["text"]) == ("Potatoes", "Green ones?")
    assert shown["content"]["markdown"] == "*Green* ones?"
    assert "editedAt" in shown
    again = await ann.put(f"/api/posts/{topic}", json={"text": "Plain.", "cid": response.json()["cid"]})
    assert again.status_code == 200
    assert server.records[POST, written["rkey"]] == {
        name: value for name, value in record.items() if name != "content"
    } | {"text": "Plain."}
    same = await ann.put(f"/api/posts/{topic}", json={"text": "Plain."})
    assert same.json()["cid"] == again.json()["cid"]
    await reply(ann, topic)
    [there] = await replies(ann, topic)
    assert "title" in said(await ann.put(f"/api/posts/{there['id']}", json={"text": "Any", "title": "Any"}))[1]
    assert (await ann.put(f"/api/posts/{there['id']}", json={"text": "Any"})).status_code == 200


async def test_edited_elsewhere(ann: httpx.AsyncClient, forum: Forum) -> None:
    """Whoever did not see the newest version does not write over it, wherever that is known already."""
    written = await made(ann)
    topic, server = await topic_id(ann, written), forum.servers.of(ANN)
    assert (await ann.put(f"/api/posts/{topic}", json={"text": "Second."})).status_code == 200
    conflict = (409, "The post was changed meanwhile; please look again.")
    assert said(await ann.put(f"/api/posts/{topic}", json={"text": "Any", "cid": written["cid"]})) == conflict
    record = server.records[POST, written["rkey"]]
    server.records[POST, written["rkey"]] = record | {"text": "By another client."}
    assert said(await ann.put(f"/api/posts/{topic}", json={"text": "Any"})) == conflict
    server.records[POST, written["rkey"]] = record
    server.refuse("putRecord", "InvalidSwap")
    assert said(await ann.put(f"/api/posts/{topic}", json={"text": "Any"})) == conflict
    assert said(await ann.put(f"/api/posts/{topic}", json={"text": "Any", "cid": "newest"}))[0] == 400
    del server.records[POST, written["rkey"]]
    assert said(await ann.put(f"/api/posts/{topic}", json={"text": "Any"})) == (404, "There is no such post.")


async def test_delete(ann: httpx.AsyncClient, forum: Forum) -> None:
    """A tombstone where others have answered, else nothing is left; also when the record is gone already."""
    topic = await topic_id(ann, await made(ann))
    await reply(ann, topic)
    await reply(ann, topic, "Both.")
    first, second = await replies(ann, topic)
    response = await ann.delete(f"/api/posts/{first['id']}")
    assert (response.status_code, response.json()) == (200, {"success": True})
    assert [one.get("deleted") for one in await replies(ann, topic)] == [True, None]
    assert said(await ann.delete(f"/api/posts/{first['id']}")) == (404, "There is no such post.")
    assert said(await ann.put(f"/api/posts/{first['id']}", json={"text": "Back"}))[0] == 404
    answer = {"text": "Any", "rootPostId": topic, "parentPostId": first["id"]}
    assert said(await ann.post("/api/posts", json=answer))[0] == 404
    del forum.servers.of(ANN).records[POST, second["rkey"]]
    assert (await ann.delete(f"/api/posts/{second['id']}")).status_code == 200
    assert [one.get("deleted") for one in await replies(ann, topic)] == [True, True]
    assert (await ann.delete(f"/api/posts/{topic}")).status_code == 200
    assert await topics(ann) == []


async def test_somebody_elses(ann: httpx.AsyncClient, forum: Forum) -> None:
    topic = await topic_id(ann, await made(ann))
    async with forum.member(BOB) as bob:
        for method, path in WRITES[2:]:
            response = await bob.request(method, path.replace("1", topic), json={"text": "Mine now"})
            assert said(response) == (403, "This post is somebody else's.")
            assert said(await bob.request(method, path.replace("1", "999"), json={"text": "Any"}))[0] == 404
            assert said(await bob.request(method, path.replace("1", "x"), json={"text": "Any"}))[0] == 400
    assert forum.held(ANN)[0]["text"] == "Red ones?"


def away(server: AccountServer) -> None:
    server.answers["putRecord"] = httpx.Response(502, text="<html>nginx at 10.0.0.1")


def busy(server: AccountServer) -> None:
    headers = {"retry-after": "17"}
    server.answers["putRecord"] = httpx.Response(429, text="Too Many Requests", headers=headers)


def lying(server: AccountServer) -> None:
    uri = f"at://{ANN}/{POST}/{tid_of(1, 0)}"
    server.answers["putRecord"] = httpx.Response(200, json={"uri": uri, "cid": cid_of({"another": "record"})})


@pytest.mark.parametrize(
    ("hinder", "status", "sentence"),
    [
        (away, 503, "Your account's server does not answer right now; please try again."),
        (lying, 503, "Your account's server does not answer right now; please try again."),
        (busy, 429, "Your account's server takes no more for now; please try again later."),
        (AccountServer.forget_session, 401, "Your sign-in has ended; please sign in again."),
        (
            lambda server: server.refuse("putRecord", "Forbidden", 403),
            502,
            "Your account's server refuses to write this.",
        ),
    ],
    ids=["away", "lying", "busy", "over", "refused"],
)
async def test_hindered(ann: httpx.AsyncClient, forum: Forum, hinder: Any, status: int, sentence: str) -> None:
    """Told without the server's own words; once it does again, the same try makes one post."""
    server = forum.servers.of(ANN)
    hinder(server)
    response = await ann.post("/api/topics", json=TOPIC, headers=named("k"))
    assert said(response) == (status, sentence)
    assert response.headers.get("Retry-After") == ("17" if status == 429 else None)
    assert await topics(ann) == []
    if status != 401:
        server.answers.clear()
        await made(ann, key="k")
        assert len(forum.held(ANN)) == len(await topics(ann)) == 1


async def test_where_nobody_can_sign_in(forum: Forum) -> None:
    """Nobody can write, whatever session they have."""
    async with client_as(forum.database, ANN) as ann:
        status, sentence = said(await ann.post("/api/topics", json=TOPIC))
        assert (status, "sign in" in sentence) == (503, True)


async def test_sessions_without_a_grant(forum: Forum) -> None:
    """The operator's session reads and does not write; a grant that is over is told so without asking anybody."""
    async with forum.member(ANN, grant=b"") as ann:
        assert said(await ann.post("/api/topics", json=TOPIC)) == (401, "Your sign-in has ended; please sign in again.")
    async with forum.client() as client, forum.database.transaction() as tx:
        client.cookies.set(COOKIE, await sessions.create(tx, ANN, timedelta(days=1)))
    async with forum.client() as again:
        again.cookies = client.cookies
        status, sentence = said(await again.post("/api/topics", json=TOPIC))
        assert (status, "operator" in sentence) == (403, True)
    assert forum.servers.of(ANN).asked == []
