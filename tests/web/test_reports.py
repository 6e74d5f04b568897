"""Reports by the API: who may send, read and resolve them, what comes of it, and what becomes of two at once."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum import ledger
from forum.database import Connection, DatabaseAway
from forum.reports import MOST_AN_HOUR
from tests.standins.account_server import AccountServer
from tests.support.forum import ANN, BOB, CAT, F, act, gone, put, reply, role, uri
from tests.web.forum_rows import SITE, AwayDatabase, client_of
from tests.web.signing_in import client_as
from tests.web.staff import ADMIN, BANNED, HELPER, OWNER, PEER, REPLY, TOPIC, Json, Scene, done, staffed, texts
from web.app import make_app
from web.signed_in import COOKIE

REPORTS, SEND = "/api/admin/reports", "/api/reports"
WHO = {
    "member": CAT,
    "author": BOB,
    "moderator": HELPER,
    "admin": ADMIN,
    "owner": OWNER,
    "forum": F,
    "banned": BANNED,
}
PAYLOADS = json.loads((Path(__file__).parent / "pages" / "payloads.json").read_text())


@pytest.fixture
async def scene(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    return await staffed(database, account, server)


async def client_for(stack: AsyncExitStack, scene: Scene, who: str) -> httpx.AsyncClient:
    anyone = client_of(make_app(scene.index.database, Board(), SITE, account=scene.account))
    return await stack.enter_async_context(anyone if who == "anonymous" else scene.signed_in(WHO.get(who, who)))


async def reported(scene: Scene, reporter: str = CAT, post_id: str | None = None, reason: str = "Rude") -> str:
    """The id of the report that it is in."""
    async with scene.signed_in(reporter) as client:
        sent = await done(client, "POST", SEND, 201, postId=post_id or scene.reply_id, reason=reason)
    return str(sent["id"])


async def queue(client: httpx.AsyncClient, **query: str) -> list[Json]:
    response = await client.get(REPORTS, params=query)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return list(response.json()["reports"])


async def resolve(client: httpx.AsyncClient, number: str, status: int = 200, **body: Any) -> Json:  # Any: JSON
    return await done(client, "POST", f"{REPORTS}/{number}/resolve", status, **body)


async def audited(scene: Scene) -> list[tuple[str, str, str]]:
    return [row[:3] for row in await scene.index.rows("SELECT actor, act, subject FROM audit ORDER BY id")]


# Sending --------------------------------------------------------------------------------------------------------------

MAY_SEND = {
    "anonymous": 401,
    "banned": 403,
    "author": 403,
    "member": 201,
    "moderator": 201,
    "admin": 201,
    "owner": 201,
    "forum": 201,
}


@pytest.mark.parametrize(("who", "status"), MAY_SEND.items())
async def test_who_may_report(scene: Scene, who: str, status: int) -> None:
    """Whoever is signed in and not banned, what is somebody else's; nothing of it is in any repository."""
    async with AsyncExitStack() as stack:
        client = await client_for(stack, scene, who)
        answered = await done(client, "POST", SEND, status, postId=scene.reply_id, reason="Rude")
    assert ("id" in answered) == (status == 201)
    assert await scene.index.one("SELECT count(*) FROM voices") == (1 if status == 201 else 0)
    assert scene.server.written == []
    assert await audited(scene) == []


async def test_who_is_muted_may_report(scene: Scene) -> None:
    """Writing is taken from them, not reading."""
    await scene.index.apply(put(F, 40, 40, act("mute", CAT)))
    await reported(scene)


async def test_own_posts_are_not_reported(scene: Scene) -> None:
    async with scene.signed_in(ANN) as ann:
        assert "your own" in (await done(ann, "POST", SEND, 403, postId=scene.topic_id, reason="Oh"))["error"]
        await done(ann, "POST", SEND, 201, postId=scene.reply_id, reason="Oh")


async def test_twice(scene: Scene) -> None:
    """Told with a sentence while the report is open, also by a double click; afterwards it is a new one."""
    first = await reported(scene)
    async with scene.signed_in(CAT) as cat:
        again = await done(cat, "POST", SEND, 409, postId=scene.reply_id, reason="Still rude")
        assert again["error"] == "You have reported this post already; the moderators will look at it."
        async with scene.signed_in(HELPER) as helper:
            await resolve(helper, first, outcome="dismiss")
        assert (await done(cat, "POST", SEND, 201, postId=scene.reply_id, reason="Again"))["id"] != first


async def test_limit(scene: Scene) -> None:
    """So many an hour of one account, wherever it is signed in; and when it may go on."""
    await scene.index.apply(*(put(BOB, key, key, reply(TOPIC)) for key in range(50, 51 + MOST_AN_HOUR)))
    ids = [row[0] for row in await scene.index.rows("SELECT id::text FROM posts WHERE did = $1 ORDER BY rkey", BOB)]
    for number in ids[:MOST_AN_HOUR]:
        await reported(scene, post_id=number)
    async with scene.signed_in(CAT) as cat:
        response = await cat.post(SEND, json={"postId": ids[MOST_AN_HOUR], "reason": "Rude"})
    assert response.status_code == 429
    assert 3000 < int(response.headers["retry-after"]) <= 3600
    await reported(scene, ANN, post_id=ids[MOST_AN_HOUR])


NOT_TAKEN: tuple[tuple[dict[str, Any], int, str], ...] = (
    ({}, 400, "postId"),
    ({"postId": 5, "reason": "Rude"}, 400, "postId"),
    ({"postId": "x", "reason": "Rude"}, 400, "postId"),
    ({"postId": "9" * 30, "reason": "Rude"}, 400, "postId"),
    ({"postId": "999999", "reason": "Rude"}, 404, "no such post"),
    ({"reason": ""}, 400, "reason"),
    ({"reason": " \n\t"}, 400, "reason"),
    ({"reason": None}, 400, "reason"),
    ({"reason": ["Rude"]}, 400, "reason"),
    ({"reason": "a\0b"}, 400, "NUL"),
    ({"reason": "x" * 1001}, 400, "1,000"),
    ({"reason": "👩‍👩‍👧‍👦" * 999}, 400, "1,000"),  # 25 bytes each
)


async def test_what_cannot_be_taken(scene: Scene) -> None:
    """With a word on what it is; and nothing is kept of it."""
    async with scene.signed_in(CAT) as cat:
        for body, status, word in NOT_TAKEN:
            sent = body if "postId" in body or not body else {"postId": scene.reply_id, **body}
            assert word in (await done(cat, "POST", SEND, status, **sent))["error"], body
        for content in (b"", b"[]", b"\xff", b'{"postId": "1", "reason": "\\ud800"}'):
            assert (await cat.post(SEND, content=content)).status_code == 400
    assert await scene.index.one("SELECT count(*) FROM reports") == 0


async def test_what_is_not_seen_is_not_reported(scene: Scene) -> None:
    """Hidden, deleted, or by who is banned: there is no such post."""
    await scene.index.apply(put(BOB, 50, 50, reply(TOPIC)), put(F, 60, 60, act("delete", uri(BOB, 50))))
    await scene.index.apply(put(BOB, 51, 51, reply(TOPIC)))
    await scene.index.apply(gone(BOB, 51, 61))
    ids = [row[0] for row in await scene.index.rows("SELECT id::text FROM posts WHERE NOT shown")]
    assert len(ids) == 2
    async with scene.signed_in(CAT) as cat:
        for number in ids:
            await done(cat, "POST", SEND, 404, postId=number, reason="Rude")
        await scene.index.apply(put(F, 62, 62, act("ban", BOB)))
        await done(cat, "POST", SEND, 404, postId=scene.reply_id, reason="Rude")


async def test_from_another_site(scene: Scene) -> None:
    async with scene.signed_in(CAT) as cat:
        cat.headers["Origin"] = "https://elsewhere.example"
        await done(cat, "POST", SEND, 403, postId=scene.reply_id, reason="Rude")


async def test_while_the_database_is_away() -> None:
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as client:
        client.cookies.set(COOKIE, "x" * 43)
        await done(client, "POST", SEND, 503, postId="1", reason="Rude")


# Reading --------------------------------------------------------------------------------------------------------------

MAY_READ = {"anonymous": 401, "banned": 403, "author": 403, "member": 403, "moderator": 200, "admin": 200, "forum": 200}


@pytest.mark.parametrize(("who", "status"), MAY_READ.items())
async def test_who_may_moderate(scene: Scene, who: str, status: int) -> None:
    """Read, claim, give back and resolve; a refusal tells nothing and changes nothing."""
    number = await reported(scene, ANN, reason="Confidential")
    async with AsyncExitStack() as stack:
        client = await client_for(stack, scene, who)
        for state in ("open", "resolved"):
            response = await client.get(REPORTS, params={"state": state})
            assert response.status_code == status
            assert ("Confidential" in response.text) == (status == 200 and state == "open")
        await done(client, "POST", f"{REPORTS}/{number}/claim", status)
        await done(client, "DELETE", f"{REPORTS}/{number}/claim", status)
        await resolve(client, number, status, outcome="dismiss")
    assert len(await audited(scene)) == (3 if status == 200 else 0)


async def test_one_permission(scene: Scene) -> None:
    """Reports are for who may hide posts; to ban the author takes that right as well."""
    number = await reported(scene)
    async with scene.signed_in(HELPER) as helper:
        await scene.index.apply(put(F, 3, 20, role("Moderator", "banUsers", priority=20)))
        assert (await helper.get(REPORTS)).status_code == 403
        await resolve(helper, number, 403, outcome="ban", reason="Rude")
        await scene.index.apply(put(F, 3, 21, role("Moderator", "moderatePosts", priority=20)))
        await resolve(helper, number, 403, outcome="ban", reason="Rude")
        assert [report["state"] for report in await queue(helper)] == ["open"]
        await resolve(helper, number, outcome="hide", reason="Rude")


async def test_the_queue(scene: Scene) -> None:
    """The oldest first, each post once with all who reported it, and with what was reported of its author before."""
    old = await reported(scene, reason="Rude")
    async with scene.signed_in(HELPER) as helper:
        await resolve(helper, old, outcome="dismiss", note="Is he?")
        first = await reported(scene, reason="Rude again")
        second = await reported(scene, post_id=scene.topic_id)
        assert await reported(scene, ANN, reason="So rude") == first
        await done(helper, "POST", f"{REPORTS}/{second}/claim")
        found, other = await queue(helper)
        cid = await scene.index.one("SELECT cid FROM posts WHERE uri = $1", REPLY)
        assert found == {
            "id": first,
            "state": "open",
            "post": {
                "id": scene.reply_id,
                "uri": REPLY,
                "cid": cid,
                "author": {"did": BOB, "handle": None},
                "title": None,
                "text": "reply",
                "topicId": scene.topic_id,
                "topicTitle": "title",
                "hidden": False,
                "deleted": False,
                "banned": False,
            },
            "createdAt": found["createdAt"],
            **dict.fromkeys(("claimedBy", "claimedAt", "claimedUntil")),
            **dict.fromkeys(("outcome", "reason", "note", "resolvedBy", "resolvedAt")),
            "voices": [
                {
                    "reporter": {"did": did, "handle": None},
                    "reason": said,
                    "postCid": cid,
                    "createdAt": voice["createdAt"],
                }
                for (did, said), voice in zip(((CAT, "Rude again"), (ANN, "So rude")), found["voices"], strict=True)
            ],
            "voiceCount": 2,
            "others": {"resolved": 1, "ofPost": 1, "acted": 0, "open": 0},
        }
        assert (other["id"], other["state"], other["claimedBy"]["did"]) == (second, "claimed", HELPER)
        [past] = await queue(helper, state="resolved")
        assert (past["id"], past["outcome"], past["note"], past["resolvedBy"]["did"]) == (
            old,
            "dismiss",
            "Is he?",
            HELPER,
        )


async def test_parts_of_the_lists(scene: Scene) -> None:
    """By offset or by cursor: each report once."""
    await scene.index.apply(*(put(BOB, key, key, reply(TOPIC)) for key in range(50, 54)))
    ids = [row[0] for row in await scene.index.rows("SELECT id::text FROM posts WHERE did = $1 ORDER BY rkey", BOB)]
    numbers = [await reported(scene, post_id=number) for number in ids]
    async with scene.signed_in(HELPER) as helper:
        assert await listed(helper, state="open") == numbers
        assert [one["id"] for one in await queue(helper, offset="3")] == numbers[3:]
        for number in numbers:
            await resolve(helper, number, outcome="dismiss")
        assert await listed(helper, state="resolved") == numbers[::-1]
        for wrong in ({"state": "closed"}, {"cursor": "nonsense"}, {"limit": "0"}, {"offset": "1", "cursor": "a"}):
            assert (await helper.get(REPORTS, params=wrong)).status_code == 400
        for cursor in ("WyJmYWxzZSJd", "W2ZhbHNlLCIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsIngiXQ"):  # the second is a place: x
            assert (await helper.get(REPORTS, params={"cursor": cursor})).status_code == 400


async def listed(client: httpx.AsyncClient, **query: str) -> list[str]:
    """All of it, two at a time."""
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get(REPORTS, params={"limit": "2", **query, **cursor})).json()
        seen += [report["id"] for report in page["reports"]]
        if "cursor" not in page:
            return seen
        cursor = {"cursor": page["cursor"]}


async def test_whom_it_concerns_is_told_nothing(scene: Scene) -> None:
    """A moderator whose own post is reported does not learn by whom, nor decides about it."""
    await scene.index.apply(put(HELPER, 50, 50, reply(TOPIC)))
    post = await scene.index.one("SELECT id::text FROM posts WHERE did = $1", HELPER)
    number = await reported(scene, post_id=post)
    async with scene.signed_in(HELPER) as helper, scene.signed_in(PEER) as peer:
        assert await queue(helper) == []
        await done(helper, "POST", f"{REPORTS}/{number}/claim", 404)
        await done(helper, "DELETE", f"{REPORTS}/{number}/claim", 404)
        await resolve(helper, number, 404, outcome="dismiss")
        assert len(await queue(peer)) == 1
        await resolve(peer, number, outcome="dismiss")
        assert await queue(helper, state="resolved") == []


# Resolving ------------------------------------------------------------------------------------------------------------


async def test_hiding(scene: Scene) -> None:
    """The post is gone from the next read, with the reason in the record; the note is for moderators."""
    number = await reported(scene, reason="Confidential")
    async with scene.signed_in(HELPER) as helper:
        answered = await resolve(helper, number, outcome="hide", reason="An insult", note="Third time")
        assert answered == {
            "success": True,
            "outcome": "hide",
            "alreadyActive": False,
            "uri": answered["uri"],
            "cid": answered["cid"],
        }
        assert await texts(helper, scene) == []
        assert await queue(helper) == []
        [past] = await queue(helper, state="resolved")
        assert (past["outcome"], past["reason"], past["note"]) == ("hide", "An insult", "Third time")
    [written] = scene.server.written
    assert written["record"]["reason"] == "An insult"
    assert written["record"]["subject"]["post"]["uri"] == REPLY
    assert "Confidential" not in json.dumps(scene.server.written)
    assert "Third time" not in json.dumps(scene.server.written)
    expected = [(HELPER, act, REPLY) for act in ("claimReport", "hide", "resolveReport")]
    assert await audited(scene) == expected


async def test_banning(scene: Scene) -> None:
    """For good, or until it ends by itself."""
    number = await reported(scene)
    async with scene.signed_in(HELPER) as helper:
        await resolve(helper, number, 400, outcome="ban", reason="Rude", expiresAt="soon")
        await resolve(helper, number, outcome="ban", reason="Rude", expiresAt="2999-01-01T00:00:00Z")
        assert await texts(helper, scene) == []
    [written] = scene.server.written
    assert (written["record"]["subject"]["did"], written["record"]["expiresAt"]) == (BOB, "2999-01-01T00:00:00Z")


async def test_dismissing(scene: Scene) -> None:
    """Nothing is written, and the post stays; all voices are answered by it."""
    number = await reported(scene)
    await reported(scene, ANN)
    async with scene.signed_in(HELPER) as helper:
        answered = await resolve(helper, number, outcome="dismiss", note="A matter of taste")
        assert (answered["alreadyActive"], answered["uri"]) == (False, None)
        assert await texts(helper, scene) == ["reply"]
        assert await queue(helper) == []
    assert scene.server.written == []
    assert await audited(scene) == [(HELPER, "resolveReport", REPLY)]


@pytest.mark.parametrize(("actor", "status"), [(HELPER, 403), (PEER, 404), (ADMIN, 200), (OWNER, 200), (F, 200)])
async def test_hierarchy(scene: Scene, actor: str, status: int) -> None:
    """Nobody hides posts of the as strong, or bans them: the report stays free for who may. To dismiss is no act."""
    await scene.index.apply(put(PEER, 50, 50, reply(TOPIC)))
    number = await reported(scene, post_id=await scene.index.one("SELECT id::text FROM posts WHERE did = $1", PEER))
    async with scene.signed_in(actor) as client, scene.signed_in(OWNER) as owner:
        await resolve(client, number, status, outcome="hide", reason="Rude")
        if status != 200:
            await resolve(client, number, status, outcome="ban", reason="Rude")
            assert [report["state"] for report in await queue(owner)] == ["open"]
            await resolve(client, number, 200 if status == 403 else 404, outcome="dismiss")
    assert len(scene.server.written) == (1 if status == 200 else 0)


NOT_RESOLVED: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "outcome"),
    ({"outcome": "praise"}, "outcome"),
    ({"outcome": ["hide"]}, "outcome"),
    ({"outcome": "hide"}, "reason"),
    ({"outcome": "hide", "reason": " "}, "reason"),
    ({"outcome": "ban", "reason": None}, "reason"),
    ({"outcome": "hide", "reason": "x" * 3001}, "reason"),
    ({"outcome": "hide", "reason": "a\0b"}, "NUL"),
    ({"outcome": "hide", "reason": "Rude", "note": "x" * 1001}, "note"),
    ({"outcome": "hide", "reason": "Rude", "note": 5}, "note"),
    ({"outcome": "dismiss", "note": "a\0b"}, "NUL"),
    ({"outcome": "dismiss", "reason": "x" * 1001}, "reason"),
)


async def test_verdicts_that_cannot_be_taken(scene: Scene) -> None:
    """400 with a word on it, and the report stays as it is."""
    number = await reported(scene)
    async with scene.signed_in(HELPER) as helper:
        for body, word in NOT_RESOLVED:
            assert word in (await resolve(helper, number, 400, **body))["error"], body
        for path in ("x", "-1", "9" * 30):
            await resolve(helper, path, 400, outcome="dismiss")
            await done(helper, "POST", f"{REPORTS}/{path}/claim", 400)
        await resolve(helper, "999999", 404, outcome="dismiss")
        await done(helper, "DELETE", f"{REPORTS}/999999/claim", 404)
        assert [report["state"] for report in await queue(helper)] == ["open"]
    assert await audited(scene) == []


async def test_what_is_so_already(scene: Scene) -> None:
    """A post that was hidden elsewhere is not hidden again; its report ends all the same."""
    number = await reported(scene)
    async with scene.signed_in(HELPER) as helper:
        await done(helper, "POST", "/api/mod/hide", postId=scene.reply_id, reason="Rude")
        [found] = await queue(helper)
        assert found["post"]["hidden"]
        answered = await resolve(helper, number, outcome="hide", reason="Rude")
        assert (answered["alreadyActive"], answered["uri"]) == (True, None)
        assert await queue(helper) == []
    assert len(scene.server.written) == 1


async def test_a_post_deleted_meanwhile(scene: Scene) -> None:
    """There is nothing to hide; its author can still be banned, and the report be dismissed."""
    number = await reported(scene)
    await scene.index.apply(gone(BOB, 2, 60))
    async with scene.signed_in(HELPER) as helper:
        [found] = await queue(helper)
        assert (found["post"]["deleted"], found["post"]["text"]) == (True, "")
        assert "gone" in (await resolve(helper, number, 409, outcome="hide", reason="Rude"))["error"]
        await resolve(helper, number, outcome="ban", reason="Rude")
    assert scene.server.written[0]["record"]["subject"]["did"] == BOB


async def test_an_author_erased_meanwhile(scene: Scene) -> None:
    """There is no such report any more."""
    number = await reported(scene)
    async with scene.index.writing() as tx:
        await ledger.erase(tx, BOB)
    async with scene.signed_in(HELPER) as helper:
        assert await queue(helper) == []
        await resolve(helper, number, 404, outcome="dismiss")
        await done(helper, "POST", f"{REPORTS}/{number}/claim", 404)


async def test_an_edited_post(scene: Scene) -> None:
    """Is told by the version that was reported and the one that is there."""
    await reported(scene)
    await scene.index.apply(put(BOB, 2, 50, reply(TOPIC, "Kinder")))
    async with scene.signed_in(HELPER) as helper:
        [found] = await queue(helper)
        assert found["post"]["text"] == "Kinder"
        assert found["voices"][0]["postCid"] != found["post"]["cid"]


async def test_read_only(scene: Scene) -> None:
    """While nobody is signed in for the forum reports come in and can be dismissed; acts wait, and nothing is lost."""
    number = await reported(scene)
    async with client_as(scene.index.database, HELPER) as helper:
        answered = await resolve(helper, number, 503, outcome="hide", reason="Rude")
        assert answered["error"].startswith("The forum can only be read right now.")
        [found] = await queue(helper)
        assert found["claimedBy"]["did"] == HELPER
        await resolve(helper, number, outcome="dismiss")


async def test_the_database_is_lost_after_the_act(scene: Scene) -> None:
    """The record is written and cannot be shown at once; the report is resolved as soon as that can be said."""
    number = await reported(scene)
    losing = Losing(scene.index.database, fails=2)  # claimed, written, lost
    async with client_as(losing, HELPER, account=scene.account) as helper:
        losing.begun = 0
        await resolve(helper, number, outcome="hide", reason="Rude")
        [past] = await queue(helper, state="resolved")
        assert past["outcome"] == "hide"
    assert len(scene.server.written) == 1


@dataclass(slots=True)
class Losing:
    """A database that cannot be reached for one of its transactions."""

    database: Pool
    fails: int
    begun: int = 0

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        return self.database.connection()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        self.begun += 1
        if self.begun == self.fails:
            raise DatabaseAway("for a moment")
        async with self.database.transaction() as tx:
            yield tx

    def listen(self, *channels: str) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        return self.database.listen(*channels)


# Two at once ----------------------------------------------------------------------------------------------------------


async def test_who_was_faster(scene: Scene) -> None:
    """The second is told by whom, and in which state it is; what the first did stands."""
    number = await reported(scene)
    await scene.index.do("INSERT INTO accounts (did, handle) VALUES ($1, 'helper.test')", HELPER)
    async with scene.signed_in(HELPER) as helper, scene.signed_in(PEER) as peer:
        for _ in range(2):
            await done(helper, "POST", f"{REPORTS}/{number}/claim")
        for method in ("POST", "DELETE"):
            told = await done(peer, method, f"{REPORTS}/{number}/claim", 409)
            assert told == {"error": "helper.test has claimed this report."}
        for body in ({"outcome": "dismiss"}, {"outcome": "ban", "reason": "Rude"}):
            assert (await resolve(peer, number, 409, **body))["error"] == "helper.test has claimed this report."
        await resolve(helper, number, outcome="dismiss")
        told = await resolve(peer, number, 409, outcome="ban", reason="Rude")
        assert told == {"error": "helper.test has resolved this report already: dismiss."}
        await done(peer, "POST", f"{REPORTS}/{number}/claim", 409)
    assert scene.server.written == []


async def test_a_claim_given_back(scene: Scene) -> None:
    """Is another moderator's to take; given back twice it is as free."""
    number = await reported(scene)
    async with scene.signed_in(HELPER) as helper, scene.signed_in(PEER) as peer:
        await done(helper, "POST", f"{REPORTS}/{number}/claim")
        for _ in range(2):
            await done(helper, "DELETE", f"{REPORTS}/{number}/claim")
        await done(peer, "POST", f"{REPORTS}/{number}/claim")
    assert await audited(scene) == [
        (did, act, REPLY) for did, act in ((HELPER, "claimReport"), (HELPER, "giveBackReport"), (PEER, "claimReport"))
    ]


async def test_two_moderators_at_once(scene: Scene) -> None:
    """One hides, one bans: only one of it is done, and the other is told."""
    number = await reported(scene)
    answers: list[tuple[str, int]] = []

    async def try_to(client: httpx.AsyncClient, outcome: str) -> None:
        response = await client.post(f"{REPORTS}/{number}/resolve", json={"outcome": outcome, "reason": "Rude"})
        answers.append((outcome, response.status_code))

    async with scene.signed_in(HELPER) as helper, scene.signed_in(PEER) as peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(try_to, helper, "hide")
            nursery.start_soon(try_to, peer, "ban")
        assert sorted(status for _, status in answers) == [200, 409]
        [winner] = [outcome for outcome, status in answers if status == 200]
        [past] = await queue(helper, state="resolved")
        assert past["outcome"] == winner
    [written] = scene.server.written
    assert written["record"]["action"].endswith("delete" if winner == "hide" else "ban")


@pytest.mark.parametrize("outcome", ["hide", "ban", "dismiss"])
async def test_a_second_click(scene: Scene, outcome: str) -> None:
    """Of the same moderator is no conflict, and changes nothing."""
    number = await reported(scene)
    async with scene.signed_in(HELPER) as helper:
        for _ in range(2):
            await resolve(helper, number, outcome=outcome, reason="Rude")
    assert len(scene.server.written) == (0 if outcome == "dismiss" else 1)
    assert [act for _, act, _ in await audited(scene)].count("resolveReport") == 1


# Words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_hostile_words_come_back_as_they_were(scene: Scene) -> None:
    """To the letter, blanks around them left out, as JSON that no browser takes for a page."""
    async with scene.signed_in(CAT) as cat, scene.signed_in(HELPER) as helper:
        for payload in PAYLOADS:
            await scene.index.do("DELETE FROM reports")
            await done(cat, "POST", SEND, 201, postId=scene.reply_id, reason=payload)
            [found] = await queue(helper)
            assert found["voices"][0]["reason"] == payload.strip()
        response = await helper.get(REPORTS)
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-content-type-options"] == "nosniff"
