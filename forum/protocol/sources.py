"""The three kinds of stream we can follow, told apart by their URL.

A source knows how to ask for a place in its stream and how to decode its frames. It opens nothing itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from forum.errors import BadInput
from forum.protocol import jetstream, jetstream2, repos
from forum.protocol.wire import MAX_CURSOR, Decoded, Wanted
from forum.records.names import PREFIX

REWIND_MICROSECONDS: Final = 5_000_000  # duplicates cost nothing; two events of one microsecond are not lost
CLAMPED_MICROSECONDS: Final = 60_000_000
FIRST_TIME_CURSOR: Final = 10**15  # smaller cursors of /subscribe are sequence numbers

Decode = Callable[[str | bytes, Wanted, int], Decoded]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A stream. `name` is stored beside the cursor: a cursor means nothing to another source."""

    name: str
    decode: Decode
    params: tuple[tuple[str, str], ...] = ()
    first_cursor: int | None = None  # asked for where we have none; None: only what is new
    rewinds: bool = False

    def url_at(self, cursor: int | None) -> str:
        """The URL that resumes at `cursor`."""
        asked = self.asked(cursor)
        params = self.params if asked is None else (*self.params, ("cursor", str(asked)))
        return f"{self.name}?{urlencode(params)}" if params else self.name

    def asked(self, cursor: int | None) -> int | None:
        """The cursor to ask for: that of a time is set back a little."""
        if cursor is None:
            return self.first_cursor
        return cursor - REWIND_MICROSECONDS if self.rewinds and cursor >= FIRST_TIME_CURSOR else cursor

    def beyond(self, cursor: int, tries: int) -> int:
        """A cursor that passes over what comes next, twice as far with each try."""
        step = cursor - (self.asked(cursor) or 0) + 1
        return min(cursor + (step << min(tries, 40)), MAX_CURSOR)

    def was_clamped(self, asked: int | None, first_at: int) -> bool:
        """Whether the first event shows that the server silently moved our cursor forward."""
        if not self.rewinds or asked is None or asked < FIRST_TIME_CURSOR:
            return False
        return first_at - asked > CLAMPED_MICROSECONDS


def source_of(url: str) -> Source:
    """The source a URL names. Raises `BadInput` if it is none of the three."""
    parts = urlsplit(url)
    name = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    wanted = f"{PREFIX}*"
    if parts.scheme in ("ws", "wss") and parts.netloc:
        if parts.path.endswith("/xrpc/com.atproto.sync.subscribeRepos"):
            return Source(name=name, decode=repos.decode, first_cursor=0)
        if parts.path.endswith("/xrpc/network.bsky.jetstream.subscribeEvents"):
            return Source(name=name, decode=jetstream2.decode, params=(("collections", wanted),))
        if parts.path.endswith("/subscribe"):
            return Source(name=name, decode=jetstream.decode, params=(("wantedCollections", wanted),), rewinds=True)
    raise BadInput("bad_source", f"{url} is not the URL of a stream we can follow")
