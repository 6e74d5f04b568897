"""Topics and replies as records of their authors, made of what these typed.

Short plain text is the record's `text` and nothing else. Whatever is longer, or formatted, is kept to the letter as
`content`, in Markdown, and `text` is its beginning for readers that know no better. Everything here has passed
`check_record`.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forum.errors import BadInput
from forum.forum_records import checked, with_types
from forum.plain import excerpt, fits, is_plain
from forum.records import check_record
from forum.records.graphemes import count_graphemes
from forum.records.names import POST
from forum.records.syntax import tid_of, tid_time

TITLE_GRAPHEMES, TITLE_BYTES = 120, 3_000
TEXT_GRAPHEMES, TEXT_BYTES = 300, 3_000
MARKDOWN_GRAPHEMES, MARKDOWN_BYTES = 20_000, 100_000

Fields = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class Ref:
    """A version of a record."""

    uri: str
    cid: str

    @property
    def strong(self) -> Fields:
        return {"uri": self.uri, "cid": self.cid}


def new_rkey() -> str:
    """A key of now."""
    return tid_of(time.time_ns() // 1_000, secrets.randbelow(1 << 10))


def topic_record(title: str, typed: str, *, forum: Ref, board: Ref, rkey: str) -> Fields:
    """A topic on a board; the same whenever it is made for this key. Raises `BadInput`, whose words name the field."""
    return _new({**_titled(title), **body_of(typed), "board": {"board": board.strong}}, forum, rkey)


def reply_record(typed: str, *, forum: Ref, root: Ref, parent: Ref, rkey: str) -> Fields:
    """A reply to a post in a topic; as above."""
    return _new({**body_of(typed), "reply": {"root": root.strong, "parent": parent.strong}}, forum, rkey)


def edited_record(record: Fields, typed: str, *, rkey: str, title: str | None = None) -> Fields:
    """What its author makes of a post; all else stays, also what we know nothing of. Raises `BadInput`, as above."""
    kept = {name: value for name, value in record.items() if name != "content"}
    edited = with_types(POST, {**kept, **({} if title is None else _titled(title)), **body_of(typed)})
    check_record(POST, rkey, edited)
    return edited


def body_of(typed: str) -> Fields:
    """What was typed, as the record's fields. Raises `BadInput`, whose words name the field."""
    text = tidy(typed)
    if not text:
        raise BadInput("missing_field", "text: empty")
    _check("text", text, graphemes=MARKDOWN_GRAPHEMES, size=MARKDOWN_BYTES)
    if fits(text, graphemes=TEXT_GRAPHEMES, size=TEXT_BYTES) and is_plain(text):
        return {"text": text}
    beginning = excerpt(text, graphemes=TEXT_GRAPHEMES, size=TEXT_BYTES)
    return {"text": beginning, "content": {"$type": f"{POST}#markdown", "markdown": text}}


def tidy(typed: str) -> str:
    """What was typed, to the letter, but for empty lines around it and what a line ends with on other machines."""
    lines = typed.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    return "\n".join(lines[first:])


def _new(fields: Fields, forum: Ref, rkey: str) -> Fields:
    created_at = tid_time(rkey).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return checked(POST, {**fields, "forum": {"forum": forum.strong}, "createdAt": created_at}, rkey=rkey)


def _titled(title: str) -> Fields:
    _check("title", title, graphemes=TITLE_GRAPHEMES, size=TITLE_BYTES)
    return {"title": " ".join(title.split())}


def _check(name: str, text: str, *, graphemes: int, size: int) -> None:
    """Say it before the lexicon does, in the words of who typed it."""
    if "\0" in text:
        raise BadInput("bad_text", f"{name}: holds a NUL")
    if count_graphemes(text, graphemes) > graphemes:
        raise BadInput("too_long", f"{name}: more than {graphemes:,} characters")
    if len(text.encode(errors="replace")) > size:
        raise BadInput("too_long", f"{name}: more than {size:,} bytes")
