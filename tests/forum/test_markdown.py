"""Posts as HTML: what Markdown means here, what never comes out of it, and that nobody makes it take for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.markdown import KNOWN, LONGEST_WORD, MOST_SIGNS, render_markdown, render_text, with_images
from tests.web.pages.parsed import parsed

NL = "\n"
REL = 'rel="nofollow ugc noopener"'
PIECES = st.sampled_from(
    ("<", ">", "&", '"', "'", "[", "](", ")", "!", "*", "_", "~~", "||", "`", "```\n", "\n", "\n\n", "|", "|-|\n",
     ":::", " spoiler ", "\n:::\n", "    ", "# ", "> ", "- ", "1. ", "javascript:", "data:", "https://a.example/",
     "//", "@a.example.org ", "&#x6a;", "\\", "script", "img src=x onerror=x()", "\u2028", "\ufffd", "é", "a", " ")
)  # fmt: skip


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>\n"),
        ("<b>a</b> & b", "<p>&lt;b&gt;a&lt;/b&gt; &amp; b</p>\n"),
        ("[a](https://b.example)", f'<p><a href="https://b.example" {REL}>a</a></p>\n'),
        ("[a](/about)", f'<p><a href="/about" {REL}>a</a></p>\n'),
        ("[a](//b.example)", "<p><a " + REL + ">a</a></p>\n"),
        ("[a](javascript:b)", "<p>[a](javascript:b)</p>\n"),
        ("see b.org/c.", f'<p>see <a href="http://b.org/c" {REL}>b.org/c</a>.</p>\n'),
        ("mail a@b.org", f'<p>mail <a href="mailto:a@b.org" {REL}>a@b.org</a></p>\n'),
        ("hi @Ann.example.org!", f'<p>hi <a href="/@ann.example.org" {REL}>@Ann.example.org</a>!</p>\n'),
        ("![a cat](https://b.example/c.png)",
         f'<p><a class="image" href="https://b.example/c.png" {REL}>a cat</a></p>\n'),
        ("![](https://b.example/c.png)",
         f'<p><a class="image" href="https://b.example/c.png" {REL}>https://b.example/c.png</a></p>\n'),
        ("the ||butler *did*||", '<p>the <span class="spoiler" tabindex="0">butler <em>did</em></span></p>\n'),
        ("a || b", "<p>a || b</p>\n"),
        ("||||", "<p>||||</p>\n"),
        ("::: spoiler The *end*\n\na\n:::",
         '<details class="spoiler"><summary>The *end*</summary>\n<p>a</p>\n</details>\n'),
        (":::spoiler\na\n:::", '<details class="spoiler"><summary>…</summary>\n<p>a</p>\n</details>\n'),
        ("```\na <b>\n```", '<pre tabindex="0"><code>a &lt;b&gt;\n</code></pre>\n'),
        ("```python\nif a: pass\n```", '<pre tabindex="0"><code><span class="k">if</span> <span class="n">a</span>'
         '<span class="p">:</span> <span class="k">pass</span>\n</code></pre>\n'),
        ("```klingon\na\n```", '<pre tabindex="0"><code>a\n</code></pre>\n'),
        ("# a\n### b\n## c\n# d\n#### e", "<h3>a</h3>\n<h4>b</h4>\n<h4>c</h4>\n<h3>d</h3>\n<h4>e</h4>\n"),
        ("##### a", "<h3>a</h3>\n"),
        ("5. a", '<ol start="5">\n<li>a</li>\n</ol>\n'),
        ("", ""),
    ],
)  # fmt: skip
def test_markdown(source: str, html: str) -> None:
    assert render_markdown(source) == html


def test_tables_can_be_scrolled() -> None:
    """Also by keyboard; their alignment is no style."""
    page = parsed(render_markdown("|a|b|\n|:-|-:|\n|1|2|"))
    assert page.one("div", class_="wide").attributes["tabindex"] == "0"
    assert [cell.attributes["align"] for cell in page.all("td")] == ["left", "right"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb\n\nc", "<p>a<br>\nb</p>\n<p>c</p>\n"),
        ("*a* [b](c) # d & <e>", "<p>*a* [b](c) # d &amp; &lt;e&gt;</p>\n"),
        ("https://b.example @ann.example.org", f'<p><a href="https://b.example" {REL}>https://b.example</a> '
         f'<a href="/@ann.example.org" {REL}>@ann.example.org</a></p>\n'),
        ("&amp; \\* ||a||", "<p>&amp;amp; \\* ||a||</p>\n"),
    ],
)  # fmt: skip
def test_plain_text(text: str, html: str) -> None:
    """To the letter, but for lines and links."""
    assert render_text(text) == html


@pytest.mark.parametrize(
    "mention", ["a@ann.example.org", "@ann", "@@ann.example.org", "/@ann.example.org", "@.example"]
)
def test_no_mention(mention: str) -> None:
    assert not [link for link in parsed(render_markdown(mention)).links() if link.startswith("/@")]


@given(st.lists(PIECES, max_size=40).map("".join))
def test_nothing_but_text_comes_out(source: str) -> None:
    """Whatever is written: well-formed, and nothing in it that runs or fetches."""
    for render in (render_markdown, render_text):
        assert not list(parsed(render(source)).dangers())


def test_images() -> None:
    """Where the forum shows them: by https, within a link, with words for who does not see them; others stay links."""
    source = '![a "cat" <b>](https://b.example/c.png?a=1&b=2) ![](http://b.example/d.png) [a](https://b.example/e.png)'
    page = parsed(with_images(render_markdown(source)))
    [image] = page.all("img")
    assert image.attributes == {
        "src": "https://b.example/c.png?a=1&b=2",
        "alt": 'a "cat" <b>',
        "loading": "lazy",
        "decoding": "async",
        "referrerpolicy": "no-referrer",
    }
    assert len(page.links()) == 3


@given(st.lists(PIECES, max_size=25).map("".join))
def test_images_bring_nothing_else(source: str) -> None:
    page = parsed(with_images(render_markdown(source)))
    assert not list(page.dangers())
    assert all(image.attributes["src"].startswith("https://") for image in page.all("img"))


@given(st.text(max_size=200))
def test_anything_can_be_rendered(source: str) -> None:
    parsed(render_markdown(source))
    parsed(render_text(source))


@pytest.mark.parametrize(
    "source",
    [
        "[" * (MOST_SIGNS + 1),
        "<a " * (MOST_SIGNS + 1),
        "&#" * LONGEST_WORD,
        "a@" * LONGEST_WORD,
        "http://b.c " * (MOST_SIGNS + 1),
    ],
    ids=["brackets", "tags", "entities", "addresses", "many addresses"],
)
def test_what_only_attackers_write_stays_as_it_is(source: str) -> None:
    """The time for it would grow with the square of its length."""
    page = parsed(render_markdown(f"{source}\n\n*and* more"))
    assert page.all("p")[0].text == source.rstrip()
    assert not page.links()
    assert page.one("em").text == "and"


@pytest.mark.parametrize("code", ["a\n" * 2000, "\n" * 8 + "a", "a" + " " * 100 + "b"], ids=["long", "lines", "blanks"])
def test_dear_code_has_no_colours(code: str) -> None:
    assert "<span" not in render_markdown(f"```c\n{code}\n```")


def test_every_language_is_known() -> None:
    """To the library that colours them."""
    for language in KNOWN:
        assert "<span" in render_markdown(f"```{language}\n<a> = '1' if x else 2; // y # z -- +q\n+ a\n```"), language


def test_nesting_ends() -> None:
    assert parsed(render_markdown(">" * 5000 + " a"))
    assert parsed(render_markdown(NL.join("  " * depth + "- a" for depth in range(300))))
