"""Moderation by the API: who may, on whom, what is written, and what readers see next."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
import trio

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum.moderation import end_expired
from forum.records import check_record
from forum.records.names import MOD_ACTION
from tests.standins.account_server import AccountServer
from tests.support.forum import ANN, BOB, F, act, put, reply, role, tid, topic
from tests.support.index import miscounts_of
from tests.web.forum_rows import SITE, client_of
from tests.web.signing_in import client_as
from tests.web.staff import (
    ADMIN,
    BANNED,
    HELPER,
    OWNER,
    PEER,
    REASON,
    TOPIC,
    Json,
    Scene,
    done,
    staffed,
    texts,
)
from web.app import make_app

WHO = {"member": ANN, "moderator": HELPER, "admin": ADMIN, "owner": OWNER, "forum": F, "banned": BANNED}


@pytest.fixture
async def scene(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    return await staffed(database, account, server)


# Who may --------------------------------------------------------------------------------------------------------------

STATUS = {"anonymous": 401, "member": 403, "banned": 403, "moderator": 200, "admin": 200, "owner": 200, "forum": 200}


@pytest.mark.parametrize(("who", "status"), STATUS.items())
async def test_who_may(scene: Scene, who: str, status: int) -> None:
    """Every act and its end, the log, and the audit, for each kind of person."""
    audit = 403 if who in ("moderator", "admin") else status
    async with AsyncExitStack() as stack:
        anyone = client_of(make_app(scene.index.database, Board(), SITE, account=scene.account))
        person = anyone if who == "anonymous" else scene.signed_in(WHO[who])
        client = await stack.enter_async_context(person)
        for method, path, body in scene.acts():
            answered = await done(client, method, path, status, **body, **REASON)
            assert ("success" in answered) == (status == 200)
            assert "alreadyActive" not in answered or not answered["alreadyActive"]
        assert (await client.get("/api/admin/modlog")).status_code == status
        assert (await client.get("/api/admin/audit")).status_code == audit
    assert len(scene.server.written) == (10 if status == 200 else 0)


@pytest.mark.parametrize("permission", ["banUsers", "lockTopics", "moderatePosts", "pinTopics"])
async def test_one_permission(scene: Scene, permission: str) -> None:
    """It opens its own acts and no others; the log is for those who ban, lock or hide."""
    opens = {"ban": "banUsers", "mute": "banUsers", "lock": "lockTopics", "pin": "pinTopics", "hide": "moderatePosts"}
    await scene.index.apply(put(F, 3, 20, role("Moderator", permission, priority=20)))
    async with scene.signed_in(HELPER) as helper:
        for method, path, body in scene.acts():
            may = opens[path.split("/")[3]] == permission
            await done(helper, method, path, 200 if may else 403, **body, **REASON)
        log = await helper.get("/api/admin/modlog")
        assert log.status_code == (403 if permission == "pinTopics" else 200)


@pytest.mark.parametrize(
    ("actor", "target", "status"),
    [
        (HELPER, BOB, 200),
        (HELPER, HELPER, 403),
        (HELPER, PEER, 403),
        (HELPER, BANNED, 403),
        (HELPER, ADMIN, 403),
        (ADMIN, HELPER, 200),
        (ADMIN, OWNER, 403),
        (OWNER, ADMIN, 200),
        (OWNER, OWNER, 403),
        (OWNER, F, 403),
        (F, OWNER, 200),
        (F, F, 403),
    ],
)
async def test_hierarchy(scene: Scene, actor: str, target: str, status: int) -> None:
    """Nobody acts on the as strong or stronger, on the forum, on themself; a ban makes nobody weaker."""
    async with scene.signed_in(actor) as client:
        for word in ("ban", "mute"):
            answered = await done(client, "POST", f"/api/mod/{word}", status, targetDid=target, **REASON)
            assert status == 200 or answered == {"error": "Insufficient permissions"}
            await done(client, "DELETE", f"/api/mod/{word}/{target}", status, **REASON)
    assert len(scene.server.written) == (4 if status == 200 else 0)


async def test_hierarchy_of_posts(scene: Scene) -> None:
    """To hide a post is to act on its author; to lock or pin a topic is not."""
    await scene.index.apply(put(ADMIN, 30, 30, topic("by an admin")), put(HELPER, 31, 31, topic("her own")))
    ids = dict(await scene.index.rows("SELECT did, id::text FROM posts WHERE did = ANY ($1)", [ADMIN, HELPER]))
    async with scene.signed_in(HELPER) as helper:
        for number in ids.values():
            await done(helper, "POST", "/api/mod/hide", 403, postId=number, **REASON)
            await done(helper, "DELETE", f"/api/mod/hide/{number}", 403, **REASON)
            await done(helper, "POST", "/api/mod/lock", topicId=number, **REASON)
            await done(helper, "POST", "/api/mod/pin", topicId=number, **REASON)


async def test_read_only(scene: Scene) -> None:
    """503 with a sentence while nobody is signed in for the forum; what is so already can be said all the same."""
    async with client_as(scene.index.database) as owner:
        for method, path, body in scene.acts():
            status = 503 if method == "POST" else 200
            answered = await done(owner, method, path, status, **body, **REASON)
            assert status == 200 or answered["error"].startswith("The forum can only be read right now.")


# What is asked --------------------------------------------------------------------------------------------------------


NO_REASONS: tuple[tuple[dict[str, Json], str], ...] = (
    ({}, "reason"),
    ({"reason": ""}, "reason"),
    ({"reason": " \n\t "}, "reason"),
    ({"reason": None}, "reason"),
    ({"reason": 5}, "reason"),
    ({"reason": "x" * 3001}, "reason"),
    ({"reason": "a\0b"}, "NUL"),
)


async def test_a_reason_is_needed(scene: Scene) -> None:
    """For every act and every end: 400, and a word on it; also where nothing would be written."""
    await scene.index.apply(put(F, 40, 40, act("ban", BOB)))
    async with scene.signed_in() as owner:
        for body, word in NO_REASONS:
            for method, path, target in scene.acts():
                assert word in (await done(owner, method, path, 400, **target, **body))["error"]
    assert scene.server.written == []


async def test_the_longest_reason(scene: Scene) -> None:
    """3000 characters as people count them, blanks around it left out."""
    async with scene.signed_in() as owner:
        await done(owner, "POST", "/api/mod/ban", targetDid=BOB, reason=f"  {'é' * 3000}\n")
    assert scene.server.written[0]["record"]["reason"] == "é" * 3000


NO_TARGETS: tuple[tuple[str, str, Json, int], ...] = (
    ("ban", "targetDid", "bob.example.org", 400),
    ("ban", "targetDid", "did:plc:stranger", 404),
    ("mute", "targetDid", "did:plc:stranger", 404),
    ("lock", "topicId", "x", 400),
    ("lock", "topicId", "9" * 30, 400),
    ("lock", "topicId", "999999", 404),
    ("lock", "topicId", "reply", 400),
    ("pin", "topicId", "reply", 400),
    ("hide", "postId", "-1", 400),
    ("hide", "postId", "999999", 404),
)


async def test_what_cannot_be_acted_on(scene: Scene) -> None:
    """Malformed 400, unknown 404, a reply as if it were a topic 400; with the act and with its end."""
    async with scene.signed_in() as owner:
        for word, name, asked, status in NO_TARGETS:
            target = scene.reply_id if asked == "reply" else asked
            await done(owner, "POST", f"/api/mod/{word}", status, **{name: target}, **REASON)
            await done(owner, "DELETE", f"/api/mod/{word}/{target}", status, **REASON)
            for nothing in ("", None, 5, [target]):
                await done(owner, "POST", f"/api/mod/{word}", 400, **{name: nothing}, **REASON)
    assert scene.server.written == []


async def test_no_json(scene: Scene) -> None:
    async with scene.signed_in() as owner:
        for content in (b"", b"{", b"[]", b"\xff"):
            assert (await owner.post("/api/mod/ban", content=content)).status_code == 400
            assert (await owner.request("DELETE", f"/api/mod/ban/{BOB}", content=content)).status_code == 400


async def test_an_end_that_is_none(scene: Scene) -> None:
    """It is a datetime in the future."""
    async with scene.signed_in() as owner:
        for end in ("soon", "2023-12-01T00:00:00Z", "2999-01-01", 5, "2999-02-31T00:00:00Z"):
            answered = await done(owner, "POST", "/api/mod/ban", 400, targetDid=BOB, expiresAt=end, **REASON)
            assert "expiresAt" in answered["error"]


async def test_who_has_only_written_elsewhere_is_none(scene: Scene) -> None:
    """A reply is kept before its topic comes; that of another forum never does."""
    await scene.index.apply(put("did:plc:elsewhere", 41, 41, reply("at://did:plc:x/space.atbb.post/3k")))
    async with scene.signed_in() as owner:
        await done(owner, "POST", "/api/mod/ban", 404, targetDid="did:plc:elsewhere", **REASON)


async def test_who_has_only_written_is_an_author(scene: Scene) -> None:
    """Ann never joined; and who was once acted on can be set free when nothing else is left of them."""
    await scene.index.apply(put(F, 40, 40, act("ban", "did:plc:gone")))
    async with scene.signed_in() as owner:
        await done(owner, "POST", "/api/mod/ban", targetDid=ANN, **REASON)
        await done(owner, "DELETE", "/api/mod/ban/did:plc:gone", **REASON)


# What is written, and what it does ------------------------------------------------------------------------------------


async def test_the_record(scene: Scene) -> None:
    """On an account and on a post, as the lexicon has it; the answer names what it was on."""
    async with scene.signed_in(HELPER) as helper:
        ban = await done(helper, "POST", "/api/mod/ban", targetDid=BOB, expiresAt="2999-01-01T02:00:00+02:00", **REASON)
        lock = await done(helper, "POST", "/api/mod/lock", topicId=scene.topic_id, **REASON)
    first, second = scene.server.written
    cid = await scene.index.one("SELECT cid FROM posts WHERE uri = $1", TOPIC)
    assert first["record"] == {
        "$type": MOD_ACTION,
        "action": f"{MOD_ACTION}.ban",
        "subject": {"$type": f"{MOD_ACTION}#subject", "did": BOB},
        "reason": "Off topic",
        "createdBy": HELPER,
        "createdAt": first["record"]["createdAt"],
        "expiresAt": "2999-01-01T00:00:00Z",
    }
    assert second["record"]["subject"] == {"$type": f"{MOD_ACTION}#subject", "post": {"uri": TOPIC, "cid": cid}}
    for written in (first, second):
        check_record(MOD_ACTION, written["rkey"], written["record"])
    uris = [f"at://{F}/{MOD_ACTION}/{written['rkey']}" for written in (first, second)]
    assert ban == {
        "success": True,
        "action": f"{MOD_ACTION}.ban",
        "targetDid": BOB,
        "uri": uris[0],
        "cid": ban["cid"],
        "alreadyActive": False,
    }
    names = {"topicId": scene.topic_id, "postUri": TOPIC}
    told = {"success": True, "action": f"{MOD_ACTION}.lock", "uri": uris[1], "cid": lock["cid"], "alreadyActive": False}
    assert lock == told | names


async def test_effects_are_in_the_next_read(scene: Scene) -> None:
    """Each act and its end, as whoever asks next sees it; posts come back as they were."""
    async with scene.signed_in() as owner:

        async def seen() -> tuple[list[str] | None, Json]:
            listed = (await owner.get("/api/boards")).json()["boards"][0]
            return await texts(owner, scene), (listed["topicCount"], listed["replyCount"])

        async def switch(word: str, name: str, target: str) -> AsyncIterator[None]:
            await done(owner, "POST", f"/api/mod/{word}", **{name: target}, **REASON)
            yield
            await done(owner, "DELETE", f"/api/mod/{word}/{target}", **REASON)
            assert await seen() == (["reply"], (1, 1))

        async for _ in switch("ban", "targetDid", BOB):
            assert await seen() == ([], (1, 0))
        async for _ in switch("ban", "targetDid", ANN):
            assert await seen() == (None, (0, 0))
        async for _ in switch("hide", "postId", scene.reply_id):
            assert await seen() == ([], (1, 0))
        async for _ in switch("hide", "postId", scene.topic_id):
            assert await seen() == (None, (0, 0))
        for word, mark in (("lock", "locked"), ("pin", "pinned")):
            async for _ in switch(word, "topicId", scene.topic_id):
                assert (await owner.get(f"/api/topics/{scene.topic_id}")).json()[mark] is True
            assert (await owner.get(f"/api/topics/{scene.topic_id}")).json()[mark] is False


async def test_mute(scene: Scene) -> None:
    """Who is muted keeps what is there, has no right to write, and what is written past us is not shown."""
    async with scene.signed_in() as owner, scene.signed_in(BOB) as bob:
        assert (await bob.get("/api/admin/members/me")).json()["permissions"] != []
        await done(owner, "POST", "/api/mod/mute", targetDid=BOB, **REASON)
        assert (await bob.get("/api/admin/members/me")).json()["permissions"] == []
        await scene.index.apply(put(BOB, 10**9, 10**9, reply(TOPIC, "long after")))
        assert await texts(owner, scene) == ["reply"]
        await done(owner, "DELETE", f"/api/mod/mute/{BOB}", **REASON)
        assert await texts(owner, scene) == ["reply", "long after"]


async def test_already_so(scene: Scene) -> None:
    """Said, and nothing is written: for the act, for its end, and for an end where nothing ever began."""
    async with scene.signed_in() as owner:
        for method, path, body in scene.acts()[5:]:
            answered = await done(owner, method, path, **body, **REASON)
            assert (answered["alreadyActive"], answered["uri"], answered["cid"]) == (True, None, None)
        assert scene.server.written == []
        for method, path, body in scene.acts():
            assert not (await done(owner, method, path, **body, **REASON))["alreadyActive"]
            again = await done(owner, method, path, **body, **REASON)
            assert (again["success"], again["alreadyActive"]) == (True, True)
        assert len(scene.server.written) == 10
        assert (await owner.get("/api/admin/modlog")).json()["total"] == 11


async def test_longer_than_before(scene: Scene) -> None:
    """A ban that lasts longer is a new one, a shorter one is there already; when it ends Bob is back."""
    soon, late = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (1, 2))
    async with scene.signed_in() as owner:
        known = []
        for end in (soon, soon, late, soon, None, late):
            answered = await done(owner, "POST", "/api/mod/ban", targetDid=BOB, expiresAt=end, **REASON)
            known.append(answered["alreadyActive"])
        assert known == [False, True, False, True, False, True]
        assert await texts(owner, scene) == []
        await done(owner, "DELETE", f"/api/mod/ban/{BOB}", **REASON)
        assert await texts(owner, scene) == ["reply"]


async def test_an_end_by_itself(scene: Scene) -> None:
    """When the time of a ban has come it can be made again, and ends nothing twice."""
    async with scene.signed_in() as owner:
        await done(owner, "POST", "/api/mod/ban", targetDid=BOB, expiresAt="2999-01-01T00:00:00Z", **REASON)
        await scene.index.do("UPDATE mod_actions SET expires_at = now() WHERE subject = $1", BOB)
        async with scene.index.writing() as tx:
            await end_expired(tx, 10)
        assert await texts(owner, scene) == ["reply"]
        assert (await done(owner, "DELETE", f"/api/mod/ban/{BOB}", **REASON))["alreadyActive"]
        assert not (await done(owner, "POST", "/api/mod/ban", targetDid=BOB, **REASON))["alreadyActive"]


async def test_newer_than_whatever_is_known(scene: Scene) -> None:
    """A ban whose key a fast clock wrote years ahead is ended all the same."""
    ahead = 10**9  # seconds
    await scene.index.apply(put(F, ahead, 50, act("ban", BOB)))
    async with scene.signed_in() as owner:
        await done(owner, "DELETE", f"/api/mod/ban/{BOB}", **REASON)
        assert await texts(owner, scene) == ["reply"]
    assert scene.server.written[0]["rkey"] > tid(ahead)


async def test_two_at_once(scene: Scene) -> None:
    """Two moderators ban the same member: both are answered, one unban ends it."""
    async with scene.signed_in(HELPER) as helper, scene.signed_in(ADMIN) as admin:
        async with trio.open_nursery() as nursery:
            for client in (helper, admin):
                nursery.start_soon(lambda client=client: done(client, "POST", "/api/mod/ban", targetDid=BOB, **REASON))
        assert await texts(helper, scene) == []
        await done(admin, "DELETE", f"/api/mod/ban/{BOB}", **REASON)
        assert await texts(helper, scene) == ["reply"]
    async with scene.index.database.connection() as connection:
        assert await miscounts_of(connection) == {}
