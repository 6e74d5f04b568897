"""However a post is made to grow, it comes out about as large as it went in, and what it says can be read."""

import re
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forum.bounds import DEEPEST, MOST_CELLS, MOST_LINKED
from forum.markdown import render_markdown
from forum.plain import excerpt
from tests.web.pages.parsed import parsed

ROWS_WITHOUT_CELLS = "|a" * 200 + "|\n" + "|-" * 200 + "|\n" + "|\n" * 327
STEPS = st.lists(st.sampled_from(["> ", ">", "- ", "+ ", "1. ", "  ", "::: spoiler ", "# "]), max_size=15).map("".join)
_containers = re.compile("<(/?)(?:blockquote|ul|ol|li|details)").findall


def table(columns: int, rows: int, *, filled: int, within: str = "") -> str:
    """So many rows, with so many cells written of each but the first; each has a word that is nowhere else."""
    widths = [columns] + [filled] * (rows - 1)
    lines = ["|".join(f"w{row}c{column}w" for column in range(width)) for row, width in enumerate(widths)]
    return "".join(f"{within}|{line}|\n" for line in (lines[0], "|".join(["-"] * columns), *lines[1:]))


def cells_in(html: str) -> int:
    page = parsed(html)
    return len(page.all("th")) + len(page.all("td"))


def words_of(text: str) -> set[str]:
    return set(re.findall(r"w[\dc]+w", text))


def depth_of(html: str) -> int:
    """How many steps down it goes."""
    return max(accumulate(-1 if closing else 1 for closing in _containers(html)), default=0)


@pytest.mark.parametrize("tables", [1, 2, 12])
def test_rows_without_cells(tables: int) -> None:
    """A row may have one cell of many, but not so that lines become megabytes."""
    source = (ROWS_WITHOUT_CELLS + "\n") * tables
    html = render_markdown(source)
    assert cells_in(html) <= MOST_CELLS
    assert len(html) < 5 * len(source) + 20 * MOST_CELLS


@pytest.mark.slow
@given(st.integers(1, 60), st.integers(1, 150), st.integers(1, 60), st.sampled_from(["", "> ", "> > "]))
@settings(max_examples=20, deadline=None)
def test_any_table(columns: int, rows: int, filled: int, within: str) -> None:
    """Whole where the cells suffice; otherwise the rows that have no place in it stand below."""
    source = table(columns, rows, filled=min(filled, columns), within=within)
    html = render_markdown(source)
    assert words_of(html) == words_of(source)
    kept = min(rows, MOST_CELLS // columns)
    assert cells_in(html) == kept * columns


def test_all_tables_of_a_post_share_the_cells() -> None:
    """Those in quotes and lists, too. The last is text, to the last row."""
    one = table(10, 140, filled=10)
    within = "- a\n\n" + "".join(f"  {line}\n" for line in one.splitlines())
    source = one + "\n" + within + "\n" + table(10, 140, filled=10, within="> ")
    html = render_markdown(source)
    assert cells_in(html) == MOST_CELLS
    assert len(parsed(html).all("table")) == 3
    assert len(re.findall(r"w[\dc]+w", html)) == 3 * 1400
    assert cells_in(render_markdown(source + "\n|more|\n|-|\n")) == MOST_CELLS


def test_a_post_has_its_cells_to_itself() -> None:
    """What one used up, the next is not short of."""
    render_markdown(ROWS_WITHOUT_CELLS * 3)
    assert cells_in(render_markdown("|a|b|\n|-|-|\n|1|")) == 4


def test_escaped_pipes_make_no_columns() -> None:
    names = "a" + r"\|" * (MOST_CELLS + 1)
    html = render_markdown(f"|{names}|b|\n|-|-|\n|1|2|\n")
    assert cells_in(html) == 4
    assert parsed(html).all("th")[0].text == names.replace("\\", "")


def test_excerpts_have_no_more_cells() -> None:
    told = excerpt(ROWS_WITHOUT_CELLS, graphemes=10**6, size=10**7)
    assert told.count(" | ") < MOST_CELLS


@pytest.mark.slow
@given(st.lists(STEPS, min_size=1, max_size=12))
def test_nothing_is_too_deep_to_be_read(steps: list[str]) -> None:
    """Quotes, lists and spoilers within each other end somewhere; what is further in stays text."""
    source = "\n".join(f"{step}w{number}w" for number, step in enumerate(steps))
    html = render_markdown(source)
    parsed(html)
    assert words_of(html) == words_of(source)
    assert depth_of(html) <= DEEPEST + 1


@pytest.mark.parametrize("step", [">", "> ", "- ", "1. ", "> - "])
def test_deep_with_lazy_lines(step: str) -> None:
    """Each line would be looked at in each of the quotes."""
    html = render_markdown(step * 19 + "w0w\n" + "w1w\n" * 500)
    assert html.count("w1w") == 500
    assert depth_of(html) in (DEEPEST, DEEPEST + 1)


def test_what_people_write_is_not_too_deep() -> None:
    """A quote of a quote of a quote, with a list of lists and code in it."""
    html = render_markdown("> > > - a\n> > >   - b\n> > >\n> > >     ```\n> > >     c\n> > >     ```\n")
    assert html.count("<blockquote>") == 3
    assert html.count("<li>") == 2
    assert parsed(html).one("code").text == "c\n"


def test_lines_at_the_bottom_are_told_apart() -> None:
    """And code is still code."""
    html = render_markdown("\n".join("  " * depth + f"- w{depth}w" for depth in range(6)))
    assert "w3w<br>\n- w4w" in html
    assert parsed(render_markdown(f"{'> ' * DEEPEST}```\n{'> ' * DEEPEST}*a*\n")).one("code").text == "*a*\n"


@pytest.mark.parametrize("definition", ["[a]: /{}", "[a]: /b '{}'"], ids=["address", "title"])
def test_long_definitions(definition: str) -> None:
    """One that many links could repeat is none, and stays as it is."""
    long = definition.format("c" * 2_000)
    source = long + "\n\n" + "[a]\n\n" * 400
    html = render_markdown(source)
    assert len(html) < 3 * MOST_LINKED
    assert not parsed(html).links()
    assert parsed(html).all("p")[0].text == long


def test_definitions() -> None:
    """Those that people write are; the first of a name counts, whatever comes after."""
    source = "[a][] [b]\n\n[a]: /first\n[a]: /second\n[b]: https://b.example/" + "c" * 1_900
    assert parsed(render_markdown(source)).links() == ["/first", "https://b.example/" + "c" * 1_900]
    many = "\n".join(f"[{n}]: https://b.example/{n}" for n in range(200))
    assert len(parsed(render_markdown(many + "\n\n" + "\n".join(f"[a][{n}]" for n in range(200)))).links()) == 200
