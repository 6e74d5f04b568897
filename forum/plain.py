"""Markdown as plain text: is there any in what a person typed, and what says it to readers that know none?

Nothing here makes HTML. Links need not be found: a reader of plain text does that itself. Cost is bounded by looking at
the beginning only, where a beginning is all that is wanted.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

import regex
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin

from forum.bounds import bound
from forum.records.graphemes import count_graphemes

BEGINNING = 2_000  # characters that are parsed for an excerpt; the time grows with the square for who means ill
MORE = "…"
VEILED = "[…]"
LISTED = frozenset({"item", "row"})  # kinds of lines that stand together

_clusters = regex.compile(r"\X").finditer

Line = tuple[str, str]  # its kind, its text


@cache
def _parser() -> MarkdownIt:
    """What posts are written in: CommonMark with tables, strikethrough and spoilers; what looks like HTML is text."""
    parser = MarkdownIt("commonmark", {"html": False})
    parser.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    parser.inline.add_terminator_char("|")
    parser.inline.ruler.before("emphasis", "spoiler", _spoiler)
    return parser.use(container_plugin, "spoiler").use(bound)


def _spoiler(state: StateInline, silent: bool) -> bool:
    """||What ends the film||, which plain text cannot veil."""
    if not state.src.startswith("||", state.pos):
        return False
    start = state.pos + 2
    end = state.src.find("||", start, state.posMax)
    if end <= start:
        return False
    if not silent:
        state.push("spoiler", "", 0).content = VEILED
    state.pos = end + 2
    return True


def is_plain(typed: str) -> bool:
    """Whether it means as Markdown just what it says, so that nothing is lost where it is shown as it stands."""
    said: list[str] = []
    for token in _parser().parse(typed):
        if token.type == "inline":
            said += "".join(map(_literal, token.children or ())).split("\n")
        elif token.type not in ("paragraph_open", "paragraph_close"):
            return False
    return [line.strip() for line in said] == [line.strip() for line in typed.split("\n") if line.strip()]


def _literal(token: Token) -> str:
    """What stands for a token if it is nothing but text; \\0, which is in no text of ours, for what is more."""
    return {"text": token.content, "softbreak": "\n"}.get(token.type, "\0")


def excerpt(markdown: str, *, graphemes: int, size: int) -> str:
    """Its beginning as plain text; of what cannot be said so, as it stands."""
    text = "\n".join(_spaced(_lines(_parser().parse(markdown[:BEGINNING])))).strip()
    more = MORE if text and len(markdown) > BEGINNING else ""
    return cut((text or markdown) + more, graphemes=graphemes, size=size)


def cut(text: str, *, graphemes: int, size: int) -> str:
    """At most so many graphemes and bytes of it; where something is left out, an ellipsis ends it."""
    if fits(text, graphemes=graphemes, size=size):
        return text
    end, room = 0, size - len(MORE.encode())
    for cluster in list(_clusters(text[:size]))[: graphemes - 1]:  # so many characters are so many bytes at least
        room -= len(cluster[0].encode())
        if room < 0:
            break
        end = cluster.end()
    return text[:end].rstrip() + MORE


def fits(text: str, *, graphemes: int, size: int) -> bool:
    return len(text.encode()) <= size and count_graphemes(text, graphemes) <= graphemes


def _spaced(lines: Iterable[Line]) -> Iterable[str]:
    """The lines, an empty one between blocks."""
    for (before, _), (kind, text) in pairwise([("", ""), *lines]):
        if before and not before == kind in LISTED:
            yield ""
        yield text


def _lines(tokens: Sequence[Token]) -> Iterable[Line]:
    """Each block as text, with the marks people write in plain text themselves: > for quotes, - and 1. for lists."""
    quotes, mark = "", ""
    cells: list[str] | None = None  # of the row of a table that we are in
    for token in _veiled(tokens):
        match token.type:
            case "blockquote_open":
                quotes += "> "
            case "blockquote_close":
                quotes = quotes[2:]
            case "list_item_open":
                mark = f"{token.info}. " if token.info else "- "
            case "list_item_close":
                mark = ""
            case "tr_open":
                cells = []
            case "tr_close":
                yield "row", _quoted(" | ".join(cells or ()), quotes)
                cells = None
            case "inline" if cells is not None:
                cells.append(_said(token.children or ()))
            case "inline" | "fence" | "code_block":
                said = _said(token.children) if token.children else token.content.rstrip("\n")
                yield ("item" if mark else "block"), _quoted(mark + said, quotes)
                mark = ""


def _veiled(tokens: Sequence[Token]) -> Iterable[Token]:
    """The tokens; in place of a spoiler, with all that is in it, one of its title."""
    depth = 0
    for token in tokens:
        if token.type == "container_spoiler_open":
            depth += 1
            if depth == 1:
                title = token.info.strip().removeprefix("spoiler")
                yield Token("fence", "", 0, content=f"{title} {VEILED}".strip())
        elif token.type == "container_spoiler_close":
            depth -= 1
        elif not depth:
            yield token


def _quoted(text: str, quotes: str) -> str:
    return "\n".join([quotes + line for line in text.split("\n")])


def _said(tokens: Sequence[Token]) -> str:
    """What a line says: emphasis is left out, links and images are named."""
    pieces: list[str] = []
    links: list[tuple[str, int]] = []  # where to, and how many pieces were before
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                pieces.append("\n")
            case "image":
                pieces.append(_said(token.children or ()) or str(token.attrGet("src")))
            case "link_open":
                links.append((str(token.attrGet("href")), len(pieces)))
            case "link_close":
                target, before = links.pop()
                label = "".join(pieces[before:])
                pieces[before:] = [_named(label, target)]
            case _:
                pieces.append(token.content)
    return "".join(pieces)


def _named(label: str, target: str) -> str:
    """A link that its own words do not tell."""
    return label if label and label in target else f"{label} ({target})".lstrip()
