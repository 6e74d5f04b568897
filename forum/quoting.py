"""What was written, to be written on: plain text as Markdown that says the same, a post as a quote in another. Pure."""

import re

from forum.plain import is_plain

LONGEST_QUOTE = 1_500  # characters; who needs more, copies it
MORE = "…"

_pieces = re.compile(r"(\s+)").split
_is_address = re.compile(r"https?://[^<>\\]+", re.IGNORECASE).fullmatch
_signs = re.compile(r"[\\`*\[\]<>|~&#]|(?<![^\W_])_|_(?![^\W_])")
_opening = re.compile(r"^(?:\d{1,9}(?=[.)])|(?=[-+=:]))")


def typed(text: str, markdown: str | None) -> str:
    """What its author would have typed here to have a post say what it says."""
    if markdown is not None:
        return markdown
    return text if is_plain(text) else escaped(text)


def escaped(text: str) -> str:
    """Plain text as Markdown, with a backslash before each sign that could mean more than itself."""
    return "\n".join(_escaped_line(line.strip()) for line in text.splitlines())


def quoted(name: str, source: str) -> str:
    """Somebody's Markdown as a quote, with an empty line for the answer below it."""
    source = source.strip()
    if len(source) > LONGEST_QUOTE:
        source = f"{source[:LONGEST_QUOTE].rstrip()}{MORE}"
    lines = [f"{name}:", "", *source.split("\n")]
    return "\n".join(f"> {line}".rstrip() for line in lines) + "\n\n"


def _escaped_line(line: str) -> str:
    return _opening.sub(r"\g<0>\\", "".join(map(_escaped_piece, _pieces(line))))


def _escaped_piece(piece: str) -> str:
    """In an address a backslash would be part of it; in angle brackets it means itself."""
    if _is_address(piece):
        return piece if is_plain(piece) else f"<{piece}>"
    return _signs.sub(r"\\\g<0>", piece)
