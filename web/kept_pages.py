"""Pages as they are sent, kept within a number of bytes, and forgotten when what they show changes.

Each page is there twice, plain and packed. Of very many those stay that were asked for last.
"""

import gzip
import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from forum.changes import Changes
from web.pages.choices import Look
from web.pages.shown import EVERYTHING

MOST_BYTES: Final = 32 * 1024 * 1024  # some 500 long pages; the whole process is to stay below 200 MB
OVERHEAD: Final = 2_000  # bytes of headers, keys and the like, to a page
OURS: Final = frozenset({b"content-length", b"vary", b"etag", b"date"})  # headers that are made here, or by the server

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """All that a kept page may depend on."""

    scheme: str
    host: bytes
    path: str
    query: bytes
    language: str
    look: Look


@dataclass(frozen=True, slots=True)
class Variant:
    """What is sent. Without its body, and what tells of that, it is an answer of 304."""

    etag: bytes
    headers: Headers
    body: bytes

    @property
    def headers_alone(self) -> Headers:
        return tuple((name, value) for name, value in self.headers if not name.startswith(b"content-"))


@dataclass(frozen=True, slots=True)
class Page:
    plain: Variant
    packed: Variant
    shown: frozenset[str]

    @property
    def size(self) -> int:
        return len(self.plain.body) + len(self.packed.body) + OVERHEAD


def finished(headers: Iterable[tuple[bytes, bytes]], body: bytes, shown: Iterable[str]) -> Page:
    """The page of an answer of 200."""
    named = [(name.lower(), value) for name, value in headers]
    kept = tuple((name, value) for name, value in named if name not in OURS)
    vary = b", ".join([*(value for name, value in named if name == b"vary"), b"Accept-Encoding"])
    digest = hashlib.sha256(body).hexdigest()[:20].encode()

    def variant(etag: bytes, content: bytes, *more: tuple[bytes, bytes]) -> Variant:
        length = b"%d" % len(content)
        made = ((b"content-length", length), (b"vary", vary), (b"etag", etag))
        return Variant(etag=etag, headers=(*kept, *made, *more), body=content)

    return Page(
        plain=variant(b'"%b"' % digest, body),
        packed=variant(b'"%b-gzip"' % digest, gzip.compress(body, mtime=0), (b"content-encoding", b"gzip")),
        shown=frozenset(shown),
    )


class KeptPages:
    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.size = 0
        self._most_bytes = most_bytes
        self._pages: OrderedDict[Key, Page] = OrderedDict()  # those asked for last at the end
        self._showing: defaultdict[str, set[Key]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._pages)

    def find(self, key: Key) -> Page | None:
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
        return page

    def keep(self, key: Key, page: Page) -> None:
        self._forget(key)
        self._pages[key] = page
        self.size += page.size
        for subject in page.shown:
            self._showing[subject].add(key)
        while self.size > self._most_bytes:
            self._forget(next(iter(self._pages)))

    def drop(self, changes: Changes) -> None:
        """Forget what shows any of that."""
        if changes.all:
            for key in tuple(self._pages):
                self._forget(key)
        elif changes.uris or changes.dids:
            for subject in (EVERYTHING, *changes.uris, *changes.dids):
                for key in tuple(self._showing.get(subject, ())):
                    self._forget(key)

    def _forget(self, key: Key) -> None:
        page = self._pages.pop(key, None)
        if page is None:
            return
        self.size -= page.size
        for subject in page.shown:
            self._showing[subject].remove(key)
            if not self._showing[subject]:
                del self._showing[subject]
