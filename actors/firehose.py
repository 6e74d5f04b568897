"""The firehose reader: connects, decodes, filters, proves, validates, sends. It never writes a table.

Talks to the stream, to the applier (through its inbox) and, on the raw stream, to the key directory. Restarts together
with the applier: then both begin again at the stored cursor, and no event is skipped.
"""

import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
import structlog
import trio

from actors.backoff import delays
from actors.frames import Frames, StreamClosed, open_frames
from actors.health import Pulse
from actors.inbox import Outlet
from forum import stream
from forum.database import Database, DatabaseAway
from forum.errors import BadInput, Unavailable
from forum.protocol.commits import check_commit
from forum.protocol.events import CommitSeen, GapFound, RecordOp, RepoSuspect, StreamEvent, StreamIdle
from forum.protocol.signing import parse_key
from forum.protocol.sources import Source
from forum.protocol.wire import Decoded, RawCommit, StreamRefused, Wanted
from forum.records import check_record

TICK_SECONDS = 1.0
IDLE_TICKS = 10  # how often the position of a stream that says nothing to us is stored
CONNECTED = "connected"
LOST_PLACES = ("CursorTooOld", "FutureCursor", "OutdatedCursor")

log = structlog.get_logger()


class KeyOf(Protocol):
    """The signing key of an account, asked anew when `fresh`. Raises `Unavailable` or `BadInput`."""

    def __call__(self, did: str, *, fresh: bool = False) -> Awaitable[str | None]: ...


@dataclass(slots=True)
class Place:
    """Where in the stream we are: the newest frame whose event, if it had one, was handed on."""

    cursor: int | None
    at: int
    frames: int = 0
    sent: int = 0
    blocked: bool = False
    caught_up: int = 0  # when a stream without news last proved to be alive
    was_live: bool = False  # connected before: what came since then was missed, unless a cursor asks for it
    stuck: int = 0  # connections in a row that were ended by a frame too large, and read nothing new


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What reading needs."""

    source: Source
    out: Outlet
    known: set[str]
    key_of: KeyOf
    pulse: Pulse
    wanted: Wanted


async def run_firehose(
    source: Source,
    out: Outlet,
    database: Database,
    pulse: Pulse,
    *,
    forum_did: str,
    known: set[str],
    key_of: KeyOf,
    max_age: timedelta,
) -> None:
    """Read the stream for ever, from the stored cursor on. What the stream cannot give is sent as a gap first."""
    position = await _read_position(database, pulse)
    same = position is not None and position.source == source.name
    place = Place(cursor=position.cursor if position and same else None, at=_now())
    reader = Reader(source=source, out=out, known=known, key_of=key_of, pulse=pulse, wanted=Wanted(forum_did, known))
    gap = stream.gap_at_start(position, source=source.name, now=datetime.now(UTC), max_age=max_age)
    if gap is not None:
        await _report(reader, gap)
    if position and same:
        place.at = _micros(position.connected_at)
    waits = delays()
    while True:
        if await _one_connection(reader, place, max_age):
            waits = delays()
        await trio.sleep(next(waits))


async def _read_position(database: Database, pulse: Pulse) -> stream.Position | None:
    waits = delays(longest=10)
    while True:
        try:
            async with database.connection() as connection:
                return await stream.read_position(connection)
        except DatabaseAway as error:
            pulse.fail(str(error))
            pulse.become("waiting", "the database is away")
            await trio.sleep(next(waits))


async def _one_connection(reader: Reader, place: Place, max_age: timedelta) -> bool:
    """Connect and read until the stream ends, in whichever way; leave `place` where the next one is to begin.

    Whether it was of use: it led further, or was quiet and lived. Frames alone may be errors, the same each time.
    """
    began, caught_up, asked = place.cursor, place.caught_up, reader.source.asked(place.cursor)
    was_of_use = False
    reader.pulse.become("waiting", "connecting")
    try:
        async with open_frames(reader.source.url_at(place.cursor)) as frames:
            await _report_absence(reader, place, asked, max_age)
            log.info("stream_connected", source=reader.source.name, cursor=asked)
            reader.pulse.become("running", CONNECTED)
            await _read(reader, place, frames, asked)
    except* Unavailable as group:
        error = _only(group)
        log.info("stream_ended", source=reader.source.name, reason=str(error))
        reader.pulse.fail(str(error))
        reader.pulse.become("waiting", "the stream is away")
        was_of_use = (place.cursor or 0) > (began or 0) or place.caught_up > caught_up
        await _find_place(reader, place, error, began)
    return was_of_use


async def _report_absence(reader: Reader, place: Place, asked: int | None, max_age: timedelta) -> None:
    """Connected: tell what the stream will not bring although nothing went wrong."""
    away = stream.moment(_now()) - stream.moment(max(place.at, place.caught_up))
    if asked is None and place.was_live:
        await _report(reader, GapFound(from_cursor=None, reason="no_place"))
    elif place.cursor is not None and away > max_age:
        await _report(reader, GapFound(from_cursor=place.cursor, reason="away_too_long"))
    place.was_live = True


async def _read(reader: Reader, place: Place, frames: Frames, asked: int | None) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tick, reader, place, frames)
        wanted, decode = reader.wanted, reader.source.decode
        first = True
        while True:
            frame = await frames.receive()
            place.frames += 1
            try:
                decoded = decode(frame, wanted, _now())
            except BadInput as bad:
                _dropped(reader, bad.reason)
                continue
            if first and decoded.at is not None:
                first = False
                if reader.source.was_clamped(asked, decoded.at):
                    await _report(reader, GapFound(from_cursor=asked, reason="cursor_clamped"))
            if decoded.event is not None:
                await _hand_on(reader, place, decoded, len(frame))
            if decoded.cursor is not None and decoded.at is not None:
                place.cursor, place.at = decoded.cursor, decoded.at


async def _hand_on(reader: Reader, place: Place, decoded: Decoded, size: int) -> None:
    event = decoded.event
    if isinstance(event, RawCommit):
        event = await _proven(reader, event)
    if isinstance(event, GapFound):
        return await _report(reader, msgspec.structs.replace(event, from_cursor=place.cursor))
    if isinstance(event, CommitSeen) and event.ops:
        event = checked(event, reader)
    if isinstance(event, RepoSuspect):
        _dropped(reader, event.reason)
        log.warning("commit_suspect", did=event.did, reason=event.reason, cursor=event.cursor)
    assert event is not None
    place.sent += 1
    try:
        reader.out.send_nowait(event, size)
    except trio.WouldBlock:
        place.blocked = True
        await reader.out.send(event, size)
        place.blocked = False
    return None


async def _proven(reader: Reader, raw: RawCommit) -> StreamEvent:
    """The commit if signature and blocks bear it out; with a key asked anew when the one we know does not."""
    for fresh in (False, True):
        try:
            key = await reader.key_of(raw.did, fresh=fresh)
            event = check_commit(raw, parse_key(key or ""), _now())
        except (Unavailable, BadInput) as error:
            reason = error.reason if isinstance(error, BadInput) else "no_identity"
            event = RepoSuspect(cursor=raw.cursor, at=raw.at, did=raw.did, reason=reason)
        if not (isinstance(event, RepoSuspect) and event.reason == "bad_signature"):
            break
    return event


def checked(event: CommitSeen, reader: Reader) -> CommitSeen:
    """The commit with each record held against its lexicon; a refused one becomes a delete with a reason."""
    ops = tuple([_checked_op(op, reader) for op in event.ops])
    reader.known.add(event.did)
    return event if ops == event.ops else msgspec.structs.replace(event, ops=ops)


def _checked_op(op: RecordOp, reader: Reader) -> RecordOp:
    if op.record is None:
        if op.why is not None:
            _refused_record(reader, op, op.why, "")
        return op
    try:
        check_record(op.collection, op.rkey, op.record)
    except BadInput as bad:
        _refused_record(reader, op, bad.reason, str(bad))
        return RecordOp(did=op.did, collection=op.collection, rkey=op.rkey, rev=op.rev, why=bad.reason)
    return op


def _refused_record(reader: Reader, op: RecordOp, reason: str, message: str) -> None:
    _dropped(reader, reason)
    log.warning("record_refused", did=op.did, path=f"{op.collection}/{op.rkey}", reason=reason, message=message[:200])


async def _tick(reader: Reader, place: Place, frames: Frames) -> None:
    """Beat; on a quiet stream make sure it lives, and store now and then that we are caught up."""
    ticks, frames_seen, sent_seen = 0, place.frames, place.sent
    counted = place.frames
    while True:
        await trio.sleep(TICK_SECONDS)
        _show(reader.pulse, place, place.frames - counted)
        counted = place.frames
        ticks += 1
        if ticks < IDLE_TICKS or place.blocked:
            continue
        if place.frames == frames_seen:
            await frames.ping()
            place.caught_up = _now()
        if place.sent == sent_seen and not place.blocked:
            await reader.out.send(StreamIdle(cursor=place.cursor, at=max(place.at, place.caught_up)), 0)
        ticks, frames_seen, sent_seen = 0, place.frames, place.sent


def _show(pulse: Pulse, place: Place, frames: int) -> None:
    """Beat, and tell how many frames have come since the last time, and how old the newest of them was."""
    pulse.beat()
    pulse.handled += frames
    if place.at:
        pulse.last_event_at = stream.moment(place.at)
        if frames:
            pulse.lag_seconds = max(_now() - place.at, 0) / 1e6


async def _find_place(reader: Reader, place: Place, error: BaseException, began: int | None) -> None:
    """Where the next connection begins, when this one, which began there, ended because of where it was."""
    if isinstance(error, StreamRefused) and error.name in LOST_PLACES:
        await _report(reader, GapFound(from_cursor=place.cursor, reason=error.name))
        place.cursor = None
    elif isinstance(error, StreamClosed) and error.too_large:
        await _step_over(reader, place, began)


async def _step_over(reader: Reader, place: Place, began: int | None) -> None:
    """Leave a frame behind that ends every connection; we do not know its cursor, so go further with each try."""
    here = reader.source.first_cursor if place.cursor is None else place.cursor
    if here is None:
        return
    place.stuck = 1 if here > (began or 0) else place.stuck + 1
    if place.stuck >= 2:  # not a passing fault
        await _report(reader, GapFound(from_cursor=here, reason="frame_too_large"))
        place.cursor = reader.source.beyond(here, max(0, place.stuck - 3))


async def _report(reader: Reader, gap: GapFound) -> None:
    log.warning("gap_opened", source=reader.source.name, reason=gap.reason, from_cursor=gap.from_cursor)
    reader.pulse.counters[f"gap:{gap.reason}"] += 1
    await reader.out.send(gap, 0)


def _dropped(reader: Reader, reason: str) -> None:
    reader.pulse.counters[f"dropped:{reason}"] += 1


def _only(error: BaseException) -> BaseException:
    """The first of a group: the others are what its end did to its siblings."""
    return _only(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _now() -> int:
    return time.time_ns() // 1_000


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
