"""Who looks at a page, and forms that were not made for them."""

import httpx
import pytest
from quart import Quart, Response
from quart_trio import QuartTrio

from daemon.pool import Pool
from forum import sessions
from forum.permissions import MODERATE_POSTS
from forum.reads.viewers import Viewer
from tests.web.forum_rows import FORUM_DID, SITE, CountingDatabase, Rows, client_of
from tests.web.pages.conftest import ANN
from tests.web.pages.parsed import Parsed, parsed
from tests.web.signing_in import session_of
from web.origin import add_origin_check
from web.pages.who import FIELD, STALE, add_form_check, asked_viewer, csrf_field, word_for
from web.signed_in import COOKIE


def browser_with(token: str | None, app: Quart) -> httpx.AsyncClient:
    client = client_of(app)
    if token is not None:
        client.cookies.set(COOKIE, token)
    return client


async def seen_as(database: Pool, token: str) -> Viewer | None:
    """Whom a page would be shown to."""
    page = QuartTrio(__name__).test_request_context("/", headers={"Cookie": f"{COOKIE}={token}"})
    async with page, database.connection() as connection:
        return await asked_viewer(connection, SITE)


async def test_somebody(database: Pool) -> None:
    """Without a session's cookie, or with one that means nothing; in the first case the database is not even asked."""
    counting = CountingDatabase(database)
    async with QuartTrio(__name__).test_request_context("/"), counting.connection() as connection:
        assert await asked_viewer(connection, SITE) is None
    assert counting.statements == 0
    assert await seen_as(database, "nonsense") is None
    assert await seen_as(database, "x" * 10_000) is None


async def test_members(database: Pool, rows: Rows) -> None:
    """Are known by name, and by what they may do."""
    await rows.account(ANN, "ann.test")
    ann = await seen_as(database, await session_of(database, ANN))
    forum = await seen_as(database, await session_of(database, FORUM_DID))
    assert ann is not None
    assert forum is not None
    assert (ann.did, ann.author.handle) == (ANN, "ann.test")
    assert not ann.may(MODERATE_POSTS)
    assert forum.may(MODERATE_POSTS)


async def test_a_session_that_ended(database: Pool) -> None:
    token = await session_of(database, ANN)
    async with database.transaction() as tx:
        await sessions.end(tx, token)
    assert await seen_as(database, token) is None


async def test_header(browser: httpx.AsyncClient, database: Pool, forum: Rows) -> None:
    """Tells who is signed in; a page for one is not kept for others."""
    anonymous = await browser.get("/")
    assert "ann.test" not in anonymous.text
    assert anonymous.headers["cache-control"] == "no-cache"
    browser.cookies.set(COOKIE, await session_of(database, ANN))
    for path, status in (("/", 200), ("/about", 200), ("/nowhere", 404)):
        response = await browser.get(path)
        assert response.status_code == status
        assert "/@ann.test" in parsed(response.text).links()
        assert response.headers["cache-control"].startswith(("private", "no-store"))


@pytest.fixture
def forms() -> Quart:
    """An app with a form, and an answer for machines."""
    app = QuartTrio(__name__)
    add_origin_check(app, SITE)
    add_form_check(app)

    async def show() -> str:
        return f"<form method=post>{csrf_field()}</form>"

    async def take() -> Response:
        return Response(b"taken")

    app.add_url_rule("/form", endpoint="show", view_func=show)
    app.add_url_rule("/form", endpoint="take", view_func=take, methods=["POST"])
    app.add_url_rule("/api/form", endpoint="api", view_func=take, methods=["POST"])
    return app


def hidden(page: Parsed) -> dict[str, str]:
    return {one.attributes["name"]: one.attributes["value"] for one in page.all("input", type="hidden")}


async def test_own_forms(forms: Quart) -> None:
    """Are taken, by those who have a session and those who have none."""
    for token in (None, "a-token"):
        async with browser_with(token, forms) as browser:
            page = parsed((await browser.get("/form")).text)
            assert (FIELD in hidden(page)) is (token is not None)
            assert (await browser.post("/form", data=hidden(page))).text == "taken"


@pytest.mark.parametrize(
    "sent", [{}, {FIELD: ""}, {FIELD: "a-token"}, {FIELD: word_for("another")}, {FIELD: "ü\ud800"}]
)
async def test_forms_of_others(forms: Quart, sent: dict[str, str]) -> None:
    """A form without the word of this very session is refused, in whatever shape it comes; machines send none."""
    encoded = {name: value.encode(errors="replace").decode() for name, value in sent.items()}
    async with browser_with("a-token", forms) as browser:
        for response in (
            await browser.post("/form", data=encoded),
            await browser.post("/form", json=encoded),
            await browser.post("/form", files={name: (None, value) for name, value in encoded.items()}),
            await browser.post(
                "/form", content=f"{FIELD}={word_for('a-token')}", headers={"Content-Type": "text/plain"}
            ),
        ):
            assert response.status_code == 403
            assert STALE in response.text
        assert (await browser.post("/api/form", json={})).text == "taken"


def test_word() -> None:
    """Tells nothing of the cookie, and is another one for another."""
    assert word_for("a-token") != word_for("a-tokem")
    assert "token" not in word_for("a-token")
    assert len(word_for("")) == 64
