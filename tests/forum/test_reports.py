"""Reports as rows: one of a post with a voice for each member, one moderator at a time, and nothing left over."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import trio

from forum import ledger, reports
from forum.errors import BadInput
from forum.reads.reports import Others, Report, open_reports, report_by_id, resolved_reports
from forum.reports import MOST_AN_HOUR, AlreadyReported, Faster, NoReport, Reported, TooManyReports, Verdict
from tests.support.forum import ANN, BOB, CAT, F, Index, act, board, gone, put, reply, tid, topic, uri
from tests.support.waiting import until

TOPIC, REPLY = uri(ANN, 1), uri(BOB, 2)
DAN, EVE, MOD, PEER = (f"did:plc:{name}" for name in ("dan", "eve", "mod", "peer"))


@pytest.fixture
async def talk(index: Index) -> Index:
    """Ann's topic with Bob's reply."""
    await index.settings()
    await index.apply(put(F, tid(0), 1, board()), put(ANN, 1, 1, topic()), put(BOB, 2, 2, reply(TOPIC)))
    return index


async def send(index: Index, reporter: str, post: str = REPLY, reason: str = "Rude") -> int:
    author = post.split("/")[2]
    async with index.database.transaction() as tx:
        return (await reports.send(tx, reporter, Reported(uri=post, cid="cid", author=author), reason)).report_id


async def by(index: Index, act: Callable[..., Awaitable[Any]], *args: Any) -> Any:  # Any: whatever the act takes
    async with index.database.transaction() as tx:
        return await act(tx, *args)


async def waiting(index: Index, reader: str = MOD) -> list[Report]:
    async with index.database.connection() as connection:
        return list((await open_reports(connection, reader, limit=50)).reports)


async def done(index: Index, reader: str = MOD) -> list[Report]:
    async with index.database.connection() as connection:
        return list((await resolved_reports(connection, reader, limit=50)).reports)


async def erase(index: Index, did: str) -> None:
    async with index.writing() as tx:
        await ledger.erase(tx, did)


def who(report: Report) -> list[str]:
    return [voice.reporter.did for voice in report.voices]


def dismissed(report_id: int, by: str = MOD, **more: Any) -> Verdict:  # Any: as the fields of Verdict
    return Verdict(report_id=report_id, by=by, **{"outcome": "dismiss", **more})


# What members send ----------------------------------------------------------------------------------------------------


async def test_one_matter_with_several_voices(talk: Index) -> None:
    """Whoever reports a post while it waits is heard with the others; resolved once, it is resolved for all."""
    first = await send(talk, ANN, reason="Rude")
    assert await send(talk, CAT, reason="Very rude") == first
    assert await send(talk, CAT, TOPIC) != first
    found, other = await waiting(talk)
    assert [(voice.reporter.did, voice.reason) for voice in found.voices] == [(ANN, "Rude"), (CAT, "Very rude")]
    assert (found.voice_count, other.voice_count) == (2, 1)
    await by(talk, reports.settle, dismissed(first))
    assert [report.id for report in await waiting(talk)] == [other.id]
    assert await send(talk, ANN) not in (first, other.id)


async def test_once_while_it_is_open(talk: Index) -> None:
    """Also by a double click; when it is resolved the same member may report the post again."""
    told: list[str] = []

    async def click() -> None:
        try:
            await send(talk, ANN)
            told.append("sent")
        except AlreadyReported:
            told.append("already")

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(click)
    assert sorted(told) == ["already", "already", "sent"]
    [found] = await waiting(talk)
    await by(talk, reports.settle, dismissed(found.id))
    await send(talk, ANN)
    [again] = await waiting(talk)
    assert again.others == Others(resolved=1, of_post=1, acted=0, open=0)


async def test_so_many_an_hour(talk: Index) -> None:
    """However many are sent at once, and by which way; others are not held back, and an hour later there is room."""
    told: list[int] = []

    async def flood(number: int) -> None:
        try:
            await send(talk, ANN, uri(BOB, 100 + number))
        except TooManyReports as error:
            told.append(error.seconds)

    async with trio.open_nursery() as nursery:
        for number in range(MOST_AN_HOUR + 3):
            nursery.start_soon(flood, number)
    assert len(await waiting(talk)) == MOST_AN_HOUR
    assert len(told) == 3
    assert all(0 < seconds <= 3600 for seconds in told)
    await send(talk, CAT)
    await talk.do(
        "UPDATE voices SET created_at = created_at - $1::interval WHERE reporter = $2", timedelta(hours=1), ANN
    )
    await send(talk, ANN)


@pytest.mark.parametrize(("typed", "word"), [("a\0b", "NUL"), ("x" * 1001, "1,000"), ("👩‍👩‍👧‍👦" * 500, "1,000")])
def test_words_that_cannot_be_taken(typed: str, word: str) -> None:
    """Told by what they are; sizes in characters as people count them, and in bytes."""
    with pytest.raises(BadInput, match=word):
        reports.checked_words("reason", typed)


def test_words_that_can() -> None:
    assert reports.checked_words("reason", "  é\n" + "é" * 998 + " \n") == "é\n" + "é" * 998


# What moderators do ---------------------------------------------------------------------------------------------------


async def test_a_claim_keeps_others_away(talk: Index) -> None:
    """From claiming, resolving and giving back; they are told by whom, until it is given back, or two hours later."""
    number = await send(talk, ANN)
    await by(talk, reports.claim, number, MOD)
    await by(talk, reports.claim, number, MOD)
    for do in (reports.claim, reports.give_back):
        with pytest.raises(Faster) as told:
            await by(talk, do, number, PEER)
        assert (told.value.by, told.value.outcome) == (MOD, None)
    [found] = await waiting(talk)
    assert found.claim is not None
    assert found.claim.by.did == MOD
    assert found.claim.until - found.claim.at == timedelta(hours=2)
    await by(talk, reports.give_back, number, MOD)
    await by(talk, reports.give_back, number, MOD)
    await by(talk, reports.claim, number, PEER)
    await talk.do("UPDATE reports SET claimed_at = claimed_at - interval '2 hours'")
    assert (await waiting(talk))[0].claim is None
    await by(talk, reports.claim, number, MOD)


async def test_many_claim_at_once(talk: Index) -> None:
    """One has it, and all others are told who that is."""
    number = await send(talk, ANN)
    won: list[str] = []
    lost: list[str] = []

    async def grab(did: str) -> None:
        try:
            await by(talk, reports.claim, number, did)
            won.append(did)
        except Faster as error:
            lost.append(error.by)

    async with trio.open_nursery() as nursery:
        for each in range(6):
            nursery.start_soon(grab, f"did:plc:mod{each}")
    assert len(won) == 1
    assert lost == won * 5


async def test_resolved_once(talk: Index) -> None:
    """Said again by the same moderator it changes nothing; who comes later is told how it was resolved, and by whom."""
    number = await send(talk, ANN)
    await by(talk, reports.settle, dismissed(number, outcome="hide", reason="Insult", note="third time"))
    await by(talk, reports.settle, dismissed(number, outcome="hide", reason="otherwise"))
    for verdict in (dismissed(number), dismissed(number, PEER, outcome="hide")):
        with pytest.raises(Faster) as told:
            await by(talk, reports.settle, verdict)
        assert (told.value.by, told.value.outcome) == (MOD, "hide")
    for do in (reports.claim, reports.give_back):
        with pytest.raises(Faster):
            await by(talk, do, number, PEER)
    [found] = await done(talk)
    assert found.resolution is not None
    assert (found.resolution.outcome, found.resolution.by.did) == ("hide", MOD)
    assert (found.resolution.reason, found.resolution.note) == ("Insult", "third time")


async def test_a_voice_while_it_is_resolved(talk: Index) -> None:
    """Is in that report or in the next one, never lost; and never are two of them open."""
    await send(talk, ANN)

    async def resolve() -> None:
        for _ in range(5):
            for report in await waiting(talk):
                await by(talk, reports.settle, dismissed(report.id))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(resolve)
        for number in range(12):
            nursery.start_soon(send, talk, f"did:plc:member{number}")
    found = await waiting(talk) + await done(talk)
    assert sorted(did for report in found for did in who(report)) == sorted(
        [ANN, *(f"did:plc:member{number}" for number in range(12))]
    )
    assert len(await waiting(talk)) <= 1


async def test_nobody_decides_about_their_own(talk: Index) -> None:
    """Nor sees it: for a moderator whose post is reported there is no such report."""
    number = await send(talk, ANN)
    for do in (reports.claim, reports.give_back):
        with pytest.raises(NoReport):
            await by(talk, do, number, BOB)
    with pytest.raises(NoReport):
        await by(talk, reports.settle, dismissed(number, BOB))
    assert await waiting(talk, BOB) == []
    await by(talk, reports.settle, dismissed(number))
    assert await done(talk, BOB) == []
    async with talk.database.connection() as connection:
        assert await report_by_id(connection, BOB, number) is None
        assert await report_by_id(connection, MOD, number) is not None
        assert await report_by_id(connection, MOD, 999) is None


async def test_acts_are_in_the_audit(talk: Index) -> None:
    """Each once, with what was before and after; neither who reported the post nor in which words."""
    number = await send(talk, ANN, reason="Confidential")
    for _ in range(2):
        await by(talk, reports.claim, number, MOD)
    for _ in range(2):
        await by(talk, reports.give_back, number, MOD)
    await by(talk, reports.claim, number, MOD)
    for _ in range(2):
        await by(talk, reports.settle, dismissed(number, note="Harmless"))
    rows = await talk.rows("SELECT actor, act, subject, before::jsonb, after::jsonb FROM audit ORDER BY id")
    assert [row[:3] for row in rows] == [
        (MOD, act, REPLY) for act in ("claimReport", "giveBackReport", "claimReport", "resolveReport")
    ]
    claimed = f'{{"report": "{number}", "claimedBy": "{MOD}"}}'
    assert rows[1][3:] == (claimed, None)
    assert rows[3][3] == claimed
    assert '"note": "Harmless"' in rows[3][4]
    assert "Confidential" not in str(rows)
    assert ANN not in str(rows)


# What is told ---------------------------------------------------------------------------------------------------------


async def test_pages(talk: Index) -> None:
    """The queue runs from the oldest on, what was resolved from the newest back; no report twice, and none left out."""
    numbers = [await send(talk, f"did:plc:member{number}", uri(BOB, 100 + number)) for number in range(7)]
    async with talk.database.connection() as connection:
        seen, after = list[int](), 0
        while True:
            part = await open_reports(connection, MOD, limit=3, after=after)
            seen += [report.id for report in part.reports]
            if part.next is None:
                break
            after = int(part.next.uri)
        assert seen == numbers
        assert [report.id for report in (await open_reports(connection, MOD, limit=3, offset=5)).reports] == numbers[5:]
    for number in numbers:
        await by(talk, reports.settle, dismissed(number))
    async with talk.database.connection() as connection:
        seen, before = [], None
        while True:
            found = await resolved_reports(connection, MOD, limit=3, before=before)
            seen += [report.id for report in found.reports]
            before = found.next
            if before is None:
                break
        assert seen == numbers[::-1]
        assert not (await resolved_reports(connection, MOD, limit=3, about=ANN)).reports
        assert len((await resolved_reports(connection, MOD, limit=3, about=BOB)).reports) == 3


async def test_context(talk: Index) -> None:
    """The post as it is now, where it stands, and what else was reported of its author."""
    await by(talk, reports.settle, dismissed(await send(talk, ANN, uri(BOB, 3)), outcome="ban"))
    await by(talk, reports.settle, dismissed(await send(talk, ANN)))
    await send(talk, ANN, TOPIC)
    await send(talk, CAT)
    await send(talk, CAT, uri(BOB, 4))
    await talk.do("UPDATE accounts SET handle = 'bob.test' WHERE did = $1", BOB)
    await talk.apply(put(F, 50, 50, act("delete", REPLY)), put(F, 51, 51, act("ban", BOB)))
    of_ann, of_bob, _ = await waiting(talk)
    assert of_ann.others == Others(resolved=0, of_post=0, acted=0, open=0)
    assert of_bob.others == Others(resolved=2, of_post=1, acted=1, open=1)
    assert of_ann.post.is_topic
    post = of_bob.post
    assert (post.author.handle, post.text, post.is_topic, post.is_there) == ("bob.test", "reply", False, True)
    assert (post.hidden, post.banned, post.topic and post.topic.uri) == (True, True, TOPIC)
    assert of_bob.voices[0].cid != post.cid


async def test_a_post_that_is_gone(talk: Index) -> None:
    """By its author's will, or never to be seen again: the report stays, and says so."""
    await send(talk, ANN)
    await send(talk, ANN, uri(CAT, 99))
    await talk.apply(gone(BOB, 2, 60))
    deleted, unknown = [report.post for report in await waiting(talk)]
    assert (deleted.deleted, deleted.is_there, deleted.text) == (True, False, "")
    assert (unknown.id, unknown.is_there, unknown.author.did) == (None, False, CAT)


async def test_not_all_of_a_hundred_voices(talk: Index) -> None:
    """They are counted; the first are told."""
    for number in range(25):
        await send(talk, f"did:plc:member{number}")
    [found] = await waiting(talk)
    assert (found.voice_count, len(found.voices)) == (25, 20)
    assert who(found)[0] == "did:plc:member0"


# What is forgotten ----------------------------------------------------------------------------------------------------


async def test_an_author_is_erased(talk: Index) -> None:
    """And with them all reports about them, open or resolved; others stay."""
    await by(talk, reports.settle, dismissed(await send(talk, ANN)))
    await send(talk, ANN)
    kept = await send(talk, CAT, TOPIC)
    await erase(talk, BOB)
    assert [report.id for report in await waiting(talk)] == [kept]
    assert await done(talk) == []
    assert await talk.rows("SELECT report_id, reporter FROM voices") == [(kept, CAT)]


async def test_a_reporter_is_erased(talk: Index) -> None:
    """What nobody else has reported waits no longer; what was resolved is remembered, without them."""
    resolved = await send(talk, DAN, uri(BOB, 3))
    await by(talk, reports.settle, dismissed(resolved))
    shared = await send(talk, DAN)
    await send(talk, EVE)
    await send(talk, DAN, TOPIC)
    await erase(talk, DAN)
    assert [(report.id, who(report)) for report in await waiting(talk)] == [(shared, [EVE])]
    assert [(report.id, who(report)) for report in await done(talk)] == [(resolved, [])]


async def test_a_moderator_is_erased(talk: Index) -> None:
    """What they had claimed is free again."""
    number = await send(talk, ANN)
    await by(talk, reports.claim, number, MOD)
    await erase(talk, MOD)
    await by(talk, reports.claim, number, PEER)


async def test_a_voice_while_a_reporter_is_erased(talk: Index) -> None:
    """Stays, in a report that is open."""
    for number in range(6):
        await send(talk, DAN, uri(BOB, 100 + number))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(erase, talk, DAN)
        for number in range(6):
            nursery.start_soon(send, talk, EVE, uri(BOB, 100 + number))
    found = await waiting(talk)
    assert [who(report) for report in found] == [[EVE]] * 6
    assert {report.post.uri for report in found} == {uri(BOB, 100 + number) for number in range(6)}


async def test_a_voice_waits_for_the_verdict(talk: Index) -> None:
    """Who holds a report is waited for: a voice that comes in between opens the next one."""
    number = await send(talk, ANN)
    held, go_on = trio.Event(), trio.Event()

    async def resolve() -> None:
        async with talk.database.transaction() as tx:
            await reports.settle(tx, dismissed(number))
            held.set()
            await go_on.wait()

    async def speak() -> None:
        await held.wait()
        async with trio.open_nursery() as both:
            both.start_soon(send, talk, CAT)
            await until(partial(somebody_waits, talk))
            go_on.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(resolve)
        nursery.start_soon(speak)
    [found] = await waiting(talk)
    assert who(found) == [CAT]
    assert found.id != number


async def somebody_waits(index: Index) -> bool:
    """For a lock."""
    return bool(await index.one("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
