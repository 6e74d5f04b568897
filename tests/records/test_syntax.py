"""String formats against the protocol's published vectors, and the promises no list of examples can make."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forum.errors import BadInput
from forum.records.syntax import FORMATS, AtUri, parse_at_uri, parse_datetime, tid_of, tid_time

VECTORS = Path(__file__).parents[1] / "interop" / "syntax"
FORMAT_OF_FILE = {"atidentifier": "at-identifier", "aturi": "at-uri", "recordkey": "record-key"}
MICROSECONDS = st.integers(0, 2**53 - 1)
CLOCKS = st.integers(0, 1023)


def vectors(pattern: str) -> list[tuple[str, str]]:
    """(format, line) of every vector in the files of that pattern; blank and comment lines left out."""
    found = []
    for path in sorted(VECTORS.glob(pattern)):
        name = path.name.split("_")[0]
        lines = path.read_text(encoding="utf-8").split("\n")
        found += [(FORMAT_OF_FILE.get(name, name), line) for line in lines if line and not line.startswith("#")]
    return found


@pytest.mark.parametrize(("name", "text"), vectors("*_syntax_valid.txt") + vectors("uri_syntax_valid.txt"))
def test_valid_vector_is_accepted(name: str, text: str) -> None:
    """Every published valid example passes."""
    assert FORMATS[name](text)


@pytest.mark.parametrize(("name", "text"), vectors("*_syntax_invalid.txt") + vectors("*_parse_invalid.txt"))
def test_invalid_vector_is_refused(name: str, text: str) -> None:
    """Every published invalid example fails, also those that only look well."""
    assert not FORMATS[name](text)


def test_vectors_cover_every_format() -> None:
    """The files were found: a moved folder must not turn the tests above into nothing."""
    assert (
        {name for name, _ in vectors("*_valid.txt")} == set(FORMATS) == {name for name, _ in vectors("*_invalid.txt")}
    )


@given(st.sampled_from(sorted(FORMATS)), st.text() | st.from_regex(r"at://[a-z.:%/-]*", fullmatch=True))
def test_any_text_gets_an_answer(name: str, text: str) -> None:
    """A format check answers yes or no to anything at all."""
    assert FORMATS[name](text) in (True, False)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("did", "did:plc:" + ":" * 3000),
        ("did", "did:plc:" + "a" * 2041),
        ("handle", "a-" * 4000),
        ("handle", "a." * 4000),
        ("nsid", "a." * 4000),
        ("at-uri", "at://" + "a." * 4000),
        ("at-uri", "at://" + "a." * 200 + "test/space.atbb.post/a"),
        ("at-uri", "at://did:plc:" + "a" * 2100),
        ("at-uri", "at://did:plc:a/" + "a." * 400 + "post"),
        ("uri", "a" * 8000),
        ("datetime", "1985-04-12T23:20:50." + "1" * 8000 + "Z"),
        ("language", "en" + "-a" * 4000),
        ("record-key", "a" * 513),
        ("cid", "b" * 300),
    ],
)
def test_too_long_is_refused(name: str, text: str) -> None:
    """Every format has an upper length, and meets text beyond it without labour."""
    assert not FORMATS[name](text)


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("at://did:plc:abc", AtUri("did:plc:abc", "", "")),
        ("at://alice.test/space.atbb.post", AtUri("alice.test", "space.atbb.post", "")),
        ("at://did:web:a.test/space.atbb.post/3k2a", AtUri("did:web:a.test", "space.atbb.post", "3k2a")),
        ("at://did:plc:" + "a" * 400 + "/a.b.c/self", AtUri("did:plc:" + "a" * 400, "a.b.c", "self")),
    ],
)
def test_parse_at_uri(uri: str, parts: AtUri) -> None:
    """A URI comes apart into what it names; parts it lacks are empty."""
    assert parse_at_uri(uri) == parts


@given(st.text())
@example("at://did:plc:abc/")
def test_parse_at_uri_raises_only_bad_input(text: str) -> None:
    """What is no AT-URI is refused by name."""
    with suppress(BadInput):
        assert text.startswith(f"at://{parse_at_uri(text).did_or_handle}")


@given(st.datetimes(timezones=st.timezones().map(lambda _: UTC)))
def test_datetime_round_trip(moment: datetime) -> None:
    """What Python writes is read back as the same moment."""
    assert parse_datetime(moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("0000-01-01T00:00:00.000Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0000-02-29T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0000-12-31T23:59:59-12:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+01:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-01:00", datetime.max.replace(tzinfo=UTC)),
        ("1985-04-12T23:20:50.1234569Z", datetime(1985, 4, 12, 23, 20, 50, 123456, UTC)),
        ("1985-04-12T23:20:50+01:45", datetime(1985, 4, 12, 21, 35, 50, 0, UTC)),
    ],
)
def test_datetime_at_the_edges(text: str, moment: datetime) -> None:
    """The years Python has no moments for become the nearest one it has; finer than microseconds is cut."""
    assert parse_datetime(text) == moment
    assert parse_datetime(text).tzinfo is UTC


@given(st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", fullmatch=True))
def test_datetime_never_crashes(text: str) -> None:
    """Anything of the right shape is an aware moment in UTC or `BadInput`."""
    with suppress(BadInput):
        assert parse_datetime(text).utcoffset() == timedelta(0)


@given(MICROSECONDS, CLOCKS, MICROSECONDS, CLOCKS)
def test_tids_sort_as_their_moments(one: int, clock: int, other: int, other_clock: int) -> None:
    """The order of TIDs as text is the order of (moment, clock)."""
    first, second = tid_of(one, clock), tid_of(other, other_clock)
    assert FORMATS["tid"](first)
    assert (first < second) == ((one, clock) < (other, other_clock))


@given(MICROSECONDS, CLOCKS)
def test_tid_gives_its_moment_back(microseconds: int, clock: int) -> None:
    """To the microsecond, whatever the clock."""
    assert tid_time(tid_of(microseconds, clock)) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=microseconds
    )


def test_tid_has_an_end() -> None:
    """The highest TID there can be is a moment, not an overflow; what has no TID is our own mistake."""
    assert tid_time("j" + "z" * 12).year == 2540
    assert tid_of(0, 0) == "2222222222222"
    with pytest.raises(BadInput):
        tid_time("zzzzzzzzzzzzz")
    with pytest.raises(ValueError, match="53 bits"):
        tid_of(2**53, 0)
