"""Posts as HTML: Markdown by a library, cleaned by another, so that whatever is written, nothing but text comes out.

HTML in a post is text; images are links to themselves, for whoever looked at one would tell its host that they read
here. A forum that wants them all the same has `with_images` put them in as a page is shown. What is rendered depends on
the post alone: it is made once and kept (`renderings`). Whoever changes what comes out raises `VERSION`, and everything
is made anew as it is looked at.
"""

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Final

import nh3
from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.container import container_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

from forum.bounds import bound

VERSION: Final = 3

TOP_HEADING: Final = 3  # a page has its own above
LOWEST_HEADING: Final = 6
MOST_SIGNS: Final = 1_000  # in a paragraph; the parser's time grows with their square
LONGEST_WORD: Final = 2_000  # and that of looking for links with its square
LONGEST_CODE: Final = 3_000  # characters of a post that get colours; what a malicious one may cost was measured

# Languages by the names people write behind ```; what is not here stays without colours. Not all can be: with some, a
# few lines made for it take seconds.
LANGUAGES: Final = """
    bash c c++ cpp css diff docker dockerfile elixir erlang go golang haskell html ini java javascript js json jsx
    kotlin lua nginx nix ocaml perl php powershell python py python3 r ruby rb rust rs scala scheme sh shell sql
    swift toml ts tsx typescript xml yaml yml zig
"""
KNOWN: Final = frozenset(LANGUAGES.split())
COLOURS: Final = {name for name in STANDARD_TYPES.values() if name}

TAGS: Final = {
    "a", "blockquote", "br", "code", "details", "div", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "span", "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
FIXED: Final = {
    "div": {"tabindex": {"0"}},
    "pre": {"tabindex": {"0"}},
    "span": {"tabindex": {"0"}},
    "td": {"align": {"left", "center", "right"}},
    "th": {"align": {"left", "center", "right"}},
}
IMAGE: Final = "image"  # the class of a link to one
CLASSES: Final = {"a": {IMAGE}, "span": COLOURS | {"spoiler"}, "div": {"wide"}, "details": {"spoiler"}}
SCHEMES: Final = {"http", "https", "mailto"}

_is_link = re.compile(r"(?:https?://|mailto:|/(?![/\\]))[^\x00-\x20\\]*", re.IGNORECASE).fullmatch
_mention = re.compile(r"((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])(?![\w.-]*@)", re.I)
_signs = re.compile(r"[\[\]<>&!*_~`|\\]|://").findall
_long_word = re.compile(rf"\S{{{LONGEST_WORD}}}").search
_long_gap = re.compile(r"(?:[ \t]*\n){6}|[ \t]{100}").search
_image_link = re.compile(
    r'(?P<begin><a (?=[^<>]*\bclass="image")(?=[^<>]*\bhref="(?P<source>https://[^"<>]+)")[^<>]*>)(?P<words>[^<>]*)</a>'
).sub
_alignment = re.compile("text-align:(left|center|right)").fullmatch


def render_markdown(source: str) -> str:
    """The HTML of a post's Markdown."""
    return _clean(_markdown().render(source))


def render_text(text: str) -> str:
    """The HTML of a post without Markdown: paragraphs, lines and links, everything else to the letter."""
    return _clean(_text().render(text))


def with_images(html: str) -> str:
    """What was rendered, with its images, each within the link to it; only by https, and loaded as one comes near."""
    return _image_link(_image, html) if f'class="{IMAGE}"' in html else html


def _image(link: re.Match[str]) -> str:
    words = link["words"].replace('"', "&quot;")
    shown = f'<img src="{link["source"]}" alt="{words}" loading="lazy" decoding="async" referrerpolicy="no-referrer">'
    return f"{link['begin']}{shown}</a>"


def _clean(html: str) -> str:
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        tag_attribute_values=FIXED,
        allowed_classes=CLASSES,
        url_schemes=SCHEMES,
        link_rel="nofollow ugc noopener",
        attribute_filter=_only_links,
    )


def _only_links(tag: str, name: str, value: str) -> str | None:
    return value if name != "href" or _is_link(value) else None


@cache
def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": True})
    parser.enable(["table", "strikethrough", "linkify"]).disable(["html_block", "html_inline"])
    parser.linkify = _linkify()
    parser.core.ruler.at("inline", _parse_paragraphs)
    parser.inline.add_terminator_char("|")
    parser.inline.ruler.before("emphasis", "spoiler", _inline_spoiler)
    parser.use(container_plugin, "spoiler", render=_spoiler_block).use(bound)
    parser.core.ruler.push("headings", _order_headings)
    for rule, renders in (
        ("paragraph_open", _paragraph),
        ("image", _image_as_link),
        ("fence", _code),
        ("code_block", _code),
        ("table_open", _table_open),
        ("table_close", _table_close),
        ("td_open", _cell),
        ("th_open", _cell),
    ):
        parser.add_render_rule(rule, renders)
    return parser


@cache
def _text() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False, "linkify": True, "breaks": True}).enable(["newline", "linkify"])
    parser.linkify = _linkify()
    return parser


@cache
def _linkify() -> LinkifyIt:
    """Addresses, and mentions of members by their handle."""
    found = LinkifyIt()
    found.add("@", {"validate": _mention_at, "normalize": _to_profile})
    for schema in ("ftp:", "//"):
        found.add(schema, None)
    return found


def _mention_at(_: LinkifyIt, text: str, position: int) -> int:
    """How long the handle is that begins there; 0: none does."""
    if position > 1 and (text[position - 2].isalnum() or text[position - 2] in "._-/@"):
        return 0
    match = _mention.match(text, position)
    return len(match[1]) if match else 0


def _to_profile(_: LinkifyIt, match: object) -> None:
    match.url = f"/@{match.text[1:].lower()}"  # type: ignore[attr-defined]


def _parse_paragraphs(state: StateCore) -> None:
    """As the parser does, but what nobody writes, only attackers, stays as it is."""
    for token in state.tokens:
        if token.type != "inline":
            continue
        if len(_signs(token.content)) > MOST_SIGNS or _long_word(token.content):
            token.children = [Token("text", "", 0, content=token.content)]
            token.content = ""  # where links would be looked for
        else:
            token.children = []
            state.md.inline.parse(token.content, state.md, state.env, token.children)


def _inline_spoiler(state: StateInline, silent: bool) -> bool:
    """||What ends the film||"""
    if not state.src.startswith("||", state.pos):
        return False
    start = state.pos + 2
    end = state.src.find("||", start, state.posMax)
    if end <= start:
        return False
    if not silent:
        state.push("spoiler_open", "span", 1).attrs = {"class": "spoiler", "tabindex": "0"}
        most, state.pos, state.posMax = state.posMax, start, end
        state.md.inline.tokenize(state)
        state.posMax = most
        state.push("spoiler_close", "span", -1)
    state.pos = end + 2
    return True


def _spoiler_block(_: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """::: spoiler What is hidden"""
    token = tokens[index]
    if token.nesting < 0:
        return "</details>\n"
    title = token.info.strip().removeprefix("spoiler").strip()
    return f'<details class="spoiler"><summary>{escape(title or "…")}</summary>\n'


def _order_headings(state: StateCore) -> None:
    """Each heading one step below the one it stands under, the first below the page's own."""
    above: list[str] = []
    for token in state.tokens:
        if token.type == "heading_open":
            while above and above[-1] >= token.tag:
                above.pop()
            above.append(token.tag)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(TOP_HEADING + len(above) - 1, LOWEST_HEADING)}"


def _paragraph(shows: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """In a tight list they have no tags: those at its bottom would run into each other."""
    follows_another = tokens[index].hidden and tokens[index - 1].type == "paragraph_close"
    return "<br>\n" if follows_another else shows.renderToken(tokens, index, options, env)


def _image_as_link(_: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    source, words = str(tokens[index].attrs["src"]), tokens[index].content
    return f'<a class="{IMAGE}" href="{escape(source)}">{escape(words or source)}</a>'


def _code(_: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    language = token.info.split(maxsplit=1)[0].lower() if token.info.strip() else ""
    env["coloured"] = env.get("coloured", 0) + len(token.content)
    inner = _coloured(token.content, language) if env["coloured"] <= LONGEST_CODE else escapeHtml(token.content)
    return f'<pre tabindex="0"><code>{inner}</code></pre>\n'


def _coloured(code: str, language: str) -> str:
    if language not in KNOWN or _long_gap(code):
        return escapeHtml(code)
    coloured: str = highlight(code, get_lexer_by_name(language, stripnl=False), HtmlFormatter(nowrap=True))
    return coloured


def _table_open(*_: object) -> str:
    return '<div class="wide" tabindex="0"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


def _cell(_: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """With the alignment as an attribute, for styles are not allowed here."""
    aligned = _alignment(str(tokens[index].attrs.get("style", "")))
    return f'<{tokens[index].tag} align="{aligned[1]}">' if aligned else f"<{tokens[index].tag}>"
