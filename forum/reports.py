"""Reports: what members tell moderators about a post, and what becomes of it. None of it ever leaves this database.

Of a post one report is open at most, with one voice of each member who reported it. Whoever claims it, or begins to
resolve it, keeps other moderators from it for a while; a claim that is forgotten lapses by itself. What moderators do
here is in the audit by the same transaction. Nobody decides about a report of their own post, nor even sees it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from forum.audit import Act, Entry, State, note
from forum.database import Connection
from forum.errors import BadInput
from forum.plain import fits

Outcome = Literal["hide", "ban", "dismiss"]

WORDS_GRAPHEMES, WORDS_BYTES = 1_000, 10_000  # of a reason, or of a note
MOST_AN_HOUR = 10  # reports of one account
CLAIM_LASTS = "interval '2 hours'"

# One account's reports come one after the other, from whichever process, or they could not be counted.
IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('atbb reports of ' || $1, 0))"
OWN_VOICE = """
SELECT v.reason, v.created_at FROM reports r JOIN voices v ON v.report_id = r.id AND v.reporter = $1
 WHERE r.post_uri = $2 AND r.outcome IS NULL
"""
# Until the first of the last so many is an hour old.
SECONDS_TO_WAIT = """
SELECT ceil(extract(epoch FROM created_at + interval '1 hour' - clock_timestamp()))::int
  FROM voices WHERE reporter = $1 AND created_at > clock_timestamp() - interval '1 hour'
 ORDER BY created_at DESC OFFSET $2 LIMIT 1
"""
# The update changes nothing but keeps the report from being resolved until the voice is in it.
OPEN = """
INSERT INTO reports (post_uri, author) VALUES ($1, $2)
    ON CONFLICT (post_uri) WHERE outcome IS NULL DO UPDATE SET author = excluded.author
RETURNING id
"""
ADD_VOICE = "INSERT INTO voices (report_id, reporter, post_cid, reason) VALUES ($1, $2, $3, $4) RETURNING created_at"

_HOLD = """
SELECT id, post_uri, author, outcome, resolved_by, claimed_by,
       coalesce(claimed_at > clock_timestamp() - {lasts}, false) AS claim_holds
  FROM reports WHERE id = $1 AND author <> $2 FOR UPDATE
"""
HOLD = _HOLD.format(lasts=CLAIM_LASTS)
CLAIM = "UPDATE reports SET claimed_by = $2, claimed_at = clock_timestamp() WHERE id = $1"
GIVE_BACK = "UPDATE reports SET claimed_by = NULL, claimed_at = NULL WHERE id = $1"
RESOLVE = """
UPDATE reports SET outcome = $2, reason = $3, note = $4, resolved_by = $5, resolved_at = clock_timestamp() WHERE id = $1
"""

# Whoever is about to add a voice has the report locked, and is waited for before it is judged to have none.
HOLD_REPORTED = """
SELECT id FROM reports WHERE id IN (SELECT report_id FROM voices WHERE reporter = $1) ORDER BY id FOR UPDATE
"""
FORGET_VOICES = "DELETE FROM voices WHERE reporter = $1"
FORGET_UNHEARD = """
DELETE FROM reports r
 WHERE r.id = ANY ($1::bigint[]) AND r.outcome IS NULL AND NOT EXISTS (SELECT FROM voices v WHERE v.report_id = r.id)
"""
FORGET_ABOUT = "DELETE FROM reports WHERE author = $1"
FORGET_CLAIMS = "UPDATE reports SET claimed_by = NULL, claimed_at = NULL WHERE claimed_by = $1 AND outcome IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """The version of a post that somebody reports."""

    uri: str
    cid: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A member's voice in the open report of that number."""

    report_id: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnVoice:
    """What somebody has said in a report that is open."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a moderator resolves a report, and why: a reason for all to read, a note for moderators."""

    report_id: int
    outcome: Outcome
    by: str
    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A report that nobody else changes until the transaction ends. A claim that has lapsed is none."""

    id: int
    post_uri: str
    author: str
    outcome: Outcome | None
    resolved_by: str | None
    claimed_by: str | None


class NoReport(Exception):
    """There is no such report for who asks."""


class AlreadyReported(Exception):
    """By the same account, and the report is open."""


class TooManyReports(Exception):
    """For one account within an hour."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"{seconds} s to wait")
        self.seconds = seconds


class Faster(Exception):
    """Another moderator has claimed the report; with an outcome: has resolved it."""

    def __init__(self, by: str, outcome: Outcome | None = None) -> None:
        super().__init__(f"by {by}")
        self.by, self.outcome = by, outcome


def checked_words(name: str, typed: str) -> str:
    """A reason or a note, without blanks around it. Raises `BadInput`, whose words name it."""
    text = typed.strip()
    if "\0" in text:
        raise BadInput("bad_text", f"{name}: holds a NUL")
    if not fits(text, graphemes=WORDS_GRAPHEMES, size=WORDS_BYTES):
        raise BadInput("too_long", f"{name}: more than {WORDS_GRAPHEMES:,} characters")
    return text


async def own_voice(connection: Connection, did: str, post_uri: str) -> OwnVoice | None:
    """What the account has said in the open report of a post; None if it has said nothing, or none is open."""
    row = await connection.fetchrow(OWN_VOICE, did, post_uri)
    return None if row is None else OwnVoice(reason=row["reason"], at=row["created_at"])


async def send(tx: Connection, reporter: str, post: Reported, reason: str) -> Sent:
    """Add a voice to the open report of a post, or open one. Raises `AlreadyReported` and `TooManyReports`."""
    await tx.execute(IN_TURN, reporter)
    if await own_voice(tx, reporter, post.uri) is not None:
        raise AlreadyReported
    seconds = await tx.fetchval(SECONDS_TO_WAIT, reporter, MOST_AN_HOUR - 1)
    if seconds is not None:
        raise TooManyReports(max(seconds, 1))
    report_id: int = await tx.fetchval(OPEN, post.uri, post.author)
    at: datetime = await tx.fetchval(ADD_VOICE, report_id, reporter, post.cid, reason)
    return Sent(report_id=report_id, at=at)


async def claim(tx: Connection, report_id: int, by: str) -> Held:
    """Keep other moderators from it, anew if it was claimed before. Raises `NoReport` and `Faster`."""
    held = await free_for(tx, report_id, by)
    await tx.execute(CLAIM, report_id, by)
    if held.claimed_by is None:
        await note(tx, entry_of(held, "claimReport", by, before=None, after={"claimedBy": by}))
    return held


async def give_back(tx: Connection, report_id: int, by: str) -> None:
    """Leave it to others; whether it was claimed or not. Raises `NoReport` and `Faster`."""
    held = await free_for(tx, report_id, by)
    await tx.execute(GIVE_BACK, report_id)
    if held.claimed_by is not None:
        await note(tx, entry_of(held, "giveBackReport", by, before={"claimedBy": by}, after=None))


async def settle(tx: Connection, verdict: Verdict) -> None:
    """Resolve a report, whoever has claimed it; said again it changes nothing. Raises `NoReport` and `Faster`."""
    held = await hold(tx, verdict.report_id, verdict.by)
    if held.outcome is not None:
        if (held.resolved_by, held.outcome) != (verdict.by, verdict.outcome):
            raise Faster(str(held.resolved_by), held.outcome)
        return
    await tx.execute(RESOLVE, held.id, verdict.outcome, verdict.reason, verdict.note, verdict.by)
    said = {"outcome": verdict.outcome, "reason": verdict.reason, "note": verdict.note}
    before = None if held.claimed_by is None else {"claimedBy": held.claimed_by}
    await note(tx, entry_of(held, "resolveReport", verdict.by, before=before, after=said))


async def free_for(tx: Connection, report_id: int, by: str) -> Held:
    """An open report that no other moderator has claimed. Raises `NoReport` and `Faster`."""
    held = await hold(tx, report_id, by)
    if held.outcome is not None:
        raise Faster(str(held.resolved_by), held.outcome)
    if held.claimed_by not in (None, by):
        raise Faster(str(held.claimed_by))
    return held


async def hold(tx: Connection, report_id: int, by: str) -> Held:
    """A report as it is until the transaction ends. Raises `NoReport`, also for who wrote what is reported."""
    row = await tx.fetchrow(HOLD, report_id, by)
    if row is None:
        raise NoReport
    return Held(
        id=row["id"],
        post_uri=row["post_uri"],
        author=row["author"],
        outcome=row["outcome"],
        resolved_by=row["resolved_by"],
        claimed_by=row["claimed_by"] if row["claim_holds"] else None,
    )


def entry_of(held: Held, act: Act, by: str, *, before: State | None, after: State | None) -> Entry:
    """For the audit: without who reported the post, and why."""
    number = {"report": str(held.id)}
    return Entry(
        actor=by,
        act=act,
        subject=held.post_uri,
        before=None if before is None else number | dict(before),
        after=None if after is None else number | dict(after),
    )


async def forget(tx: Connection, did: str) -> None:
    """Take an account out of all reports: those about it go, its voices go, and what nobody else has reported."""
    await tx.execute(FORGET_ABOUT, did)
    reported = [row["id"] for row in await tx.fetch(HOLD_REPORTED, did)]
    await tx.execute(FORGET_VOICES, did)
    await tx.execute(FORGET_UNHEARD, reported)
    await tx.execute(FORGET_CLAIMS, did)
