"""Writing by forms alone: one post for what is sent, where it was meant to be; whatever hinders it, nothing is lost."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from daemon.pool import Pool
from forum import sessions
from forum.records.names import POST
from tests.web.forum_rows import AwayDatabase
from tests.web.pages.conftest import HTML
from tests.web.pages.parsed import Element, Parsed, parsed
from tests.web.signing_in import client_as
from tests.web.writers import ANN, BOB, SHELF_KEY, Forum, planted
from web.pages.previewing import PREVIEWS_A_MINUTE
from web.pages.who import STALE
from web.pages.writing import WRITTEN_COOKIE
from web.signed_in import COOKIE

NEW = f"/b/{SHELF_KEY}/new"
LONG = "A long story.\n\n" * 30 + "## *Fin*"


@pytest.fixture
async def forum(database: Pool) -> Forum:
    return await planted(database)


@pytest.fixture
async def ann(forum: Forum) -> AsyncIterator[httpx.AsyncClient]:
    async with forum.member(ANN) as browser:
        browser.headers.update(HTML)
        yield browser


@pytest.fixture
async def bob(forum: Forum) -> AsyncIterator[httpx.AsyncClient]:
    async with forum.member(BOB) as browser:
        browser.headers.update(HTML)
        yield browser


async def page(browser: httpx.AsyncClient, path: str, status: int = 200) -> Parsed:
    response = await browser.get(path, follow_redirects=True)
    assert response.status_code == status, response.text
    return parsed(response.text)


def form_of(found: Parsed) -> Element:
    return found.one("form", class_="form compose")


def fields(found: Parsed) -> dict[str, str]:
    """What the form would send as it stands."""
    assert form_of(found).attributes["enctype"] == "multipart/form-data"
    names = {
        one.attributes["name"]: one.attributes.get("value", "")
        for one in found.all("input")
        if "name" in one.attributes
    }
    return names | {"text": found.one("textarea").text.removeprefix("\n")}


async def send(browser: httpx.AsyncClient, path: str, form: dict[str, str]) -> httpx.Response:
    return await browser.post(path, files={name: (None, value) for name, value in form.items()})


async def written(browser: httpx.AsyncClient, path: str, **typed: str) -> str:
    """Fill the form of that page in, send it, and be led to the post."""
    found = await page(browser, path)
    response = await send(browser, form_of(found).attributes["action"], fields(found) | typed)
    assert response.status_code == 303, response.text
    return str(response.headers["location"])


async def refused(browser: httpx.AsyncClient, path: str, status: int, **typed: str) -> tuple[str, dict[str, str]]:
    """The same, and be told no: the sentence, and what the form holds then."""
    found = await page(browser, path)
    response = await send(browser, form_of(found).attributes["action"], fields(found) | typed)
    assert response.status_code == status, response.text
    back = parsed(response.text)
    assert response.headers["cache-control"] == "no-store"
    return " ".join(back.one("p", role="alert").text.split()), fields(back)


@pytest.fixture
async def topic(ann: httpx.AsyncClient) -> str:
    """The path of Ann's."""
    return await written(ann, NEW, title="Tomatoes", text="Red ones?")


async def bodies(browser: httpx.AsyncClient, path: str) -> list[str]:
    return [one.text.strip() for one in (await page(browser, path)).all("div", class_="body")]


async def test_a_topic(forum: Forum, ann: httpx.AsyncClient) -> None:
    """From the board's button to the post, in its author's repository, to the letter."""
    board = await page(ann, f"/b/{SHELF_KEY}")
    assert NEW in board.links()
    path = await written(ann, NEW, title="  Tomatoes ", text=LONG.replace("\n", "\r\n"))
    [record] = forum.held(ANN)
    assert (record["title"], record["content"]["markdown"]) == ("Tomatoes", LONG)
    found = await page(ann, path)
    assert found.one("h1").text == "Tomatoes"
    assert found.one("h4" if found.all("h4") else "h3").text == "Fin"


async def test_a_reply(forum: Forum, ann: httpx.AsyncClient, bob: httpx.AsyncClient, topic: str) -> None:
    """At the foot of the topic; it leads to its own place there."""
    path = await written(bob, topic, text="Green ones.")
    assert path.startswith(f"{topic}/p/{BOB}/")
    response = await bob.get(path)
    assert response.headers["location"].startswith(f"{topic}#{BOB}/")
    assert (await bodies(ann, topic))[:2] == ["Red ones?", "Green ones."]


async def test_answering_a_reply(forum: Forum, ann: httpx.AsyncClient, bob: httpx.AsyncClient, topic: str) -> None:
    """With its text as a quote, if that is wanted; what it answers is kept in the record."""
    await written(bob, topic, text="Green *ones*.")
    links = [unquote(link) for link in (await page(ann, topic)).links()]
    plain, quote = [link for link in links if f"{topic}/reply?to={BOB}" in link]
    assert fields(await page(ann, plain))["text"] == ""
    form = await page(ann, quote)
    assert fields(form)["text"].startswith("> did:plc:bob:\n>\n> Green *ones*.\n\n")
    await written(ann, quote, text=fields(form)["text"] + "Why?")
    [reply] = [record for record in forum.held(ANN) if "reply" in record]
    assert reply["reply"]["parent"]["uri"].startswith(f"at://{BOB}/")
    assert "In answer to" in (await page(ann, topic)).all("p", class_="answers")[0].text


async def test_twice_the_same_form(forum: Forum, ann: httpx.AsyncClient) -> None:
    """Whether clicked twice or sent again later: one post, and both lead to it."""
    form = fields(await page(ann, NEW)) | {"title": "Once", "text": "and only once"}
    first, second = await send(ann, NEW, form), await send(ann, NEW, form)
    assert (first.status_code, first.headers["location"]) == (303, second.headers["location"])
    assert len(forum.held(ANN)) == 1
    assert len(forum.held(ANN)) == 1 != await written(ann, NEW, title="Once", text="and only once")
    assert len(forum.held(ANN)) == 2


async def test_the_draft_is_no_longer_needed(ann: httpx.AsyncClient, topic: str) -> None:
    """Told by a cookie with the form's address, which the script sees, and nothing else is in."""
    found = await page(ann, topic)
    response = await send(ann, f"{topic}/reply", fields(found) | {"text": "Done."})
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"{WRITTEN_COOKIE}={topic}/reply;")
    assert "HttpOnly" not in cookie


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"title": "", "text": "x"}, "A topic needs a title."),
        ({"title": "x", "text": " \n "}, "Nothing is written yet."),
        ({"title": "x" * 121, "text": "x"}, "This is 1 character too long."),
        ({"title": "x", "text": "é" * 20_345}, "This is 345 characters too long."),
    ],
)
async def test_what_can_be_mended(forum: Forum, ann: httpx.AsyncClient, typed: dict[str, str], fault: str) -> None:
    """Is told at the field, and by how much; nobody's server is asked."""
    form = fields(await page(ann, NEW)) | typed
    response = await send(ann, NEW, form)
    back = parsed(response.text)
    assert response.status_code == 400
    assert back.one("p", class_="fault").text == fault
    assert fields(back) == form
    assert len([one for one in (*back.all("input"), *back.all("textarea")) if one.attributes.get("aria-invalid")]) == 1
    assert not forum.servers.of(ANN).written


async def test_a_whole_book(ann: httpx.AsyncClient) -> None:
    """As much as the field takes comes back, in whatever script."""
    text = "中" * 80_000
    _, back = await refused(ann, NEW, 400, title="x", text=text)
    assert back["text"] == text


async def test_hostile_fields(forum: Forum, ann: httpx.AsyncClient, topic: str) -> None:
    """Make a bad request at worst; what was typed is text wherever it stands."""
    for name, value in (("key", "x" * 1000), ("key", "a\0b"), ("seen", "nonsense"), ("to", "")):
        found = fields(await page(ann, topic))
        assert (await send(ann, f"{topic}/reply", found | {"text": "Well.", name: value})).status_code == 303
    for value in ("did:plc:bob/../x", "x", f"{BOB}/3kzzzzzzzzzzz", "a\0/b"):
        assert (await ann.get(f"{topic}/reply", params={"to": value})).status_code == 404
        _, back = await refused(ann, topic, 404, text="<script>alert(1)</script></textarea>", to=value)
        assert back["text"] == "<script>alert(1)</script></textarea>"
    _, back = await refused(ann, NEW, 400, title='"><b>', text="a\0b")
    assert back["title"] == '"><b>'


async def test_no_rights(forum: Forum, ann: httpx.AsyncClient, bob: httpx.AsyncClient, topic: str) -> None:
    """The form makes way for a sentence that says why; but who was writing already, keeps their text."""
    form = fields(await page(bob, topic)) | {"text": "Mine"}
    await forum.act("mute", BOB)
    for path in (topic, f"{topic}/reply", NEW):
        found = await page(bob, path)
        assert not found.all("textarea")
        assert any("You are muted" in one.text for one in found.all("p", class_="note"))
    await forum.act("ban", BOB)
    found = await page(bob, NEW)
    assert "You are banned" in found.one("p", class_="note").text
    response = await send(bob, f"{topic}/reply", form)
    assert response.status_code == 403
    assert fields(parsed(response.text))["text"] == "Mine"


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE settings SET default_role = NULL", "has to let you in before you can write"),
        ("INSERT INTO roles (uri, name, permissions, priority, created_at) VALUES ('at://x', 'Member', '{}', 9, now())",
         "Your role in this forum does not let you write here."),
    ],
)  # fmt: skip
async def test_roles(forum: Forum, bob: httpx.AsyncClient, topic: str, statement: str, why: str) -> None:
    """Who has none yet waits for one; one that may only read is said to."""
    async with forum.database.connection() as connection:
        await connection.execute(statement)
    for path in (topic, f"{topic}/reply", NEW):
        found = await page(bob, path)
        assert why in found.all("p", class_="note")[-1].text
        assert not found.all("textarea")


async def test_nobody_can_write(forum: Forum, database: Pool) -> None:
    """Where nobody can sign in, not even with a session that the operator made."""
    async with client_as(database, ANN) as browser:
        browser.headers.update(HTML)
        assert "Nothing can be written here" in (await page(browser, NEW)).one("p", class_="note").text


async def test_the_moderators_reason(forum: Forum, bob: httpx.AsyncClient) -> None:
    await forum.act("ban", BOB, reason="Off <b>topic</b>")
    assert "Off <b>topic</b>" in (await page(bob, NEW)).one("p", class_="note").text


async def test_a_locked_topic(forum: Forum, ann: httpx.AsyncClient, bob: httpx.AsyncClient, topic: str) -> None:
    form = fields(await page(bob, topic)) | {"text": "Too late?"}
    uri = forum.held_uris(ANN)[0]
    await forum.act("lock", uri)
    for path in (topic, f"{topic}/reply"):
        assert not (await page(bob, path)).all("textarea")
    response = await send(bob, f"{topic}/reply", form)
    assert response.status_code == 403
    back = parsed(response.text)
    assert "The topic is locked." in back.one("p", role="alert").text
    assert fields(back)["text"] == "Too late?"
    assert f"{topic}/edit" not in (await page(ann, topic)).links()


async def test_a_topic_its_author_deleted(
    forum: Forum, ann: httpx.AsyncClient, bob: httpx.AsyncClient, topic: str
) -> None:
    """Is not answered any more, nor is what was answered there; what one wrote in it can still be edited."""
    reply = await written(bob, topic, text="Green ones.")
    answer = f"{topic}/reply?to={reply.partition('/p/')[2]}"
    forms = [fields(await page(bob, path)) | {"text": "Too late?"} for path in (topic, answer)]
    word = {"csrf": (await page(ann, f"{topic}/delete")).all("input", name="csrf")[0].attributes["value"]}
    assert (await ann.post(f"{topic}/delete", data=word)).status_code == 303
    for path in (topic, f"{topic}/reply", answer):
        found = await page(bob, path)
        assert not found.all("textarea")
        assert "This topic was deleted" in found.one("p", class_="note").text
    assert [link for link in (await page(bob, topic)).links() if "/reply" in link] == []
    for form in forms:
        response = await send(bob, f"{topic}/reply", form)
        back = parsed(response.text)
        assert response.status_code == 404
        assert "This topic was deleted" in back.one("p", role="alert").text
        assert fields(back)["text"] == "Too late?"
    async with forum.client() as nobody:
        found = await page(nobody, topic)
        assert "This topic was deleted" in found.one("p", class_="note").text
    assert f"{reply}/edit" in (await page(bob, topic)).links()
    assert await written(bob, f"{reply}/edit", text="Yellow ones.") == reply
    async with forum.database.connection() as connection:
        await connection.execute("UPDATE settings SET default_role = NULL")
    assert "has to let you in" in (await page(bob, answer)).one("p", class_="note").text
    assert f"{reply}/edit" not in (await page(bob, topic)).links()


async def test_nobody(forum: Forum, topic: str) -> None:
    """Is asked to sign in, and led back."""
    async with forum.client() as browser:
        browser.headers.update(HTML)
        for path in (NEW, f"{topic}/reply", f"{topic}/edit", f"{topic}/delete"):
            found = await page(browser, path)
            assert not found.all("textarea")
            assert f"/sign-in?next={path}" in [unquote(link) for link in found.links()]
        response = await send(browser, f"{topic}/reply", {"text": "Mine", "key": "k"})
        assert response.status_code == 401
        assert fields(parsed(response.text))["text"] == "Mine"


async def test_a_sign_in_that_ended(forum: Forum, ann: httpx.AsyncClient, topic: str, database: Pool) -> None:
    """Meanwhile: the text is kept; after signing in elsewhere, the same form goes through at the second try."""
    form = fields(await page(ann, topic)) | {"text": "Still here"}
    async with database.transaction() as tx:
        await sessions.end(tx, ann.cookies[COOKIE])
    response = await send(ann, f"{topic}/reply", form)
    assert response.status_code == 401
    back = parsed(response.text)
    assert f"/sign-in?next={topic}/reply" in [unquote(link) for link in back.links()]
    form = fields(back)
    assert form["text"] == "Still here"
    async with forum.member(ANN) as anew:
        anew.headers.update(HTML)
        response = await send(anew, f"{topic}/reply", form)
        back = parsed(response.text)
        assert (response.status_code, back.one("p", role="alert").text.strip()) == (403, STALE)
        assert (await send(anew, f"{topic}/reply", fields(back))).status_code == 303
    assert (await bodies(ann, topic))[-1] == "Still here"


@pytest.mark.parametrize(
    ("answer", "status", "sentence"),
    [
        (httpx.Response(502), 503, "Your account's server does not answer right now; please try again."),
        (httpx.Response(429, headers={"Retry-After": "7"}), 429, "Your account's server takes no more for now"),
        (httpx.Response(400, json={"error": "InvalidRequest"}), 502, "Your account's server refuses to write this."),
    ],
)
async def test_the_server_says_no(
    forum: Forum, ann: httpx.AsyncClient, topic: str, answer: httpx.Response, status: int, sentence: str
) -> None:
    """Or nothing. The same form, sent later, makes the one post."""
    forum.servers.of(ANN).answers["putRecord"] = answer
    said, back = await refused(ann, topic, status, text="Patience")
    assert said.startswith(sentence)
    assert back["text"] == "Patience"
    del forum.servers.of(ANN).answers["putRecord"]
    assert (await send(ann, f"{topic}/reply", back)).status_code == 303
    assert len(forum.held(ANN)) == 2


async def test_an_answer_that_is_lost(forum: Forum, ann: httpx.AsyncClient, topic: str) -> None:
    """Sent again as it was, it is the same post; sent in other words, one is told that the first may be there."""
    forum.servers.answers_are_lost = True
    _, back = await refused(ann, topic, 503, text="Hello?")
    forum.servers.answers_are_lost = False
    response = await send(ann, f"{topic}/reply", back | {"text": "Hello!"})
    assert response.status_code == 409
    again = parsed(response.text)
    assert "An earlier try to send this" in again.one("p", role="alert").text
    assert (await send(ann, f"{topic}/reply", back)).status_code == 303
    assert len(forum.held(ANN)) == 2
    assert (await send(ann, f"{topic}/reply", fields(again))).status_code == 303
    assert len(forum.held(ANN)) == 3


async def test_an_edit(forum: Forum, ann: httpx.AsyncClient, topic: str) -> None:
    """Of a topic, with its title, and of a reply; each begins with what was typed."""
    reply = await written(ann, topic, text="2*3*4")
    links = (await page(ann, topic)).links()
    assert {f"{topic}/edit", f"{reply}/edit"} <= set(links)
    form = fields(await page(ann, f"{topic}/edit"))
    assert (form["title"], form["text"]) == ("Tomatoes", "Red ones?")
    assert await written(ann, f"{topic}/edit", title="Tomatoes!", text="Red *ones*?") == topic
    assert "title" not in fields(await page(ann, f"{reply}/edit"))
    assert await written(ann, f"{reply}/edit", text="24") == reply
    found = await page(ann, topic)
    assert found.one("h1").text == "Tomatoes!"
    assert "ones" in [one.text for one in found.all("em")]
    assert (await bodies(ann, topic))[1] == "24"


async def test_an_edit_meanwhile(forum: Forum, ann: httpx.AsyncClient, topic: str) -> None:
    """By another program: both are shown, what was typed stays, and the second try goes over what was shown."""
    server = forum.servers.of(ANN)
    [(place, record)] = [item for item in server.records.items() if item[0][0] == POST]
    server.records[place] = record | {"text": "Yellow ones?", "title": "Peppers"}
    form = fields(await page(ann, f"{topic}/edit")) | {"text": "Blue ones?"}
    response = await send(ann, f"{topic}/edit", form)
    back = parsed(response.text)
    assert response.status_code == 409
    assert back.one("pre").text == "Yellow ones?"
    assert "Peppers" in back.one("section", class_="current").text
    assert fields(back)["text"] == "Blue ones?"
    assert (await send(ann, f"{topic}/edit", fields(back))).status_code == 303
    assert server.records[place]["text"] == "Blue ones?"


async def test_others_posts(ann: httpx.AsyncClient, bob: httpx.AsyncClient, topic: str) -> None:
    """Are neither edited nor deleted."""
    links = (await page(bob, topic)).links()
    for act in ("edit", "delete"):
        assert f"{topic}/{act}" not in links
        await page(bob, f"{topic}/{act}", 403)
    form = fields(await page(ann, f"{topic}/edit"))
    word = fields(await page(bob, topic))["csrf"]
    assert (await send(bob, f"{topic}/edit", form | {"csrf": word, "text": "Mine now"})).status_code == 403
    assert (await bob.post(f"{topic}/delete", data={"csrf": word})).status_code == 403
    assert (await bodies(ann, topic))[0] == "Red ones?"


async def test_deleting(forum: Forum, ann: httpx.AsyncClient, topic: str) -> None:
    """Is asked for once more; then a reply leaves a note, a topic without replies nothing."""
    reply = await written(ann, topic, text="Forget it")
    for path, leads_to in ((reply, reply), (topic, f"/b/{SHELF_KEY}")):
        found = await page(ann, f"{path}/delete")
        assert len(forum.held(ANN)) == (2 if path == reply else 1)
        word = found.all("input", name="csrf")[0].attributes["value"]
        response = await ann.post(f"{path}/delete", data={"csrf": word})
        assert (response.status_code, response.headers["location"]) == (303, leads_to)
    assert not forum.held(ANN)
    await page(ann, topic, 404)


async def test_deleting_fails(forum: Forum, ann: httpx.AsyncClient, topic: str) -> None:
    """The question stands again, with what hindered it."""
    forum.servers.of(ANN).answers["deleteRecord"] = httpx.Response(502)
    found = await page(ann, f"{topic}/delete")
    word = found.all("input", name="csrf")[0].attributes["value"]
    response = await ann.post(f"{topic}/delete", data={"csrf": word})
    assert response.status_code == 503
    assert "does not answer" in parsed(response.text).one("p", role="alert").text


async def test_a_preview(forum: Forum, ann: httpx.AsyncClient, topic: str) -> None:
    """By a button of the form: it comes back as it was, with what will be seen below it; nothing is written."""
    form = fields(await page(ann, topic)) | {"text": "*Soon* <b>"}
    response = await send(ann, f"{topic}/reply", form | {"preview": "yes"})
    back = parsed(response.text)
    assert response.status_code == 200
    assert back.one("section", class_="preview").text.split() == ["Preview", "Soon", "<b>"]
    assert fields(back) == form
    assert len(forum.held(ANN)) == 1


async def test_a_preview_for_scripts(forum: Forum, ann: httpx.AsyncClient, topic: str) -> None:
    """The same HTML as the page will have; for members only, not too long, not too often."""
    word = {"csrf": fields(await page(ann, topic))["csrf"]}
    response = await ann.post("/preview", data=word | {"text": "[x](javascript:alert(1)) ||hm||"})
    assert response.status_code == 200
    assert "javascript" not in response.text.replace("[x](javascript:alert(1))", "")
    assert 'class="spoiler"' in response.text
    assert (await ann.post("/preview", data=word | {"text": " "})).text == ""
    assert (await ann.post("/preview", data=word | {"text": "x" * 30_000})).status_code == 400
    assert (await ann.post("/preview", data={"text": "x"})).status_code == 403
    async with forum.client() as nobody:
        assert (await nobody.post("/preview", data={"text": "x"})).status_code == 401
    statuses = [(await ann.post("/preview", data=word)).status_code for _ in range(PREVIEWS_A_MINUTE)]
    assert statuses[-1] == 429


async def test_who_can_be_mentioned(forum: Forum, ann: httpx.AsyncClient, topic: str, database: Pool) -> None:
    """The others who wrote in the topic, by their confirmed names."""
    async with forum.member(BOB) as bob:
        bob.headers.update(HTML)
        await written(bob, topic, text="Me too")
    async with database.connection() as connection:
        await connection.execute("UPDATE accounts SET handle = 'bob.test' WHERE did = $1", BOB)
    response = await ann.get(f"{topic}/people")
    assert response.json() == {"people": ["bob.test"]}
    async with forum.member(BOB) as bob:
        assert (await bob.get(f"{topic}/people")).json() == {"people": []}
    assert (await ann.get("/t/ann.test/none/people")).status_code == 404


async def test_without_a_database(forum: Forum, ann: httpx.AsyncClient, topic: str) -> None:
    """The text is there, when the forum cannot even say where it was to go."""
    form: dict[str, Any] = fields(await page(ann, topic)) | {"text": "Precious"}
    async with forum.client(AwayDatabase()) as browser:
        browser.headers.update(HTML)
        browser.cookies.set(COOKIE, ann.cookies[COOKIE])
        response = await send(browser, f"{topic}/reply", form)
    assert response.status_code == 503
    assert fields(parsed(response.text)) == form
