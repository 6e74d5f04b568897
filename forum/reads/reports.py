"""Reports as moderators read them: the queue, oldest first, and what was resolved, newest first.

Each with the post as it is now, what was said about it, and what else is known of its author. Whoever wrote the post is
told of none of it: a moderator does not learn who has reported them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from forum.database import Connection, Row
from forum.reads.accounts import Author
from forum.reads.place import BEFORE_NEWEST, Place
from forum.reports import CLAIM_LASTS, Outcome

VOICES_SHOWN: Final = 20  # of each report, the first; of a hundred alike nobody reads more
FROM_THE_FIRST: Final = 0

# Walks reports_waiting or reports_resolved from the place on; all beside a report by its own key, others about its
# author along reports_about.
_REPORTS = """
SELECT r.id, r.opened_at, r.claimed_by, c.shown_handle AS claimed_by_handle, r.claimed_at,
       r.claimed_at + {lasts} AS claimed_until, r.claimed_at > statement_timestamp() - {lasts} AS claim_holds,
       r.outcome, r.reason, r.note, r.resolved_by, s.shown_handle AS resolved_by_handle, r.resolved_at,
       r.post_uri, p.id AS post_id, p.cid, p.title, p.text, root.uri = p.uri AS is_topic, p.hidden,
       p.deleted_at IS NOT NULL AS deleted,
       r.author, a.shown_handle AS author_handle, coalesce(a.banned, false) AS banned,
       root.id AS topic_id, root.uri AS topic_uri, root.did AS topic_did, ra.shown_handle AS topic_handle,
       root.title AS topic_title, left(root.text, 100) AS topic_text, b.name AS board,
       others.resolved_count, others.post_count, others.acted_count, others.open_count,
       (SELECT count(*) FROM voices v WHERE v.report_id = r.id) AS voice_count
  FROM reports r
  LEFT JOIN accounts a ON a.did = r.author
  LEFT JOIN accounts c ON c.did = r.claimed_by
  LEFT JOIN accounts s ON s.did = r.resolved_by
  LEFT JOIN posts p ON p.uri = r.post_uri
  LEFT JOIN posts root ON root.uri = coalesce(p.root_uri, p.uri)
  LEFT JOIN accounts ra ON ra.did = root.did
  LEFT JOIN boards b ON b.uri = root.board_uri
 CROSS JOIN LATERAL (
       SELECT count(o.outcome) AS resolved_count,
              count(o.outcome) FILTER (WHERE o.post_uri = r.post_uri) AS post_count,
              count(o.outcome) FILTER (WHERE o.outcome <> 'dismiss') AS acted_count,
              count(*) FILTER (WHERE o.outcome IS NULL) AS open_count
         FROM reports o WHERE o.author = r.author AND o.id <> r.id) AS others
 WHERE {which}
"""
OPEN = _REPORTS.format(
    lasts=CLAIM_LASTS,
    which="r.outcome IS NULL AND r.author <> $1 AND r.id > $2 ORDER BY r.id LIMIT $3 OFFSET $4",
)
_RESOLVED = """{about}r.outcome IS NOT NULL AND r.author <> $1 AND (r.resolved_at, r.id) < ($2, $3::bigint)
 ORDER BY r.resolved_at DESC, r.id DESC LIMIT $4 OFFSET $5"""
RESOLVED = _REPORTS.format(lasts=CLAIM_LASTS, which=_RESOLVED.format(about=""))
RESOLVED_ABOUT = _REPORTS.format(lasts=CLAIM_LASTS, which=_RESOLVED.format(about="r.author = $6 AND "))
ONE = _REPORTS.format(lasts=CLAIM_LASTS, which="r.author <> $1 AND r.id = $2")
VOICES = """
SELECT v.report_id, v.reporter, a.shown_handle AS handle, v.post_cid, v.reason, v.created_at
  FROM unnest($1::bigint[]) AS asked (id)
 CROSS JOIN LATERAL (SELECT * FROM voices WHERE report_id = asked.id ORDER BY created_at, reporter LIMIT $2) AS v
  LEFT JOIN accounts a ON a.did = v.reporter
 ORDER BY v.report_id, v.created_at, v.reporter
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What one member said, about which version of the post."""

    reporter: Author
    reason: str
    cid: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Where the post stands. `title` and `text` are its own, the text only its beginning."""

    id: int
    uri: str
    author: Author
    title: str | None
    text: str
    board: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The post as it is now; without an id it is no longer here, and of one that is `deleted` the text is gone."""

    uri: str
    author: Author
    id: int | None
    cid: str | None
    title: str | None
    text: str
    is_topic: bool
    hidden: bool
    deleted: bool
    banned: bool  # its author is
    topic: Topic | None

    @property
    def is_there(self) -> bool:
        return self.id is not None and not self.deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who looks at it, and when others may, if nothing has come of it by then."""

    by: Author
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What was done, and why."""

    outcome: Outcome
    by: Author
    at: datetime
    reason: str | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """Other reports about the author: resolved ones, among these of the same post, and by an act; and open ones."""

    resolved: int
    of_post: int
    acted: int
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One post, and all who reported it, the first of them in `voices`."""

    id: int
    post: Post
    opened_at: datetime
    claim: Claim | None
    resolution: Resolution | None
    others: Others
    voice_count: int
    voices: tuple[Voice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """One page of reports; `next` is where the following one begins, None on the last."""

    reports: tuple[Report, ...]
    next: Place | None


async def open_reports(
    connection: Connection, reader: str, *, limit: int, offset: int = 0, after: int = FROM_THE_FIRST
) -> ReportPage:
    """Those that wait, the oldest first, from the one after that id, less `offset`."""
    # One more than asked for tells whether anything follows.
    rows = await connection.fetch(OPEN, reader, after, limit + 1, offset)
    found = await _heard(connection, rows[:limit])
    last = found[-1] if len(rows) > limit else None
    return ReportPage(reports=found, next=None if last is None else Place(False, last.opened_at, str(last.id)))


async def resolved_reports(
    connection: Connection,
    reader: str,
    *,
    limit: int,
    offset: int = 0,
    before: Place | None = None,
    about: str | None = None,
) -> ReportPage:
    """Those that are resolved, the last first; of all, or about one author. `uri` of a place is here the id."""
    start = (before.at, int(before.uri)) if before else (BEFORE_NEWEST.at, 0)
    asked = (reader, *start, limit + 1, offset)
    if about is None:
        rows = await connection.fetch(RESOLVED, *asked)
    else:
        rows = await connection.fetch(RESOLVED_ABOUT, *asked, about)
    found = await _heard(connection, rows[:limit])
    last = rows[limit - 1] if len(rows) > limit else None
    return ReportPage(reports=found, next=None if last is None else Place(False, last["resolved_at"], str(last["id"])))


async def report_by_id(connection: Connection, reader: str, report_id: int) -> Report | None:
    """One report, open or resolved; None also for who wrote what is reported."""
    found = await _heard(connection, await connection.fetch(ONE, reader, report_id))
    return found[0] if found else None


async def _heard(connection: Connection, rows: Sequence[Row]) -> tuple[Report, ...]:
    """The reports with their voices."""
    voices: dict[int, list[Voice]] = {row["id"]: [] for row in rows}
    for row in await connection.fetch(VOICES, list(voices), VOICES_SHOWN) if voices else ():
        voices[row["report_id"]].append(_voice(row))
    return tuple(replace(_report(row), voices=tuple(voices[row["id"]])) for row in rows)


def _report(row: Row) -> Report:
    return Report(
        id=row["id"],
        post=_post(row),
        opened_at=row["opened_at"],
        claim=_claim(row),
        resolution=_resolution(row),
        others=_others(row),
        voice_count=row["voice_count"],
    )


def _post(row: Row) -> Post:
    return Post(
        uri=row["post_uri"],
        author=Author(did=row["author"], handle=row["author_handle"]),
        id=row["post_id"],
        cid=row["cid"],
        title=row["title"],
        text=row["text"] or "",
        is_topic=bool(row["is_topic"]),
        hidden=bool(row["hidden"]),
        deleted=bool(row["deleted"]),
        banned=row["banned"],
        topic=_topic(row),
    )


def _topic(row: Row) -> Topic | None:
    if row["topic_id"] is None:
        return None
    return Topic(
        id=row["topic_id"],
        uri=row["topic_uri"],
        author=Author(did=row["topic_did"], handle=row["topic_handle"]),
        title=row["topic_title"],
        text=row["topic_text"],
        board=row["board"],
    )


def _others(row: Row) -> Others:
    return Others(
        resolved=row["resolved_count"],
        of_post=row["post_count"],
        acted=row["acted_count"],
        open=row["open_count"],
    )


def _claim(row: Row) -> Claim | None:
    if not row["claim_holds"] or row["outcome"] is not None:
        return None
    by = Author(did=row["claimed_by"], handle=row["claimed_by_handle"])
    return Claim(by=by, at=row["claimed_at"], until=row["claimed_until"])


def _resolution(row: Row) -> Resolution | None:
    if row["outcome"] is None:
        return None
    by = Author(did=row["resolved_by"], handle=row["resolved_by_handle"])
    return Resolution(outcome=row["outcome"], by=by, at=row["resolved_at"], reason=row["reason"], note=row["note"])


def _voice(row: Row) -> Voice:
    return Voice(
        reporter=Author(did=row["reporter"], handle=row["handle"]),
        reason=row["reason"],
        cid=row["post_cid"],
        at=row["created_at"],
    )
