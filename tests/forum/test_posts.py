"""Posts as records, and the keys under which they are written once."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.pool import Pool
from forum.errors import BadInput
from forum.posts import Ref, edited_record, new_rkey, reply_record, tidy, topic_record
from forum.records import check_record
from forum.records.names import BOARD, FORUM, POST
from forum.records.syntax import is_tid, parse_datetime, tid_of, tid_time
from forum.writes import KeyTaken, claim, known_rkey
from tests.forum.test_plain import MARKUP, TEXT

CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
OWNER, ANN = "did:plc:" + "f" * 24, "did:plc:" + "a" * 24
RKEY = tid_of(1_770_000_000_123_456, 7)
HERE = Ref(f"at://{OWNER}/{FORUM}/self", CID)
SHELF = Ref(f"at://{OWNER}/{BOARD}/{RKEY}", CID)
ROOT, PARENT = Ref(f"at://{ANN}/{POST}/{RKEY}", CID), Ref(f"at://{OWNER}/{POST}/{RKEY}", CID)


def topic(text: str, title: str = "Tomatoes") -> dict:
    return dict(topic_record(title, text, forum=HERE, board=SHELF, rkey=RKEY))


def reply(text: str) -> dict:
    return dict(reply_record(text, forum=HERE, root=ROOT, parent=PARENT, rkey=RKEY))


def test_records() -> None:
    """Every inner reference says what it is: other readers lose the thread without that."""
    assert topic("Red ones.") == {
        "$type": POST,
        "title": "Tomatoes",
        "text": "Red ones.",
        "forum": {"$type": f"{POST}#forumRef", "forum": {"uri": HERE.uri, "cid": CID}},
        "board": {"$type": f"{POST}#boardRef", "board": {"uri": SHELF.uri, "cid": CID}},
        "createdAt": "2026-02-02T02:40:00.123Z",
    }
    reference = {"root": {"uri": ROOT.uri, "cid": CID}, "parent": {"uri": PARENT.uri, "cid": CID}}
    assert reply("Green ones.") == {
        "$type": POST,
        "text": "Green ones.",
        "forum": {"$type": f"{POST}#forumRef", "forum": {"uri": HERE.uri, "cid": CID}},
        "reply": {"$type": f"{POST}#replyRef", **reference},
        "createdAt": "2026-02-02T02:40:00.123Z",
    }


def test_a_second_try_makes_the_same_record() -> None:
    """The time is the key's, whenever that is."""
    rkey = new_rkey()
    assert is_tid(rkey)
    assert abs((tid_time(rkey) - datetime.now(UTC)).total_seconds()) < 60
    made = [reply_record("Again", forum=HERE, root=ROOT, parent=PARENT, rkey=rkey) for _ in range(2)]
    assert made[0] == made[1]
    assert abs(parse_datetime(made[0]["createdAt"]) - tid_time(rkey)).total_seconds() < 0.001


@given(TEXT | MARKUP)
def test_nothing_is_lost(typed: str) -> None:
    """What was typed is in the record to the letter, and the record is one that is taken everywhere."""
    if not tidy(typed):
        with pytest.raises(BadInput, match="text"):
            reply(typed)
        return
    record = reply(typed)
    check_record(POST, RKEY, record)
    kept = record["content"]["markdown"] if "content" in record else record["text"]
    assert kept == tidy(typed)


@given(st.text("ab \n\r\t"))
def test_tidy(typed: str) -> None:
    """Only blank lines around it go, and the line ends of other machines."""
    tidied = tidy(typed)
    assert tidied == tidy(tidied)
    assert "\r" not in tidied
    assert tidied.strip() == typed.replace("\r\n", "\n").replace("\r", "\n").strip()


@given(st.integers(0, 2), st.sampled_from(["a", "é", "🇩🇪", "👩‍🌾", "e\u0301"]), st.sampled_from(["", "\n\n*b*"]))
def test_limits(over: int, grapheme: str, more: str) -> None:
    """As many characters as are allowed, whatever they are made of; not one more."""
    most = min(20_000 - len(more), (100_000 - len(more)) // len(grapheme.encode()))
    typed = grapheme * (most + over) + more
    if over:
        with pytest.raises(BadInput, match=r"text: more than (20,000 characters|100,000 bytes)"):
            reply(typed)
    else:
        assert reply(typed)["content"]["markdown"] == typed


def test_short_and_long() -> None:
    """Up to 300 characters without marks are text alone; more is content as well."""
    assert "content" not in reply("x" * 300)
    long = reply("x" * 301)
    assert long["text"] == "x" * 299 + "…"
    assert long["content"] == {"$type": f"{POST}#markdown", "markdown": "x" * 301}
    formatted = reply("A *word*")
    assert (formatted["text"], formatted["content"]["markdown"]) == ("A word", "A *word*")


@pytest.mark.parametrize(
    ("title", "text", "words"),
    [
        ("x" * 121, "Any", "title: more than 120 characters"),
        ("👩‍🌾" * 121, "Any", "title: more than 120 characters"),
        ("\u0301" * 3001, "Any", "title: more than 3,000 bytes"),
        ("Any", "", "text: empty"),
        ("Any", " \n\t\r\n", "text: empty"),
        ("Any", "a\0b", "text: holds a NUL"),
        ("a\0b", "Any", "title: holds a NUL"),
    ],
)
def test_refused(title: str, text: str, words: str) -> None:
    """In words that name the field, and the limit where there is one."""
    with pytest.raises(BadInput, match=words):
        topic(text, title)


def test_titles() -> None:
    """One line, up to 120 characters."""
    assert topic("Any", "👩‍🌾" * 120)["title"] == "👩‍🌾" * 120
    assert topic("Any", " Two\n lines ")["title"] == "Two lines"


def test_edited() -> None:
    """What the author did not change stays, also what we know nothing of."""
    record = topic("*First*") | {"mood": {"colour": "green", "none": None}, "nothing": None}
    edited = edited_record(record, "Second", rkey=RKEY)
    assert edited == {name: value for name, value in record.items() if name != "content"} | {"text": "Second"}
    again = edited_record(edited, "**Third**", rkey=RKEY, title="Potatoes")
    assert (again["title"], again["text"], again["content"]["markdown"]) == ("Potatoes", "Third", "**Third**")
    assert again["mood"] == record["mood"]
    with pytest.raises(BadInput, match="text"):
        edited_record(record, " ", rkey=RKEY)


def test_edited_says_what_its_references_are() -> None:
    """Whoever wrote it first may have left that out; other readers would lose the thread."""
    record = reply("Any")
    untyped = record | {"forum": {"forum": HERE.strong}, "reply": {"root": ROOT.strong, "parent": PARENT.strong}}
    assert edited_record(untyped, "Any", rkey=RKEY) == record


@dataclass(frozen=True)
class Draft:
    text: str
    place: int


class OtherDraft(Draft):
    """Says the same, and means something else."""


DRAFT = Draft("Once", 1)


async def claimed(database: Pool, draft: object = DRAFT, *, did: str = ANN, key: str = "k", rkey: str) -> str:
    async with database.transaction() as tx:
        return await claim(tx, did, key, draft, rkey=rkey)


async def known(database: Pool, draft: object = DRAFT, *, key: str = "k") -> str | None:
    async with database.connection() as connection:
        return await known_rkey(connection, ANN, key, draft)


async def test_a_key_stands_for_one_write(database: Pool) -> None:
    """The first record key is kept, for its author and this draft."""
    assert await known(database) is None
    assert await claimed(database, rkey="first") == "first"
    assert await claimed(database, rkey="second") == "first"
    assert await known(database) == "first"
    assert await claimed(database, key="other", rkey="second") == "second"
    assert await claimed(database, did=OWNER, rkey="third") == "third"


@pytest.mark.parametrize("other", [Draft("Twice", 1), Draft("Once", 2), OtherDraft("Once", 1)])
async def test_a_key_is_not_used_twice(database: Pool, other: object) -> None:
    await claimed(database, rkey="first")
    with pytest.raises(KeyTaken):
        await claimed(database, other, rkey="second")
    with pytest.raises(KeyTaken):
        await known(database, other)
    assert await claimed(database, rkey="third") == "first"


async def test_keys_are_forgotten(database: Pool) -> None:
    """After a day, by whoever comes next."""
    await claimed(database, rkey="first")
    await claimed(database, key="other", rkey="second")
    async with database.connection() as connection:
        await connection.execute("UPDATE writes SET claimed_at = claimed_at - interval '25 hours'")
    assert await known(database) is None
    assert await claimed(database, rkey="third") == "third"
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM writes") == 1
