"""What one post may ask of whoever parses its Markdown: so many cells, so deep, so much by reference.

Without these bounds a line or two come to megabytes and minutes. Nothing is lost: what is beyond a bound stays text.
"""

from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, fence, paragraph, reference, table

MOST_CELLS: Final = 3_000  # of all tables together; rows need not fill theirs
# A quote or a spoiler is one step, a list two. Each line is looked at in every quote around it; at 20 the parser itself
# would drop what comes.
DEEPEST: Final = 8
MOST_LINKED: Final = 100_000  # characters that links to definitions, which stand there once, can come to


def bound(parser: MarkdownIt) -> None:
    """Have it keep to the bounds; it knows the block spoiler already."""
    rules = parser.block.ruler
    rules.at("table", _table, {"alt": ["paragraph", "reference"]})
    rules.at("reference", _definition)
    rules.before("container_spoiler", "bottom", _bottom)


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """As the parser reads one, while there are cells; the rows after that stand below it as they were written."""
    if not table(state, start, end, True):
        return False
    columns = state.src[state.bMarks[start + 1] : state.eMarks[start + 1]].strip(" \t|").count("|") + 1
    rows: int = (MOST_CELLS - state.env.get("cells", 0)) // columns
    if rows > 0 and not silent:
        table(state, start, min(end, start + 1 + rows), False)
        state.env["cells"] = state.env.get("cells", 0) + (state.line - start - 1) * columns
    return rows > 0


def _bottom(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Where it gets no deeper: lines of text, whatever they begin with, code and tables excepted."""
    return state.level >= DEEPEST and not fence(state, start, end, True) and paragraph(state, start, end, silent)


def _definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """[a]: https://… if that is not too long for as many links as there could be to it."""
    known = state.env.setdefault("references", {})
    before = len(known)
    if not reference(state, start, end, silent):
        return False
    if len(known) > before:
        label, meant = known.popitem()
        if (len(meant["href"]) + len(meant["title"])) * state.src.count("[") > MOST_LINKED:
            return False
        known[label] = meant
    return True
