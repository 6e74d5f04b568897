"""What is kept of moderation: the log of it, and the audit of everyone who runs the forum."""

import pytest

from actors.agent import ForumAccount
from daemon.pool import Pool
from forum.records.names import GRANT, MOD_ACTION, ROLE
from tests.standins.account_server import AccountServer
from tests.support.forum import BOB, F, role, tid, uri
from tests.web.staff import HELPER, OWNER, REASON, REPLY, TOPIC, Scene, done, staffed


@pytest.fixture
async def scene(database: Pool, account: ForumAccount, server: AccountServer) -> Scene:
    return await staffed(database, account, server)


async def test_mod_log(scene: Scene) -> None:
    """Newest first, page by page by offset or by cursor, with the handles of both."""
    await scene.index.do("UPDATE accounts SET handle = 'bob.example.org' WHERE did = $1", BOB)
    await scene.index.do("INSERT INTO accounts (did, handle) VALUES ($1, 'helper.example.org')", HELPER)
    async with scene.signed_in(HELPER) as helper:
        ban = await done(helper, "POST", "/api/mod/ban", targetDid=BOB, expiresAt="2999-01-01T00:00:00Z", **REASON)
        await done(helper, "POST", "/api/mod/hide", postId=scene.topic_id, reason="Rude")
        log = (await helper.get("/api/admin/modlog")).json()
        assert (log["total"], log["offset"], log["limit"], "cursor" in log) == (3, 0, 50, False)
        hide, newest = log["actions"][:2]
        assert newest == {
            "id": newest["id"],
            "action": f"{MOD_ACTION}.ban",
            "moderatorDid": HELPER,
            "moderatorHandle": "helper.example.org",
            "subjectDid": BOB,
            "subjectHandle": "bob.example.org",
            "subjectPostUri": None,
            "reason": "Off topic",
            "createdAt": newest["createdAt"],
            "expiresAt": "2999-01-01T00:00:00.000Z",
        }
        assert (hide["action"], hide["reason"]) == (f"{MOD_ACTION}.delete", "Rude")
        assert (hide["subjectDid"], hide["subjectHandle"], hide["subjectPostUri"]) == (None, None, TOPIC)
        assert "expiresAt" not in hide
        assert ban["uri"].rpartition("/")[2] == scene.server.written[0]["rkey"]

        by_offset = [(await helper.get(f"/api/admin/modlog?limit=1&offset={n}")).json() for n in range(4)]
        assert [page["actions"] for page in by_offset] == [[one] for one in log["actions"]] + [[]]
        found, cursor = [], {}
        while cursor is not None:
            page = (await helper.get("/api/admin/modlog", params={"limit": 2, **cursor})).json()
            found += page["actions"]
            cursor = {"cursor": page["cursor"]} if "cursor" in page else None
        assert found == log["actions"]
        assert (await helper.get("/api/admin/modlog?limit=1000")).json()["limit"] == 100
        assert (await helper.get("/api/admin/modlog?limit=0")).status_code == 400


async def test_audit(scene: Scene) -> None:
    """Who did what to whom, what was before and what is now; page by page, newest first."""
    member = uri(F, 4, ROLE)
    scene.server.records[ROLE, tid(4)] = {"$type": ROLE, **role("Member", priority=30)}
    async with scene.signed_in() as owner:
        made = await done(owner, "POST", "/api/admin/categories", 201, name="Garden")
        [number] = [one["id"] for one in (await owner.get("/api/categories")).json()["categories"]]
        await done(owner, "PUT", f"/api/admin/categories/{number}", name="Gardens")
        await done(owner, "PUT", f"/api/admin/categories/{number}", name="Gardens")  # changes nothing
        await done(owner, "DELETE", f"/api/admin/categories/{number}")
        await done(owner, "POST", f"/api/admin/members/{HELPER}/role", roleUri=member)
        await done(owner, "POST", "/api/mod/hide", postId=scene.reply_id, **REASON)
        await done(owner, "DELETE", f"/api/mod/hide/{scene.reply_id}", reason="A mistake")
        await done(owner, "DELETE", f"/api/mod/hide/{scene.reply_id}", **REASON)  # is so already
        found = (await owner.get("/api/admin/audit")).json()
        entries = found["entries"]
        assert [(one["act"], one["subject"]) for one in reversed(entries)] == [
            ("addCategory", made["uri"]),
            ("changeCategory", made["uri"]),
            ("removeCategory", made["uri"]),
            ("giveRole", HELPER),
            ("hide", REPLY),
            ("unhide", REPLY),
        ]
        unhide, hide, given, removed, changed, added = entries
        assert {one["actorDid"] for one in entries} == {OWNER}
        assert (added["before"], added["after"]["name"]) == (None, "Garden")
        assert (changed["before"]["name"], changed["after"]["name"]) == ("Garden", "Gardens")
        assert (removed["before"]["name"], removed["after"]) == ("Gardens", None)
        assert (given["before"], given["after"]["$type"]) == ({"role": "Moderator"}, GRANT)
        assert (hide["before"], hide["after"]["reason"]) == (None, "Off topic")
        assert unhide["before"]["rkey"] == scene.server.written[-2]["rkey"]
        assert unhide["after"]["reason"] == "A mistake"
        first = (await owner.get("/api/admin/audit?limit=4")).json()
        rest = (await owner.get("/api/admin/audit", params={"cursor": first["cursor"]})).json()
        assert first["entries"] + rest["entries"] == entries
        assert "cursor" not in rest
        wrong = (await owner.get("/api/admin/modlog?limit=1")).json()["cursor"]
        assert (await owner.get("/api/admin/audit", params={"cursor": wrong})).status_code == 400


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'somebody else'", "DELETE FROM audit"])
async def test_nothing_leaves_the_audit(scene: Scene, statement: str) -> None:
    """The database itself refuses, whoever asks and whatever for."""
    async with scene.signed_in() as owner:
        await done(owner, "POST", "/api/mod/ban", targetDid=BOB, **REASON)
        with pytest.raises(Exception, match="what is noted in audit stays"):
            await scene.index.do(statement)
        [entry] = (await owner.get("/api/admin/audit")).json()["entries"]
        assert entry["actorDid"] == OWNER
