"""The themes panel: what its forms make of themes and policy, what is told before it is saved, and what is refused."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.agent import ForumAccount
from actors.health import Board
from daemon.pool import Pool
from forum.presets import PRESETS, TOKENS
from forum.records.names import THEME, THEME_POLICY
from tests.forum.test_themes import SHEET, VALUE
from tests.standins.account_server import AccountServer
from tests.support.forum import F
from tests.web.forum_rows import SITE, AwayDatabase, client_of
from tests.web.pages.conftest import HTML
from tests.web.pages.parsed import Parsed, parsed
from tests.web.signing_in import client_as
from tests.web.test_themes import past_us
from web.app import make_app
from web.pages.admin.theme_drafts import SHAPES, Draft, lines_of
from web.pages.assets import assets
from web.pages.who import STALE, word_for
from web.signed_in import COOKIE

PATH = "/admin/themes"
DUSK = {"name": "Dusk", "scheme": "dark", "token-paper": "#112233", "token-accent": "#ffeedd", "css": ".post { x: y }"}
NOW = "2023-11-14T22:13:00Z"

Json = Any  # JSON


@dataclass(frozen=True)
class Panel:
    """As somebody sees it who may."""

    browser: httpx.AsyncClient
    server: AccountServer

    async def page(self, path: str = PATH, status: int = 200) -> Parsed:
        response = await self.browser.get(path)
        assert response.status_code == status, response.text
        return parsed(response.text)

    async def send(self, path: str, status: int = 303, *, files: Json = None, **typed: Json) -> httpx.Response:
        word = (await self.page()).all("input", name="csrf")[0].attributes["value"]
        response = await self.browser.post(path, data={"csrf": word} | typed, files=files)
        assert response.status_code == status, response.text
        return response

    async def make(self, **typed: str) -> str:
        """A theme; its key."""
        response = await self.send(f"{PATH}/new", **(DUSK | typed))
        return str(response.headers["location"]).removeprefix(f"{PATH}/").removesuffix("?saved")

    async def settle(self, light: str, dark: str, *offered: str, status: int = 303, **typed: Json) -> httpx.Response:
        form = {"seen": await self.seen(), "light": light, "dark": dark, "offered": list(offered), "choice": "on"}
        return await self.send(f"{PATH}/policy", status, **(form | typed))

    async def seen(self) -> str:
        """The version that the policy's form changes."""
        return (await self.page()).one("input", name="seen").attributes["value"]

    def record(self, rkey: str) -> Json:
        return self.server.records[THEME, rkey]

    def names(self) -> list[str]:
        """What the themes in the repository are called."""
        return sorted(record["name"] for (kind, _), record in self.server.records.items() if kind == THEME)

    @property
    def policy(self) -> Json:
        return self.server.records[THEME_POLICY, "self"]


@pytest.fixture
async def panel(database: Pool, account: ForumAccount, server: AccountServer) -> AsyncIterator[Panel]:
    async with client_as(database, account=account) as browser:
        browser.headers.update(HTML)
        yield Panel(browser, server)


def marks(page: Parsed) -> list[str]:
    """Each theme in the lists, with what is said of it."""
    rows = page.all("div", class_="what theme")
    return [re.sub(r"\s+", " ", row.text).strip() for row in rows]


def style_in(page: Parsed) -> str:
    """The sample's sheet."""
    [sheet] = re.findall(r"<style>(.*?)</style>", page.one("iframe").attributes["srcdoc"], re.DOTALL)
    return str(sheet)


def said(page: Parsed) -> list[str]:
    return [one.text for one in page.all("li") if "»" not in one.text and one.text.endswith((".", " 1"))]


async def test_before_there_are_any(panel: Panel) -> None:
    """Those that are built in, how they are in force, and a policy that says so."""
    page = await panel.page()
    assert marks(page)[:3] == [
        "Paper Light default when light offered",
        "Paper Dark default when dark offered",
        "Harbour Light offered",
    ]
    assert [one.attributes["value"] for one in page.all("option") if "selected" in one.attributes] == [
        "paper-light",
        "paper-dark",
    ]
    assert all("checked" in one.attributes for one in page.all("input", name="offered"))
    assert page.all("input", name="pinned") == []


async def test_a_theme(panel: Panel) -> None:
    """Made, shown as it is, changed; what the form does not know stays in it, what is empty goes."""
    rkey = await panel.make(more="glow: 3px\n\n--shade: rgb(0 0 0);\n", **{"token-serif": "Georgia, serif"})
    record = panel.record(rkey)
    assert {name: record[name] for name in ("name", "colorScheme", "cssOverrides")} == {
        "name": "Dusk",
        "colorScheme": "dark",
        "cssOverrides": ".post { x: y }",
    }
    tokens = {"paper": "#112233", "accent": "#ffeedd", "serif": "Georgia, serif", "glow": "3px", "shade": "rgb(0 0 0)"}
    assert record["tokens"] == tokens
    page = await panel.page(f"{PATH}/{rkey}?saved")
    assert page.one("p", role="status").text == "The theme is saved."
    assert page.one("input", id="token-paper").attributes["value"] == "#112233"
    assert page.one("textarea", id="more").text.split("\n")[1:] == ["glow: 3px", "shade: rgb(0 0 0)"]
    assert "--paper: #112233;" in style_in(page)
    seen = page.one("input", name="seen").attributes["value"]
    panel.server.records[THEME, rkey] = {**record, "fontUrls": ["https://fonts.test/a"], "mood": "calm"}
    await panel.send(f"{PATH}/{rkey}", 409, name="Night", scheme="dark", seen=seen)  # it is another by now
    del panel.server.records[THEME, rkey]["fontUrls"], panel.server.records[THEME, rkey]["mood"]
    await panel.send(f"{PATH}/{rkey}", name="Night", scheme="light", seen=seen)
    assert {name: value for name, value in panel.record(rkey).items() if name not in ("$type", "createdAt")} == {
        "name": "Night",
        "colorScheme": "light",
        "tokens": {},
    }


async def test_two_at_once(panel: Panel) -> None:
    """Whoever comes second is told, and decides whether theirs takes its place."""
    rkey = await panel.make()
    seen = (await panel.page(f"{PATH}/{rkey}")).one("input", name="seen").attributes["value"]
    await panel.send(f"{PATH}/{rkey}", **(DUSK | {"name": "First", "seen": seen}))
    page = parsed((await panel.send(f"{PATH}/{rkey}", 409, **(DUSK | {"name": "Second", "seen": seen}))).text)
    assert "since you began" in page.one("p", role="alert").text
    assert page.one("input", id="name").attributes["value"] == "Second"
    assert panel.record(rkey)["name"] == "First"
    seen = page.one("input", name="seen").attributes["value"]
    await panel.send(f"{PATH}/{rkey}", **(DUSK | {"name": "Second", "seen": seen}))
    assert panel.record(rkey)["name"] == "Second"


async def test_nothing_typed_is_lost(panel: Panel, database: Pool) -> None:
    """Of a new theme or of one that is there: a form of another session, nobody signed in, the database away."""
    dusk = await panel.make(css="body { display: none }")
    await panel.settle(dusk, dusk)
    written = list(panel.server.written)

    def kept(response: httpx.Response, path: str, status: int, why: str) -> None:
        page = parsed(response.text)
        assert response.status_code == status, response.text
        assert why in page.one("p", role="alert").text
        assert page.one("form", class_="form draft").attributes["action"] == path
        assert page.one("input", id="name").attributes["value"] == "Dusk"
        assert page.one("input", id="token-paper").attributes["value"] == "#112233"
        assert page.one("textarea", id="css").text.strip() == DUSK["css"]
        assert not any(dusk in one.attributes["href"] for one in page.all("link", rel="stylesheet"))

    for path in (f"{PATH}/new", f"{PATH}/{dusk}"):
        kept(await panel.browser.post(path, data=DUSK), path, 403, STALE)
        async with client_of(make_app(database, Board(), SITE)) as browser:
            kept(await browser.post(path, data=DUSK, headers=HTML), path, 401, "Your sign-in has ended.")
        async with client_of(make_app(AwayDatabase(), Board(), SITE)) as browser:
            browser.cookies.set(COOKIE, "token")
            response = await browser.post(path, data=DUSK | {"csrf": word_for("token")}, headers=HTML)
            kept(response, path, 503, "The forum cannot reach its database")
    assert panel.server.written == written


async def test_deleted_meanwhile(panel: Panel) -> None:
    """By somebody else: what was typed stands in the form for a new one."""
    dusk = await panel.make()
    await panel.send(f"{PATH}/{dusk}/delete")
    page = parsed((await panel.send(f"{PATH}/{dusk}", 404, **(DUSK | {"name": "Night"}))).text)
    assert "deleted since you began" in page.one("p", role="alert").text
    assert page.one("form", class_="form draft").attributes["action"] == f"{PATH}/new"
    assert page.one("input", id="name").attributes["value"] == "Night"
    assert page.one("input", id="token-paper").attributes["value"] == "#112233"


async def test_fields_of_others_stay(panel: Panel) -> None:
    rkey = await panel.make()
    panel.server.records[THEME, rkey] = {**panel.record(rkey), "fontUrls": ["https://fonts.test/a"], "mood": "calm"}
    await panel.send(f"{PATH}/{rkey}", **(DUSK | {"name": "Night"}))
    assert (panel.record(rkey)["mood"], panel.record(rkey)["fontUrls"]) == ("calm", ["https://fonts.test/a"])


async def test_fonts_are_not_loaded(panel: Panel, database: Pool) -> None:
    """And the editor says so."""
    record = {"name": "Fonts", "colorScheme": "light", "tokens": {}, "fontUrls": ["https://fonts.test/a"]}
    await past_us(database, 1, record | {"createdAt": NOW}, rkey="3kabcabcabcab")
    page = await panel.page(f"{PATH}/3kabcabcabcab")
    assert "not loaded here" in page.all("p", class_="verdict")[0].text
    assert "fonts.test" not in page.one("iframe").attributes["srcdoc"]


async def test_preview(panel: Panel) -> None:
    """What is typed, in the sample and in the form, and nothing of it is saved or offered to anybody."""
    rkey = await panel.make()
    written = list(panel.server.written)
    for path in (f"{PATH}/new", f"{PATH}/{rkey}"):
        response = await panel.send(path, 200, preview="1", name="", scheme="light", **{"token-ink": "#abc"})
        page = parsed(response.text)
        assert page.one("input", id="token-ink").attributes["value"] == "#abc"
        assert "--ink: #abc;" in style_in(page)
        assert f"--paper: {PRESETS['paper-light'].tokens['paper']};" in style_in(page)
    assert panel.server.written == written


async def test_the_policy_of_the_page(panel: Panel) -> None:
    """It allows the one style that the sample has, by its hash, and no other; lines may end as they like."""
    page_of: Json = {"preview": "1", "name": "x", "scheme": "dark", "css": "a { b: c }\r\nd < e > f { g: 'é' }"}
    response = await panel.send(f"{PATH}/new", 200, **page_of)
    style = style_in(parsed(response.text))
    assert style.endswith("a { b: c }\nd < e > f { g: 'é' }")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{digest}';" in response.headers["content-security-policy"]
    assert "style-src 'self';" in (await panel.browser.get(PATH)).headers["content-security-policy"]


@pytest.mark.slow
@given(st.lists(VALUE, max_size=4), SHEET | st.text(max_size=60))
def test_nothing_leaves_the_sample(values: list[str], css: str) -> None:
    """Whatever is typed, the sample's sheet ends where it ends; what is not sound is not in it."""
    tokens = {f"ink{number}": value for number, value in enumerate(values)}
    style = Draft(name="x", scheme="dark", tokens=tokens, css=lines_of(css)).sheet
    assert "</" not in style
    assert "<!" not in style
    assert "\r" not in style


async def test_contrast_is_told(panel: Panel) -> None:
    """By name and number, what cannot be measured too; it is saved all the same."""
    typed = {"name": "Pale", "scheme": "light", "token-ink": "#777777", "token-accent": "var(--x)"}
    page = parsed((await panel.send(f"{PATH}/new", 200, preview="1", **typed)).text)
    assert "Text on Cards: 4.47 to 1" in said(page)
    assert "Accent" in page.all("p", class_="hint")[-1].text
    page = parsed((await panel.send(f"{PATH}/new", 200, preview="1", **(typed | {"token-ink": ""}))).text)
    assert "enough contrast" not in page.one("div", id="findings").text  # for nobody has seen it
    await panel.send(f"{PATH}/new", **typed)
    page = parsed((await panel.send(f"{PATH}/new", 200, preview="1", name="x", scheme="dark")).text)
    assert "enough contrast" in page.all("p", class_="verdict")[-1].text


async def test_what_no_theme_may_hold(panel: Panel) -> None:
    """Is told by name, in the reader's language; nothing is written, and nothing typed is lost."""
    typed = {
        "name": "Trap",
        "scheme": "dark",
        "token-paper": "url(//x.test)",
        "more": "a b: red\nsound: 1px",
        "css": "@import 'x'; a { b: url(c) }",
    }
    response = await panel.send(f"{PATH}/new", 400, **typed)
    page = parsed(response.text)
    assert [line.partition(":")[0] for line in said(page)] == [
        "The token “paper”",
        "The token “a b”",
        "@import in the CSS",
        "url() in the CSS",
    ]
    assert "not been saved" in page.one("p", role="alert").text
    assert page.one("input", id="token-paper").attributes["value"] == "url(//x.test)"
    assert page.one("textarea", id="css").text.strip() == typed["css"]
    assert "x.test" not in page.one("iframe").attributes["srcdoc"]
    assert panel.server.written == []
    response = await panel.send(f"{PATH}/new", 400, name="", scheme="dark")
    assert "name" in parsed(response.text).one("p", role="alert").text
    panel.browser.headers["Accept-Language"] = "de"
    assert "Das Token „paper“" in (await panel.send(f"{PATH}/new", 400, **typed)).text


async def test_duplicates(panel: Panel) -> None:
    """Of what is built in and of one's own; one goes on to change them."""
    response = await panel.send(f"{PATH}/plum-dark/duplicate")
    rkey = str(response.headers["location"]).rpartition("/")[2]
    assert panel.record(rkey)["tokens"] == PRESETS["plum-dark"].tokens
    assert marks(await panel.page())[0] == "Plum dark (copy) Dark"
    await panel.send(f"{PATH}/{rkey}/duplicate")
    await panel.send(f"{PATH}/none/duplicate", 404)


async def test_deleting(panel: Panel) -> None:
    """Asked for once more; a default cannot be, and the page says why."""
    light, dark, other = [await panel.make(name=name, scheme=name) for name in ("light", "dark", "dark")]
    await panel.settle(light, dark, other)
    page = await panel.page(f"{PATH}/{light}/delete")
    assert "Choose another default first" in page.one("p", class_="verdict warns").text
    assert not page.all("form", action=f"{PATH}/{light}/delete")
    response = await panel.send(f"{PATH}/{light}/delete", 409)
    assert "choose another one first" in parsed(response.text).one("p", role="alert").text
    assert (await panel.page(f"{PATH}/{other}/delete")).all("form", action=f"{PATH}/{other}/delete")
    assert (await panel.send(f"{PATH}/{other}/delete")).headers["location"] == PATH
    assert (THEME, other) not in panel.server.records
    await panel.page(f"{PATH}/{other}/delete", 404)


async def test_the_policy(panel: Panel) -> None:
    """Defaults are offered always; what is built in is copied once; a pin is to the version that was seen."""
    dusk = await panel.make()
    pin = f"{dusk} {await cid_of(panel, dusk)}"
    await panel.settle("paper-light", dusk, "harbour-light", pinned=pin)
    assert panel.names() == ["Dusk", "Harbour light", "Paper light"]
    offered = [panel.record(ref["uri"].rpartition("/")[2])["name"] for ref in panel.policy["availableThemes"]]
    assert offered == ["Dusk", "Paper light", "Harbour light"]
    assert f"{dusk} {panel.policy['defaultDarkTheme']['cid']}" == pin
    assert panel.policy["allowUserChoice"] is True
    page = await panel.page(f"{PATH}?saved")
    assert page.one("p", role="status").text.startswith("Saved.")
    assert marks(page)[0] == "Dusk Dark default when dark offered pinned"
    assert [one.attributes["value"] for one in page.all("input", name="pinned", checked="")] == [pin]

    offers = [one.text.strip() for one in page.all("label", class_="choice")]
    assert [offers.count(name) for name in ("Paper light Light", "Paper Light", "Paper Dark")] == [1, 0, 1]

    await panel.settle("paper-light", "paper-dark", "harbour-light")  # by a form that was opened before
    assert panel.names() == ["Dusk", "Harbour light", "Paper dark", "Paper light"]
    assert len(panel.policy["availableThemes"]) == 3
    await panel.send(f"{PATH}/policy", seen=await panel.seen(), light=dusk, dark=dusk)
    assert panel.policy["allowUserChoice"] is False
    assert [ref["uri"][-13:] for ref in panel.policy["availableThemes"]] == [dusk]


async def test_two_policies_at_once(panel: Panel) -> None:
    """Whoever comes second is told, also of the first there is; their choice stands in the form, and they decide."""
    dawn, dusk = await panel.make(name="Dawn"), await panel.make()
    seen = await panel.seen()
    for _ in ("the first", "another"):
        await panel.settle(dawn, dusk)
        before = panel.policy
        page = parsed((await panel.settle(dusk, dawn, "harbour-light", status=409, seen=seen)).text)
        assert (panel.policy, panel.names()) == (before, ["Dawn", "Dusk"])
        assert "since you began" in page.one("p", role="alert").text
        assert marks(page)[:2] == ["Dawn Dark default when light offered", "Dusk Dark default when dark offered"]
        chosen = [one.attributes["value"] for one in page.all("option") if "selected" in one.attributes]
        assert chosen == [dusk, dawn]
        seen = page.one("input", name="seen").attributes["value"]
        await panel.settle(dusk, dawn, seen=seen)
        assert panel.policy["defaultLightTheme"]["uri"].endswith(dusk)
    panel.server.records[THEME_POLICY, "self"] = panel.policy | {"mood": "calm"}  # of which we have not heard yet
    await panel.settle(dawn, dusk, status=409)
    assert panel.policy["mood"] == "calm"


async def test_policies_that_cannot_be(panel: Panel) -> None:
    """Are refused before anything is copied, and what was asked for stands in the form."""
    dusk = await panel.make()
    written = list(panel.server.written)
    response = await panel.settle("plum-light", "none", "harbour-light", status=404)
    page = parsed(response.text)
    assert page.one("p", role="alert").text.strip() == "There is no such theme."
    checked = [one.attributes["value"] for one in page.all("input", name="offered") if "checked" in one.attributes]
    assert checked == ["harbour-light"]
    assert panel.server.written == written
    old = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
    response = await panel.settle(dusk, dusk, pinned=f"{dusk} {old}", status=409)
    assert "no longer the version" in response.text


async def test_pinned(panel: Panel, database: Pool) -> None:
    """Cannot be changed, and the editor says why; changed past us, the list says that and what readers get instead."""
    dusk = await panel.make()
    await panel.settle("paper-light", dusk, pinned=f"{dusk} {await cid_of(panel, dusk)}")
    page = await panel.page(f"{PATH}/{dusk}")
    assert "only this version" in page.one("div", class_="verdict warns").text
    assert len(page.all("button", class_="button")) == 0
    response = await panel.send(f"{PATH}/{dusk}", 409, **DUSK)
    assert "pinned" in parsed(response.text).one("p", role="alert").text
    record = {"name": "Dusk", "colorScheme": "dark", "tokens": {}, "createdAt": NOW}
    await past_us(database, 1, record, rkey=dusk)
    page = await panel.page()
    assert marks(page)[0] == "Dusk Dark pinned to another version"
    assert "built-in one instead" in page.one("p", class_="verdict warns").text


async def test_a_file_and_back(panel: Panel) -> None:
    """What is exported can be imported, and makes the same theme."""
    dusk = await panel.make(more="glow: 3px")
    response = await panel.browser.get(f"{PATH}/{dusk}/export")
    assert response.headers["content-disposition"] == 'attachment; filename="dusk.json"'
    assert set(response.json()) == {"name", "colorScheme", "tokens", "cssOverrides"}
    opened = await panel.send(f"{PATH}/import", 200, files={"file": ("dusk.json", response.content)})
    page = parsed(opened.text)
    assert page.one("form", class_="form draft").attributes["action"] == f"{PATH}/new"
    typed = {
        one.attributes["name"]: one.attributes.get("value", "")
        for one in page.all("input")
        if one.attributes.get("type") not in ("radio", "hidden", "file")
    }
    texts = {name: page.one("textarea", id=name).text for name in ("more", "css")}
    assert "checked" in page.one("input", value="dark").attributes
    again = await panel.send(f"{PATH}/new", **typed, **texts, scheme="dark")
    copy = panel.record(str(again.headers["location"]).removeprefix(f"{PATH}/").removesuffix("?saved"))
    assert {**copy, "createdAt": 0} == {**panel.record(dusk), "createdAt": 0}
    assert (await panel.browser.get(f"{PATH}/plum-dark/export")).json()["name"] == "Plum dark"


async def test_a_hostile_file(panel: Panel) -> None:
    """What no theme may hold stays out, and is named; nothing is made of it before it is saved."""
    theme = {
        "name": "</title><script>",
        "colorScheme": "light",
        "tokens": {"ink": "#123456", "paper": "url(//x.test)", "</style>": "red"},
        "cssOverrides": "a { b: url(//x.test) } </style><script>",
        "fontUrls": ["https://fonts.test/a", "http://x.test/b"],
    }
    response = await panel.send(f"{PATH}/import", 200, files={"file": ("x.json", json.dumps(theme).encode())})
    page = parsed(response.text)
    told = "".join(said(page))
    for name in ("“paper”", "“</style>”", "url()", "“</”", "Fonts: "):
        assert name in told
    assert page.one("input", id="token-ink").attributes["value"] == "#123456"
    assert page.one("textarea", id="css").text.strip() == ""
    assert "x.test" not in page.one("iframe").attributes["srcdoc"]
    assert panel.server.written == []


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[1]", "object"),
        (b"[" * 100_000, "JSON"),
        (b"{}", "missing"),
        (b'{"colorScheme": "dark", "tokens": {}}', "name"),
        (b'{"name": "x", "colorScheme": "sepia", "tokens": {}}', "colorScheme"),
        (b'{"name": "x", "colorScheme": "dark", "tokens": {"ink": 1}}', "tokens"),
        (b'{"name": "x", "colorScheme": "dark", "tokens": []}', "tokens"),
    ],
)
async def test_files_that_hold_no_theme(panel: Panel, content: bytes, word: str) -> None:
    response = await panel.send(f"{PATH}/import", 400, files={"file": ("x.json", content)})
    assert word in parsed(response.text).one("p", role="alert").text


async def test_hostile_names(panel: Panel) -> None:
    """Are words wherever they stand."""
    pages = [PATH, "/settings"]
    plain = await panel.make(name="Plain", scheme="light")
    await panel.settle("paper-light", "paper-dark", plain)
    before = [sorted(one.tag for one in (await panel.page(path)).elements) for path in pages]
    seen = (await panel.page(f"{PATH}/{plain}")).one("input", name="seen").attributes["value"]
    for name in ('"><script>alert(1)</script>', "</option></select><b onclick=x>", "&lt;img src=x onerror=x&gt;"):
        await panel.send(f"{PATH}/{plain}", **(DUSK | {"name": name, "scheme": "light", "seen": seen}))
        assert [sorted(one.tag for one in (await panel.page(path)).elements) for path in pages] == before
        for path in (f"{PATH}/{plain}", f"{PATH}/{plain}/delete"):
            assert name in (await panel.page(path)).one("h1").text
        seen = (await panel.page(f"{PATH}/{plain}")).one("input", name="seen").attributes["value"]
        assert name in (await panel.page()).all("option")[0].text


async def test_no_theme_can_lock_its_editor_out(panel: Panel) -> None:
    """The panel's pages for themes are in what is built in, whatever readers get."""
    dusk = await panel.make(css="body { display: none }")
    await panel.settle(dusk, dusk)
    links = [one.attributes["href"] for one in (await panel.page("/")).all("link", rel="stylesheet")]
    assert any(dusk in link for link in links)
    for path in (PATH, f"{PATH}/new", f"{PATH}/{dusk}", f"{PATH}/{dusk}/delete"):
        page = await panel.page(path)
        links = [one.attributes["href"] for one in page.all("link", rel="stylesheet")]
        assert sum("/theme/paper-" in link for link in links) == 2
        assert not any(dusk in link for link in links)


def test_every_token_has_its_field() -> None:
    """All that style.css sets at its top, a theme can."""
    top = assets()["style.css"].content.decode().partition("}")[0]
    assert set(re.findall(r"--([\w-]+):", top)) == {*TOKENS, *SHAPES}


async def test_the_audit_tells(panel: Panel, database: Pool) -> None:
    """Who did what, by the same words as of the API's calls."""
    dusk = await panel.make()
    await panel.send(f"{PATH}/{dusk}", **(DUSK | {"name": "Night"}))
    await panel.settle("paper-light", dusk)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT actor, act FROM audit ORDER BY id")
    assert [row["act"] for row in rows] == ["addTheme", "changeTheme", "duplicateTheme", "setThemePolicy"]
    assert {row["actor"] for row in rows} == {F}


async def cid_of(panel: Panel, rkey: str) -> str:
    return str((await panel.browser.get(f"/api/themes/{rkey}")).json()["cid"])
