"""What a write tells caches and open pages: every page that looks different now is named, by what it shows."""

import pytest

from forum.changes import Changes
from forum.protocol.events import RecordOp
from tests.support.forum import (
    ANN,
    BOB,
    ELSEWHERE,
    HERE,
    F,
    Index,
    act,
    board,
    gone,
    grant,
    put,
    reply,
    role,
    topic,
    uri,
)

TOPIC, REPLY = uri(ANN, 1), uri(BOB, 2)


async def told(index: Index, *ops: RecordOp) -> Changes:
    """Of this, when there is a topic with one reply."""
    await index.apply(put(ANN, 1, 1, topic()), put(BOB, 2, 1, reply(TOPIC)))
    return (await index.apply(*ops)).changes


@pytest.mark.parametrize(
    "op",
    [
        put(ANN, 3, 3, reply(TOPIC)),
        put(BOB, 2, 3, reply(TOPIC, "edited")),
        gone(BOB, 2, 3),
        gone(ANN, 1, 3),
        put(ANN, 1, 3, topic("edited")),
        put(ANN, 1, 3, topic(board=ELSEWHERE)),
        put(F, 3, 3, act("delete", REPLY)),
        put(F, 3, 3, act("delete", TOPIC)),
        put(F, 3, 3, act("pin", TOPIC)),
        put(F, 3, 3, act("lock", TOPIC)),
        put(F, 3, 3, act("ban", BOB)),
        put(F, 3, 3, act("ban", ANN)),
    ],
)
async def test_posts(index: Index, op: RecordOp) -> None:
    """The topic, and the board it stands on or left."""
    assert {TOPIC, HERE} <= (await told(index, op)).uris


async def test_a_topic_without_replies(index: Index) -> None:
    """Leaves its board, which is told, though nothing of it is left to ask."""
    await index.apply(put(ANN, 1, 1, topic()))
    assert {TOPIC, HERE} <= (await index.apply(gone(ANN, 1, 2))).changes.uris


@pytest.mark.parametrize("record", [board("renamed"), role("Guest", "createPosts")], ids=["board", "role"])
async def test_the_forum_itself(index: Index, record: dict[str, object]) -> None:
    """Whatever it says of itself may be on any page."""
    assert (await told(index, put(F, 0, 3, record))).all


async def test_who_somebody_is_here(index: Index) -> None:
    """Also where a role permits them what they could do before."""
    await index.apply(put(F, 1, 1, role("Friend", "createTopics", "createPosts")))
    assert BOB in (await told(index, put(F, 3, 3, grant(BOB, 1)))).dids
    assert BOB in (await index.apply(gone(F, 3, 4, collection="space.atbb.forum.grant"))).changes.dids
