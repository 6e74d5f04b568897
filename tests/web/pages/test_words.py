"""Languages: each is complete, with the same places to set things in; dates, numbers and direction are its own."""

import re
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from markupsafe import Markup

from forum.audit import ACTS
from tests.web.forum_rows import Rows
from tests.web.pages.conftest import ANN, BOB
from web.pages.moderating import ORDERS
from web.pages.words import Message, languages, words_for

ENGLISH, GERMAN = languages()["en"], languages()["de"]
AT = datetime(2026, 3, 1, 17, 5, tzinfo=UTC)
WEB = Path(__file__).parents[3] / "web"


def places(message: Message) -> set[str]:
    forms = [message] if isinstance(message, str) else message.values()
    [found] = {frozenset(re.findall(r"\{(\w+)\}", form)) for form in forms}
    return set(found)


@pytest.mark.parametrize("language", languages())
def test_complete(language: str) -> None:
    """Every message of the English file, each with its places, and a form for each plural."""
    words = languages()[language]
    assert words.messages.keys() == ENGLISH.messages.keys()
    for name, message in words.messages.items():
        assert places(message) == places(ENGLISH.messages[name]), name
        assert isinstance(message, str) or set(message) == set(words.locale.plural_form.tags) | {"other"}, name


def test_none_is_missing_and_none_is_left_over() -> None:
    """Templates and handlers ask for what there is, and for all of it."""
    sources = [*WEB.rglob("templates/**/*.html"), *WEB.rglob("pages/**/*.py")]
    text = "".join(path.read_text() for path in sources)
    asked = set(re.findall(r"""words\(\)?\(?["']([\w.]+)["']""", text))
    begun = {name for name in asked if name.endswith((".", "_"))}  # what follows is chosen when the page is made
    assert asked - begun <= ENGLISH.messages.keys()
    said = set(re.findall(r"""["']([\w.]+)["']""", text))
    assert {name for name in ENGLISH.messages.keys() - said if not name.startswith(tuple(begun))} == set()


def test_every_act_has_a_name() -> None:
    """Of those the audit knows, each kind of moderation and its end among them."""
    prefix = "admin.audit.act."
    assert {name.removeprefix(prefix) for name in ENGLISH.messages if name.startswith(prefix)} == ACTS
    assert ORDERS.keys() <= ACTS


def test_values_are_escaped() -> None:
    assert ENGLISH("home.by", author="<b>") == "by &lt;b&gt;"
    assert ENGLISH("home.by", author=Markup("<b>")) == "by <b>"
    assert ENGLISH("home.by", author="{author.__class__}") == "by {author.__class__}"


def test_plurals_and_numbers() -> None:
    assert [ENGLISH("figures.replies", count=n) for n in (0, 1, 1234)] == ["0 replies", "1 reply", "1,234 replies"]
    assert [GERMAN("figures.replies", count=n) for n in (1, 1234)] == ["1 Antwort", "1.234 Antworten"]


def test_times() -> None:
    assert ENGLISH.moment(AT) == '<time datetime="2026-03-01T17:05:00Z" data-moment>1 Mar 2026, 17:05</time>'
    assert GERMAN.moment(AT) == '<time datetime="2026-03-01T17:05:00Z" data-moment>01.03.2026, 17:05</time>'
    assert "März 2026" in GERMAN.month(AT)
    assert "data-moment" not in GERMAN.month(AT) + ENGLISH.day(AT) + ENGLISH.clock(AT)
    assert (ENGLISH.region, GERMAN.region) == ("en-150", "de")


@pytest.mark.parametrize(
    ("preferred", "language"),
    [
        ([], "en"), (["de"], "de"), (["de-AT", "en"], "de"), (["fr", "de"], "de"), (["fr"], "en"),
        (["en-US", "de"], "en"), (["*"], "en"), (["x" * 1000, "../../etc", "de_"], "en"), (["DE"], "de"),
    ],
)  # fmt: skip
def test_choice(preferred: list[str], language: str) -> None:
    assert words_for(preferred).language == language


async def test_pages_speak_the_readers_language(browser: httpx.AsyncClient, forum: Rows) -> None:
    """Every kind of page, errors too."""
    topic = await forum.topic(ANN)
    await forum.reply(BOB, topic)
    browser.headers["Accept-Language"] = "de-CH, de;q=0.9, en;q=0.5"
    for path, words in {
        "/": "1 Thema", "/b/0000000000001": "Zuletzt", "/t/ann.test/0000000000001": "2 Beiträge",
        "/@ann.test": "Beiträge", "/about": "Wie es geht", "/nowhere": "Hier ist nichts",
    }.items():  # fmt: skip
        text = (await browser.get(path)).text
        assert '<html lang="de" dir="ltr"' in text
        assert words in text
    assert "Neue Themen in Board 1" in (await browser.get("/b/0000000000001/feed.atom")).text
