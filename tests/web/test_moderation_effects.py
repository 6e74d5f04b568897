"""Each effect of moderation, and both of its ends: the API and the pages show the same, whichever way it reached us."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from actors.health import Board
from daemon.pool import Pool
from forum.moderation import end_expired
from forum.protocol.events import RecordOp
from forum.reads.accounts import Author
from forum.records.names import CATEGORY
from tests.support.forum import ANN, BOB, HERE, STAMP, F, Index, act, board, put, reply, tid, topic, uri
from tests.support.index import build, repos_of
from tests.web.forum_rows import SITE, client_of
from tests.web.pages.parsed import parsed
from web.app import make_app
from web.pages import links

FIRST, SECOND, EARLY, LATE_TOPIC = uri(ANN, 1), uri(ANN, 2), uri(BOB, 3), uri(BOB, 21)
TOPICS = ((ANN, FIRST), (ANN, SECOND), (BOB, LATE_TOPIC))
FUTURE, PAST = "2999-01-01T00:00:00Z", "2023-12-01T00:00:00Z"
BY_THEIR_KEYS = {"createdAt": FUTURE}

BEFORE = (
    put(F, "self", 1, {"name": "Cats", "createdAt": STAMP}),
    put(F, 0, 1, {"name": "Animals", "createdAt": STAMP}, collection=CATEGORY),
    put(F, 0, 1, board()),
    put(ANN, 1, 1, topic() | BY_THEIR_KEYS),
    put(ANN, 2, 2, topic() | BY_THEIR_KEYS),
    put(BOB, 3, 3, reply(FIRST, "early") | BY_THEIR_KEYS),
)
AFTER = (
    put(BOB, 20, 20, reply(FIRST, "late") | BY_THEIR_KEYS),
    put(BOB, 21, 21, topic() | BY_THEIR_KEYS),
)


@dataclass(frozen=True)
class Seen:
    """The board's topics in their order; of those that can be opened, the replies; those with a mark."""

    board: Sequence[str]
    replies: dict[str, list[str]]
    pinned: str | None = None
    locked: str | None = None


OPEN = Seen([LATE_TOPIC, FIRST, SECOND], {LATE_TOPIC: [], FIRST: ["early", "late"], SECOND: []})
EFFECTS = {
    "ban": ("ban", BOB, Seen([SECOND, FIRST], {FIRST: [], SECOND: []})),
    "mute": ("mute", BOB, Seen([FIRST, SECOND], {FIRST: ["early"], SECOND: []})),
    "lock": ("lock", FIRST, Seen(OPEN.board, OPEN.replies | {FIRST: ["early"]}, locked=FIRST)),
    "pin": ("pin", SECOND, Seen([SECOND, LATE_TOPIC, FIRST], OPEN.replies, pinned=SECOND)),
    "hide a reply": ("delete", EARLY, Seen(OPEN.board, OPEN.replies | {FIRST: ["late"]})),
    "hide a topic": ("delete", FIRST, Seen([LATE_TOPIC, SECOND], {LATE_TOPIC: [], SECOND: []})),
}


@pytest.fixture
def index(database: Pool) -> Index:
    return Index(database)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["in order", "swapped", "rebuilt"])
@pytest.mark.parametrize("state", ["in force", "ended", "expired"])
@pytest.mark.parametrize("effect", EFFECTS)
async def test_effect(index: Index, effect: str, state: str, way: str) -> None:
    """Act before post and post before act, one by one, or all from the repositories alone."""
    word, subject, in_force = EFFECTS[effect]
    live = way == "in order"
    end = {"expiresAt": FUTURE if live else PAST} if state == "expired" else {}
    acts = [put(F, 10, 10, act(word, subject, **end))]
    if state == "ended":
        acts.append(put(F, 11, 11, act(f"un{word}", subject)))
    await deliver(index, way, [*BEFORE, *acts, *AFTER])
    if state == "expired" and live:
        assert await seen(index) == [in_force, in_force]
        await expire(index)
    expected = in_force if state == "in force" else OPEN
    assert await seen(index) == [expected, expected]


async def deliver(index: Index, way: str, history: Sequence[RecordOp]) -> None:
    if way == "rebuilt":
        await build(index.database, F, repos_of(history), rev=tid(99))
        return
    await index.settings()
    for op in history if way == "in order" else reversed(history):
        await index.apply(op)


async def expire(index: Index) -> None:
    """The time of the act has come, and the clock sees to it."""
    await index.do("UPDATE mod_actions SET expires_at = now() - interval '1 minute'")
    async with index.writing() as tx:
        await end_expired(tx, 100)


async def seen(index: Index) -> list[Seen]:
    """By the API, and on the pages, by who is not signed in."""
    async with client_of(make_app(index.database, Board(), SITE)) as client:
        return [await by_api(client, index), await on_pages(client)]


async def by_api(client: httpx.AsyncClient, index: Index) -> Seen:
    boards = (await client.get("/api/boards")).json()["boards"][0]
    listed = (await client.get(f"/api/boards/{boards['id']}/topics")).json()
    topics: dict[str, Any] = {}  # JSON
    for number, place in await index.rows("SELECT id, uri FROM posts WHERE root_uri IS NULL"):
        answer = await client.get(f"/api/topics/{number}")
        assert answer.status_code in (200, 404)
        if answer.status_code == 200:
            topics[place] = answer.json()
    replies = {place: [one["text"] for one in page["replies"]] for place, page in topics.items()}
    counted = (boards["topicCount"], boards["replyCount"], listed["total"])
    assert counted == (len(topics), sum(map(len, replies.values())), len(topics))
    return Seen(
        [one["uri"] for one in listed["topics"]], replies,
        pinned=one_of(place for place, page in topics.items() if page["pinned"]),
        locked=one_of(place for place, page in topics.items() if page["locked"]),
    )  # fmt: skip


async def on_pages(client: httpx.AsyncClient) -> Seen:
    paths = {links.topic_path(Author(did=did, handle=None), place): place for did, place in TOPICS}
    listed = parsed((await client.get(links.board_path(HERE, None))).text).links()
    topics = {}
    for path, place in paths.items():
        answer = await client.get(path)
        assert answer.status_code in (200, 404)
        if answer.status_code == 200:
            topics[place] = parsed(answer.text)
    bodies = {place: [one.text.strip() for one in page.all("div", class_="body")] for place, page in topics.items()}
    return Seen(
        [paths[link] for link in listed if link in paths],
        {place: replies for place, (_, *replies) in bodies.items()},
        pinned=one_of(place for place, page in topics.items() if page.all("span", class_="mark pin")),
        locked=one_of(place for place, page in topics.items() if page.all("span", class_="mark lock")),
    )


def one_of(places: Iterable[str]) -> str | None:
    """The only one, if any."""
    [found] = [*places] or [None]
    return found
