"""Where things are: the paths of pages, made of what does not change when the database is built anew.

    /@alice.example.org                     a member, by handle or by DID
    /b/3kabc…/gardening                     a board, by its record key; the words after it are decoration
    /t/alice.example.org/3kdef…             a topic, by its author and its record key
    /t/alice.example.org/3kdef…/p/did:…/3k… a reply in it: leads to its page, and there to its place

Handles change, so every path also works with the DID, and those with a former handle lead to the present one.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote
from zlib import crc32

from forum.reads.accounts import Author
from forum.records.syntax import parse_at_uri

UNKNOWN: Final = ("handle.invalid", None)  # not confirmed, or never asked about
POSTS: Final = 25  # on a page of a topic
TOPICS: Final = 25  # on a page of a board; also of what somebody wrote
NEW: Final = "new"  # after a board's key: where its next topic is written
HUES: Final = 12  # as many as style.css has colours for
LONGEST_TITLE: Final = 80
REMEMBERED: Final = 4096  # of each kind of path, since pages name the same ones many times

_match_slug = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+){0,19}").fullmatch


def name_in_path(author: Author) -> str:
    """The handle if it is confirmed, else the DID."""
    return author.did if author.handle in UNKNOWN else str(author.handle)


@lru_cache(REMEMBERED)
def profile_path(author: Author) -> str:
    return f"/@{_quoted(name_in_path(author))}"


def board_path(uri: str, slug: str | None) -> str:
    path = f"/b/{_quoted(parse_at_uri(uri).rkey)}"
    return f"{path}/{slug}" if slug and is_slug(slug) else path


def is_slug(text: str) -> bool:
    """Whether it can stand in an address as it is, and means nothing else there."""
    return text != NEW and len(text) <= 100 and _match_slug(text) is not None


def new_topic_path(board_uri: str) -> str:
    return f"{board_path(board_uri, None)}/{NEW}"


def feed_path(board_uri: str) -> str:
    return f"{board_path(board_uri, None)}/feed.atom"


@lru_cache(REMEMBERED)
def topic_path(author: Author, uri: str) -> str:
    return f"/t/{_quoted(name_in_path(author))}/{_quoted(parse_at_uri(uri).rkey)}"


@lru_cache(REMEMBERED)
def reply_path(topic: str, uri: str) -> str:
    """Of a reply in the topic of that path."""
    return f"{topic}/p/{_quoted(anchor(uri))}"


@lru_cache(REMEMBERED)
def answer_path(topic: str, uri: str) -> str:
    """Where a reply to that post of the topic is written."""
    return f"{topic}/reply?to={quote(anchor(uri), safe=':/')}"


@lru_cache(REMEMBERED)
def anchor(uri: str) -> str:
    """What a post's element on its page is called: no two authors' posts alike."""
    place = parse_at_uri(uri)
    return f"{place.did_or_handle}/{place.rkey}"


def fragment(name: str) -> str:
    return f"#{_quoted(name)}"


def paged(path: str, number: int, **query: str | None) -> str:
    """A numbered page; the first is the path itself."""
    pairs = [(name, value) for name, value in query.items() if value]
    if number > 1:
        pairs.append(("page", str(number)))
    return f"{path}?{'&'.join(f'{name}={quote(value)}' for name, value in pairs)}" if pairs else path


def page_of(number: int) -> int:
    """The page on which the post of that number stands."""
    return (number - 1) // POSTS + 1


def name_of(author: Author) -> str:
    """What people see: the handle, or the beginning of the DID."""
    name = name_in_path(author)
    return name if name != author.did or len(name) <= 20 else f"{name[:16]}…"


def hue_of(did: str) -> int:
    """The colour of an account's avatar."""
    return crc32(did.encode()) % HUES


def initial_of(author: Author) -> str:
    return "?" if author.handle in UNKNOWN else str(author.handle)[0].upper()


def title_of(title: str | None, text: str) -> str:
    """A topic's title, or the beginning of what it says; empty if it says nothing."""
    if title and title.strip():
        return title.strip()
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_TITLE else f"{words[:LONGEST_TITLE].rstrip()}…"


def excerpt(text: str, length: int) -> str:
    """The beginning of a text in one line."""
    words = " ".join(text.split())
    return words if len(words) <= length else f"{words[:length].rstrip()}…"


def identity_url(did: str) -> str | None:
    """Where an account's identity can be looked up by anybody."""
    method, _, rest = did.removeprefix("did:").partition(":")
    if method == "plc":
        return f"https://plc.directory/{_quoted(did)}"
    return f"https://{quote(rest)}/.well-known/did.json" if method == "web" and ":" not in rest else None


def same(path: str, asked: str) -> bool:
    """Whether a request for `asked`, as the server decoded it, is one for this path."""
    return _quoted(asked) == path


def _quoted(text: str) -> str:
    return quote(text, safe=":/~@")
