"""Every public read of the API: its shape to the letter, and what it refuses."""

import httpx
import pytest

from actors.health import Board
from tests.web.forum_rows import (
    FORUM_DID,
    SITE,
    AwayDatabase,
    Rows,
    board_uri,
    category_uri,
    client_of,
    minute,
    post_uri,
)
from web.app import make_app

ANN, BOB = "did:plc:ann", "did:plc:bob"
ENDPOINTS = (
    "/api/forum",
    "/api/categories",
    "/api/categories/1",
    "/api/categories/1/boards",
    "/api/boards",
    "/api/boards/1",
    "/api/boards/1/topics",
    "/api/topics/1",
)


async def get(client: httpx.AsyncClient, path: str, status: int = 200, **params: object) -> dict:
    response = await client.get(path, params=params or None)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    return response.json()


async def test_forum(client: httpx.AsyncClient, rows: Rows) -> None:
    """The forum with its figures; 404 before its record is there."""
    assert set(await get(client, "/api/forum", 404)) == {"error"}

    await rows.forum()
    await rows.board(1)
    await rows.board(2)
    await rows.account(ANN)
    topic = await rows.topic(ANN)
    await rows.reply(ANN, topic)
    await rows.run("INSERT INTO members VALUES ($1, now())", ANN)

    assert await get(client, "/api/forum") == {
        "did": FORUM_DID,
        "uri": SITE.forum_uri,
        "name": "Cats",
        "description": "All about cats",
        "boardCount": 2,
        "topicCount": 1,
        "replyCount": 1,
        "memberCount": 1,
    }


async def test_categories(client: httpx.AsyncClient, rows: Rows) -> None:
    """In the forum's order; equal places in the order of their keys."""
    third, first, second = (
        await rows.category(3, sort_order=7),
        await rows.category(1, sort_order=5),
        await rows.category(2, sort_order=5),
    )

    listed = await get(client, "/api/categories")

    assert [category["id"] for category in listed["categories"]] == [str(first), str(second), str(third)]
    assert set(listed) == {"categories"}
    assert await get(client, f"/api/categories/{third}") == {
        "id": str(third),
        "uri": category_uri(3),
        "name": "Category 3",
        "description": None,
        "slug": "slug",
        "sortOrder": 7,
    }
    assert await get(client, "/api/categories/999", 404) == {"error": "There is no such category."}


async def test_boards(client: httpx.AsyncClient, rows: Rows) -> None:
    """By category, then in the forum's order; those without a category of ours too."""
    category = await rows.category(1, sort_order=2)
    other = await rows.category(2, sort_order=1)
    board = await rows.board(1, category=1)
    ahead = await rows.board(2, category=2)
    stray = await rows.board(3, category=9)
    await rows.account(ANN, "ann.test")
    topic = await rows.topic(ANN)
    reply = await rows.reply(BOB, topic)

    listed = await get(client, "/api/boards")
    assert [b["id"] for b in listed["boards"]] == [str(ahead), str(board), str(stray)]
    assert listed["boards"][2]["categoryId"] is None

    expected = {
        "id": str(board),
        "uri": board_uri(1),
        "name": "Board 1",
        "description": "About",
        "slug": None,
        "sortOrder": 0,
        "categoryId": str(category),
        "categoryUri": category_uri(1),
        "topicCount": 1,
        "replyCount": 1,
        "lastPost": {
            "uri": reply.uri,
            "topicId": str(topic.id),
            "title": "Topic 1",
            "author": None,  # we hold no account of Bob
            "createdAt": "2026-01-01T12:02:00.000Z",
        },
    }
    assert await get(client, f"/api/boards/{board}") == expected
    assert await get(client, f"/api/categories/{category}/boards") == {"boards": [expected]}
    assert [b["id"] for b in (await get(client, f"/api/categories/{other}/boards"))["boards"]] == [str(ahead)]
    assert await get(client, "/api/categories/999/boards", 404) == {"error": "There is no such category."}
    assert await get(client, "/api/boards/999", 404) == {"error": "There is no such board."}


async def test_last_post_follows_what_is_shown(client: httpx.AsyncClient, rows: Rows) -> None:
    """A board's last post is never hidden, deleted or banned, pinned topic or not."""
    board = await rows.board(1)
    await rows.account(ANN, "ann.test")
    await rows.account(BOB)

    async def last_uri() -> str | None:
        last = (await get(client, f"/api/boards/{board}"))["lastPost"]
        return last and last["uri"]

    assert await last_uri() is None
    pinned = await rows.topic(ANN)
    await rows.pin(pinned)
    topic = await rows.topic(ANN)
    assert await last_uri() == topic.uri
    reply = await rows.reply(ANN, pinned)
    assert await last_uri() == reply.uri
    await rows.reply(ANN, topic, hidden=True)
    deleted = await rows.reply(ANN, topic)
    await rows.delete(deleted)
    assert await last_uri() == reply.uri
    await rows.topic(BOB)
    await rows.ban(BOB)
    assert await last_uri() == reply.uri


async def test_topics(client: httpx.AsyncClient, rows: Rows) -> None:
    """A board's topics: the shape, pinned first and then by activity, or by age."""
    board = await rows.board(1)
    await rows.account(ANN, "ann.test")
    old = await rows.topic(ANN)
    pinned = await rows.topic(ANN)
    new = await rows.topic(ANN)
    await rows.topic(ANN, board=2)
    await rows.reply(BOB, old)
    await rows.pin(pinned)
    await rows.lock(old, "3zzzzzzzzzzzz")

    listed = await get(client, f"/api/boards/{board}/topics")
    by_age = await get(client, f"/api/boards/{board}/topics", sort="created")

    assert [topic["id"] for topic in listed["topics"]] == [str(pinned.id), str(old.id), str(new.id)]
    assert [topic["id"] for topic in by_age["topics"]] == [str(new.id), str(pinned.id), str(old.id)]
    assert {key: listed[key] for key in listed if key != "topics"} == {"total": 3, "offset": 0, "limit": 25}
    assert listed["topics"][1] == {
        "id": str(old.id),
        "did": ANN,
        "rkey": "0000000000001",
        "uri": post_uri(ANN, 1),
        "title": "Topic 1",
        "text": "text 1",
        "forumUri": SITE.forum_uri,
        "boardUri": board_uri(1),
        "boardId": str(board),
        "parentPostId": None,
        "createdAt": "2026-01-01T12:01:00.000Z",
        "author": {"did": ANN, "handle": "ann.test"},
        "replyCount": 1,
        "lastReplyAt": "2026-01-01T12:05:00.000Z",
        "locked": True,
        "pinned": False,
    }
    assert listed["topics"][0]["lastReplyAt"] is None


async def test_topics_leave_out_what_is_not_shown(client: httpx.AsyncClient, rows: Rows) -> None:
    """Hidden topics, deleted ones nobody answered, and at once those of whom is banned or taken down."""
    board = await rows.board(1)
    for did in (ANN, BOB, "did:plc:cid"):
        await rows.account(did)
    shown = await rows.topic(ANN)
    await rows.topic(ANN, hidden=True)
    for answers in ((), ({"hidden": True},)):
        deleted = await rows.topic(ANN)
        for answer in answers:
            await rows.reply(ANN, deleted, **answer)
        await rows.delete(deleted)
    await rows.topic(BOB)
    await rows.topic("did:plc:cid")
    await rows.ban(BOB)
    await rows.run("UPDATE accounts SET status = 'takendown' WHERE did = 'did:plc:cid'")

    for sort in ("activity", "created"):
        listed = await get(client, f"/api/boards/{board}/topics", sort=sort)
        assert [topic["id"] for topic in listed["topics"]] == [str(shown.id)]


@pytest.mark.parametrize("sort", ["activity", "created"])
async def test_deleted_topics_stay_in_place(client: httpx.AsyncClient, rows: Rows, sort: str) -> None:
    """Those that were answered are told among the others, once, uncounted, whichever way the list is paged."""
    board = await rows.board(1)
    for did in (ANN, BOB, "did:plc:cid"):
        await rows.account(did)
    topics = [await rows.topic(ANN, at=minute(number)) for number in range(10)]
    deleted = [0, 3, 4, 8, 9]
    others = [await rows.topic(ANN, at=minute(50), hidden=True), await rows.topic(BOB), await rows.topic("did:plc:cid")]
    for number in deleted:
        await rows.reply(ANN, topics[number], at=minute(number))
    for other in others:
        await rows.reply(ANN, other)
    for topic in (*(topics[number] for number in deleted), *others):
        await rows.delete(topic)
    for pinned in (topics[3], topics[5]):
        await rows.pin(pinned)
    await rows.ban(BOB)
    await rows.run("UPDATE accounts SET status = 'deactivated' WHERE did = 'did:plc:cid'")
    order = [5, 3, 9, 8, 7, 6, 4, 2, 1, 0] if sort == "activity" else [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    expected = [str(topics[number].id) for number in order]
    path = f"/api/boards/{board}/topics"

    whole = await get(client, path, sort=sort)
    assert [topic["id"] for topic in whole["topics"]] == expected
    assert [topic["id"] for topic in whole["topics"] if topic.get("deleted")] == [
        str(topics[number].id) for number in order if number in deleted
    ]
    assert [topic["text"] == "" for topic in whole["topics"]] == [number in deleted for number in order]
    assert whole["total"] == 5
    for limit in (1, 2, 3, 5):
        by_offset = [
            topic["id"]
            for offset in range(0, whole["total"], limit)
            for topic in (await get(client, path, sort=sort, limit=limit, offset=offset))["topics"]
        ]
        assert by_offset == expected
        page = await get(client, path, sort=sort, limit=limit)
        by_place = [topic["id"] for topic in page["topics"]]
        while "cursor" in page:
            page = await get(client, path, sort=sort, limit=limit, cursor=page["cursor"])
            by_place += [topic["id"] for topic in page["topics"]]
        assert by_place == expected
    for beyond in (5, 6):
        assert (await get(client, path, sort=sort, offset=beyond))["topics"] == []


async def test_a_board_of_deleted_topics(client: httpx.AsyncClient, rows: Rows) -> None:
    """What was answered can still be found."""
    board = await rows.board(1)
    await rows.account(ANN)
    topic = await rows.topic(ANN)
    await rows.reply(ANN, topic)
    await rows.delete(topic)
    listed = await get(client, f"/api/boards/{board}/topics")
    assert [found["id"] for found in listed["topics"]] == [str(topic.id)]
    assert (listed["total"], listed["topics"][0]["title"], listed["topics"][0]["replyCount"]) == (0, None, 1)


async def test_topic_page(client: httpx.AsyncClient, rows: Rows) -> None:
    """A topic with its replies in order: the shape, and what only some posts have."""
    board = await rows.board(1)
    await rows.account(ANN, "ann.test")
    topic = await rows.topic(ANN, markdown="*Hello*", edited_at=minute(90))
    plain = await rows.reply(ANN, topic)
    rich = await rows.reply(ANN, topic, parent=plain, markdown="# Hi", edited_at=minute(99))
    await rows.reply(ANN, topic, parent_uri=post_uri(ANN, 777))
    await rows.pin(topic)

    page = await get(client, f"/api/topics/{topic.id}")

    replies = page.pop("replies")
    post = page.pop("post")
    assert page == {
        "topicId": str(topic.id), "locked": False, "pinned": True, "total": 3, "offset": 0, "limit": 25,
    }  # fmt: skip
    assert (post["id"], post["boardId"], post["replyCount"]) == (str(topic.id), str(board), 3)
    assert post["content"] == {"$type": "space.atbb.post#markdown", "markdown": "*Hello*"}
    assert post["editedAt"] == "2026-01-01T13:30:00.000Z"
    assert replies[0] == {
        "id": str(plain.id),
        "did": ANN,
        "rkey": "0000000000002",
        "uri": plain.uri,
        "title": None,
        "text": "text 2",
        "parentPostId": str(topic.id),
        "createdAt": "2026-01-01T12:02:00.000Z",
        "author": {"did": ANN, "handle": "ann.test"},
    }
    assert replies[1] == replies[1] | {
        "id": str(rich.id),
        "parentPostId": str(plain.id),
        "content": {"$type": "space.atbb.post#markdown", "markdown": "# Hi"},
        "editedAt": "2026-01-01T13:39:00.000Z",
    }
    assert replies[2]["parentPostId"] is None


async def test_tombstones_stay_in_place(client: httpx.AsyncClient, rows: Rows) -> None:
    """A reply its author deleted keeps its place, without text and uncounted; hidden and banned ones leave nothing."""
    await rows.board(1)
    await rows.account(ANN)
    await rows.account(BOB)
    topic = await rows.topic(ANN)
    first = await rows.reply(ANN, topic)
    deleted = await rows.reply(ANN, topic)
    await rows.reply(ANN, topic, hidden=True)
    await rows.reply(BOB, topic)
    await rows.delete(await rows.reply(BOB, topic))
    await rows.delete(await rows.reply(ANN, topic, hidden=True))
    last = await rows.reply(ANN, topic)
    await rows.delete(deleted)
    await rows.ban(BOB)

    page = await get(client, f"/api/topics/{topic.id}")

    assert [reply["id"] for reply in page["replies"]] == [str(first.id), str(deleted.id), str(last.id)]
    assert (page["replies"][1]["text"], page["replies"][1]["deleted"]) == ("", True)
    assert "deleted" not in page["replies"][0]

    await rows.delete(last)
    page = await get(client, f"/api/topics/{topic.id}")
    assert [reply["id"] for reply in page["replies"]] == [str(first.id), str(deleted.id), str(last.id)]
    assert (await get(client, f"/api/topics/{topic.id}", offset=1))["replies"] == []


async def test_a_locked_topic_shows_no_later_tombstone(client: httpx.AsyncClient, rows: Rows) -> None:
    """What was posted after the lock was never shown, so its deletion is not either."""
    await rows.board(1)
    await rows.account(ANN)
    topic = await rows.topic(ANN)
    before = await rows.reply(ANN, topic)
    await rows.lock(topic, "0000000000002")
    await rows.delete(before)
    await rows.delete(await rows.reply(ANN, topic, shown=False))

    page = await get(client, f"/api/topics/{topic.id}")

    assert page["locked"] is True
    assert [reply["id"] for reply in page["replies"]] == [str(before.id)]


async def test_deleted_topic(client: httpx.AsyncClient, rows: Rows) -> None:
    """A deleted topic is served while it has replies that are shown."""
    await rows.board(1)
    await rows.account(ANN)
    await rows.account(BOB)
    topic = await rows.topic(ANN)
    reply = await rows.reply(BOB, topic)
    await rows.delete(topic)

    page = await get(client, f"/api/topics/{topic.id}")
    assert (page["post"]["deleted"], page["post"]["text"], page["post"]["title"]) == (True, "", None)
    assert [r["id"] for r in page["replies"]] == [str(reply.id)]

    await rows.delete(reply)
    await get(client, f"/api/topics/{topic.id}", 404)


async def test_topics_not_to_be_seen(client: httpx.AsyncClient, rows: Rows) -> None:
    """404 for hidden topics, those of banned authors, on boards that are gone; and for replies."""
    await rows.board(1)
    await rows.account(ANN)
    await rows.account(BOB)
    topic = await rows.topic(ANN)
    unseen = [
        await rows.topic(ANN, hidden=True),
        await rows.topic(BOB),
        await rows.topic(ANN, board=99),
        await rows.reply(ANN, topic),
    ]
    await rows.ban(BOB)

    for post in unseen:
        assert await get(client, f"/api/topics/{post.id}", 404) == {"error": "There is no such topic."}
    await get(client, f"/api/topics/{topic.id}")


async def test_limits(client: httpx.AsyncClient, rows: Rows) -> None:
    """Limits have defaults and a most, to which larger ones are lowered."""
    board = await rows.board(1)
    await rows.account(ANN)
    topic = await rows.topic(ANN)
    for path, most in ((f"/api/boards/{board}/topics", 100), (f"/api/topics/{topic.id}", 250)):
        assert (await get(client, path))["limit"] == 25
        assert (await get(client, path, limit=most))["limit"] == most
        assert (await get(client, path, limit=most + 1))["limit"] == most
        assert (await get(client, path, offset=7))["offset"] == 7


@pytest.mark.parametrize("bad", ["x", "-1", "1.5", "1e3", "٣", "9223372036854775808", "1_0", "+1"])
async def test_malformed_ids(client: httpx.AsyncClient, bad: str) -> None:
    """An id is a whole number of 64 bits, and nothing else that could be read as one."""
    for path in ("categories/{}", "categories/{}/boards", "boards/{}", "boards/{}/topics", "topics/{}"):
        refused = await get(client, "/api/" + path.format(bad), 400)
        assert refused == {"error": "An id is a whole number of at most 64 bits."}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=x", "limit=", "offset=-1", "offset=x", "offset=9223372036854775808",
        "cursor=!", "cursor=", "cursor=W10", "cursor=" + "A" * 2000, "offset=1&cursor=W10",
        "cursor=W3RydWUsIjIwMjYtMDEtMDFUMDA6MDA6MDAiLCJhIl0",  # [true, "2026-01-01T00:00:00", "a"]: no zone
        "cursor=W3RydWUsIjIwMjYtMDEtMDFUMDA6MDA6MDBaIiwiXHUwMDAwIl0",  # [true, "2026-01-01T00:00:00Z", "\u0000"]
    ],
)  # fmt: skip
async def test_malformed_paging(client: httpx.AsyncClient, rows: Rows, query: str) -> None:
    """What is not a limit, an offset or a cursor is refused with a sentence, not guessed at."""
    await rows.board(1)
    for path in ("/api/boards/1/topics", "/api/topics/1"):
        refused = await get(client, f"{path}?{query}", 400)
        assert refused["error"].endswith(".")


async def test_malformed_sort(client: httpx.AsyncClient) -> None:
    assert await get(client, "/api/boards/1/topics", 400, sort="name") == {"error": "The sort is activity or created."}


async def test_unknown_path_and_method(client: httpx.AsyncClient) -> None:
    """What is not there is answered in JSON as well."""
    assert await get(client, "/api/nothing", 404) == {"error": "Not Found."}
    response = await client.post("/api/forum")
    assert (response.status_code, response.json()) == (405, {"error": "Method Not Allowed."})
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_database_away(path: str) -> None:
    """503 while the database is away, without a word of how."""
    async with client_of(make_app(AwayDatabase(), Board(), SITE)) as client:
        assert await get(client, path, 503) == {
            "error": "The forum cannot reach its database right now; please try again."
        }


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_bug_is_told_without_internals(path: str) -> None:
    """500 for what nobody foresaw; the words are for the log."""
    async with client_of(make_app(None, Board(), SITE)) as client:
        assert await get(client, path, 500) == {"error": "Something went wrong here."}
