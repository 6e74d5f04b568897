"""What an account may not write is not shown: grants, roles and the default role, in whatever order things come."""

from dataclasses import dataclass, field

import pytest

from forum.reads.pages import topic_page
from forum.records.names import GRANT, ROLE
from forum.visibility import LIMIT_ACCOUNTS, SHOW_BY_AUTHOR
from tests.support.forum import (
    ANN,
    BOB,
    HERE,
    F,
    Index,
    act,
    board,
    gone,
    grant,
    membership,
    put,
    reply,
    role,
    topic,
    uri,
)

MEMBER, MUTE, GONE = 1, 2, 3  # keys of roles; the last is not there
POSTS = (5, 15, 25)
ALL, NONE = list(POSTS), []


@dataclass(frozen=True)
class Case:
    """What was granted to Ann at which key, and which of her posts are shown then."""

    grants: dict[int, int | None]
    shown: list[int]
    default_role: str = field(default="Member", kw_only=True)


CASES = {
    "no grant": Case({}, ALL),
    "the right taken": Case({10: MUTE}, [5]),
    "taken and taken again": Case({10: MUTE, 20: MUTE}, [5]),
    "taken and given back": Case({10: MUTE, 20: MEMBER}, ALL),
    "taken, then back to the default role": Case({10: MUTE, 20: None}, ALL),
    "taken, given, taken": Case({4: MUTE, 10: MEMBER, 20: MUTE}, [5, 15]),
    "a role that is not there": Case({10: GONE}, ALL),
    "taken, then a role that is not there": Case({10: MUTE, 20: GONE}, ALL),
    "by approval, and nobody approved": Case({}, NONE, default_role=""),
    "by approval, approved": Case({20: MEMBER}, ALL, default_role=""),
    "by approval, refused": Case({20: None}, NONE, default_role=""),
    "by approval, given a role that may not write": Case({20: MUTE}, NONE, default_role=""),
    "by approval, given a role that is not there": Case({20: GONE}, NONE, default_role=""),
    "by approval, approved and sent back": Case({10: MEMBER, 20: None}, [5, 15], default_role=""),
    "a default role that may not write": Case({}, NONE, default_role="Mute"),
    "a default role that is not there": Case({}, NONE, default_role="Nobody"),
}


async def define(index: Index) -> None:
    """The two roles."""
    member = role("Member", "createTopics", "createPosts")
    await index.apply(put(F, MEMBER, 1, member), put(F, MUTE, 1, role("Mute", "lockTopics")))


async def write(index: Index, *keys: int, did: str = ANN) -> None:
    """Topics, each named by its key."""
    await index.apply(*(put(did, key, 50, topic(str(key))) for key in keys))


async def shown(index: Index) -> list[int]:
    return [int(text) for text in await index.shown()]


@pytest.mark.parametrize("first", ["posts", "grants"])
@pytest.mark.parametrize("kind", ["topics", "replies"])
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
async def test_rule(index: Index, case: Case, kind: str, first: str) -> None:
    """All with the right; without it what was made before it was taken, and nothing if it was never there."""
    posts = [topic(str(key)) if kind == "topics" else reply(uri(BOB, 9), str(key)) for key in POSTS]
    written = [put(ANN, key, 50, record) for key, record in zip(POSTS, posts, strict=True)]
    granted = [put(F, key, 50, grant(ANN, to)) for key, to in case.grants.items()]
    await index.settings(default_role=case.default_role)
    await define(index)
    for ops in (written, granted) if first == "posts" else (granted, written):
        await index.apply(*ops)
    assert await shown(index) == case.shown


async def test_topics_and_replies_are_two_rights(index: Index) -> None:
    """Who may reply and not begin topics is shown replying, and counted so."""
    await define(index)
    await index.apply(put(F, 3, 1, role("Guest", "createPosts")), put(F, 10, 2, grant(ANN, 3)))
    await index.apply(put(BOB, 11, 3, topic("11")), put(ANN, 12, 3, topic("12")))
    await index.apply(put(ANN, 13, 4, reply(uri(BOB, 11), "13")))
    assert await shown(index) == [11, 13]
    assert await index.counts() == (1, 1)


async def test_every_right_is_these_too(index: Index) -> None:
    await index.settings(default_role="")
    await index.apply(put(F, 1, 1, role("Owner", "*", priority=0)), put(F, 2, 1, grant(ANN, 1)))
    await write(index, 5)
    assert await shown(index) == [5]


async def test_counts_and_pages_follow(index: Index) -> None:
    """What a grant hides leaves the counts, and readers are told of the topic and its board."""
    await define(index)
    await write(index, 5, 15)
    await index.apply(put(ANN, 6, 51, reply(uri(BOB, 4))), put(ANN, 16, 51, reply(uri(ANN, 5))))
    assert await index.counts() == (2, 1)
    applied = await index.apply(put(F, 10, 60, grant(ANN, MUTE)))
    assert await index.counts() == (1, 0)
    assert {uri(ANN, 5), uri(ANN, 15), HERE} <= applied.changes.uris
    assert ANN in applied.changes.dids


async def test_what_a_role_permits_is_asked_as_of_now(index: Index) -> None:
    """A role that is changed, taken away or brought back changes what its holders and newcomers have shown."""
    await define(index)
    await index.apply(put(F, 10, 2, grant(ANN, MUTE)))
    await write(index, 5, 15)
    await write(index, 6, did=BOB)
    assert await shown(index) == [5, 6]
    await index.apply(put(F, MUTE, 51, role("Mute", "createTopics")))
    assert await shown(index) == [5, 6, 15]
    await index.apply(put(F, MUTE, 52, role("Mute")), put(F, MEMBER, 52, role("Member")))
    assert await shown(index) == []
    await index.apply(put(F, MEMBER, 53, role("Member", "createTopics")))
    assert await shown(index) == [5, 6]
    await index.apply(gone(F, MUTE, 54, collection=ROLE))
    assert await shown(index) == [5, 6, 15]
    await index.apply(put(F, MEMBER, 55, role("Others", "createTopics")))
    assert await shown(index) == []


async def test_built_in_roles_end_with_the_first_record(index: Index) -> None:
    """And come back with the last one's end."""
    await write(index, 5)
    assert await shown(index) == [5]
    await index.apply(put(F, 1, 60, role("Owner", "*", priority=0)))
    assert await shown(index) == []
    await index.apply(gone(F, 1, 61, collection=ROLE))
    assert await shown(index) == [5]
    await index.settings(default_role="Somebody")
    assert await shown(index) == []


async def test_a_grant_that_is_taken_away_or_turned_to_another(index: Index) -> None:
    """Records of a repository can be deleted and changed, whatever we write ourselves."""
    await define(index)
    await write(index, 15)
    await write(index, 16, did=BOB)
    await index.apply(put(F, 10, 60, grant(ANN, MUTE)))
    assert await shown(index) == [16]
    await index.apply(put(F, 10, 61, grant(BOB, MUTE)))
    assert await shown(index) == [15]
    await index.apply(gone(F, 10, 62, collection=GRANT))
    assert await shown(index) == [15, 16]


async def test_settings(index: Index) -> None:
    """Other settings count from the next start for everything that is there, both ways."""
    await write(index, 5, 15)
    await index.apply(put(ANN, 6, 51, reply(uri(ANN, 5))))
    await index.settings(default_role="")
    assert (await index.shown(), await index.counts()) == ([], (0, 0))
    await index.settings(default_role="Member")
    assert await index.counts() == (2, 1)


async def test_the_forum_itself_always_may(index: Index) -> None:
    """Whatever is granted to it, and where nobody else may."""
    await index.settings(default_role="")
    await define(index)
    await index.apply(put(F, 10, 2, grant(F, MUTE)))
    await write(index, 15, did=F)
    await write(index, 16, did=ANN)
    assert await shown(index) == [15]


async def test_what_members_claim_gives_nothing(index: Index) -> None:
    """A membership with the Owner's role, and a grant and a role in a repository of one's own."""
    await index.settings(default_role="")
    await index.apply(put(F, 1, 1, role("Owner", "*", priority=0)))
    claim = membership(role={"role": {"uri": uri(F, 1, ROLE), "cid": "bafy"}})
    await index.apply(put(ANN, 2, 2, claim), put(ANN, 3, 2, grant(ANN, 1)), put(ANN, 4, 2, role("Member", "*")))
    await write(index, 5)
    assert await shown(index) == []
    await index.apply(put(F, 3, 3, grant(ANN, 1)))
    assert await shown(index) == [5]


async def test_beside_bans_and_locks(index: Index) -> None:
    """Each hides by itself, and one that ends does not show what another hides."""
    await define(index)
    await write(index, 9, did=BOB)
    await index.apply(*(put(ANN, key, 50, reply(uri(BOB, 9), str(key))) for key in POSTS))
    await index.apply(put(F, 20, 60, act("lock", uri(BOB, 9))), put(F, 21, 60, act("ban", ANN)))
    await index.apply(put(F, 10, 61, grant(ANN, MUTE)))
    assert await shown(index) == [9]
    await index.apply(put(F, 22, 62, act("unban", ANN)))
    assert await shown(index) == [5, 9]
    await index.apply(put(F, 30, 63, grant(ANN, None)))
    assert await shown(index) == [5, 9, 15]
    await index.apply(put(F, 31, 64, act("unlock", uri(BOB, 9))))
    assert await shown(index) == [5, 9, 15, 25]


@pytest.mark.slow
async def test_one_grant_goes_by_its_indexes(index: Index) -> None:
    """In a forum with many members a grant reads neither all accounts, nor all grants, nor all posts."""
    await define(index)
    people = "SELECT 'did:plc:' || n AS did, n::text AS key FROM generate_series(1, 5000) AS n"
    await index.do(f"INSERT INTO accounts (did) SELECT did FROM ({people}) AS i")
    await index.do(f"INSERT INTO grants SELECT key, did, NULL, did, now() FROM ({people}) AS i")
    await index.do(
        "INSERT INTO posts (uri, did, rkey, cid, board_uri, text, created_at, sorted_at, shown)"
        f" SELECT 'at://' || key, did, key, 'cid', $1, 'text', now(), now(), true FROM ({people}) AS i", HERE,
    )  # fmt: skip
    await index.do("ANALYZE")
    for statement in (LIMIT_ACCOUNTS, SHOW_BY_AUTHOR):
        async with index.database.connection() as connection:
            await connection.execute(f"PREPARE probe AS {statement}")
            plan = [row[0] for row in await connection.fetch("EXPLAIN EXECUTE probe ('{did:plc:1}')")]
            await connection.execute("DEALLOCATE probe")
        whole = [line for line in plan if "Seq Scan" in line]
        assert not [line for line in whole if any(table in line for table in ("accounts", "grants", "posts"))], plan


async def test_tombstones_of_what_was_not_shown(index: Index) -> None:
    """Deleting does not bring a place into a topic that the post did not have."""
    await define(index)
    await index.apply(put(F, 0, 1, board()), put(F, 10, 2, grant(ANN, MUTE)), put(BOB, 9, 2, topic("9")))
    await index.apply(put(ANN, 5, 3, reply(uri(BOB, 9))), put(ANN, 15, 3, reply(uri(BOB, 9))))
    await index.apply(gone(ANN, 5, 4), gone(ANN, 15, 4))
    number = await index.one("SELECT id FROM posts WHERE uri = $1", uri(BOB, 9))
    async with index.database.connection() as connection:
        page = await topic_page(connection, number, limit=25, offset=0)
    assert page is not None
    assert [one.uri for one in page.replies] == [uri(ANN, 5)]
