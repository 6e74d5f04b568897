"""The page on which one watches the actors, and the stream that keeps it so."""

from contextlib import aclosing
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from actors.agent import ForumAccount, account_of
from actors.health import Board
from actors.trends import STEPS, Trends
from actors.vitals import Vitals, take
from daemon.pool import Pool
from tests.standins.account_server import AccountServer
from tests.web.forum_rows import SITE, AwayDatabase, client_of
from tests.web.pages.parsed import parsed
from tests.web.signing_in import session_of
from tests.web.staff import OWNER, staffed
from web.app import make_app
from web.pages.admin.actors import CHART_HEIGHT, STREAM_SECONDS, chart, look_around, sights
from web.pages.environment import environment
from web.pages.words import languages
from web.signed_in import COOKIE


def busy_board() -> tuple[Board, Trends]:
    board, trends = Board("vm:3000"), Trends()
    board.pulse("leader").become("running", "epoch 1")
    firehose = board.pulse("firehose")
    firehose.become("running", "connected")
    firehose.lag_seconds = 0.25
    identity = board.pulse("identity")
    identity.fail("KeyError: <b>bold</b>")
    identity.become("backing_off", "again in 2 s")
    identity.restarts = 3
    for second in range(100):
        firehose.handled += second
        trends.sample(board)
    return board, trends


async def test_the_page(database: Pool, account: ForumAccount, server: AccountServer) -> None:
    """Each actor with what it does and how busy it is; what is wrong, first, and as text."""
    await staffed(database, account, server)
    board, trends = busy_board()
    app = make_app(database, board, SITE, account=account, trends=trends)
    async with client_of(app) as browser:
        browser.cookies.set(COOKIE, await session_of(database, OWNER))
        response = await browser.get("/admin/actors")
        told = (await browser.get("/api/admin/actors")).json()
    assert response.status_code == 200
    assert "identity has crashed, and is about to be begun anew." in response.text
    assert "KeyError: &lt;b&gt;bold&lt;/b&gt;" in response.text
    assert "restarted 3 times" in response.text
    assert "250 ms" in response.text
    [line] = parsed(response.text).all("polyline")
    assert line.attributes["points"] == chart(trends["firehose"].steps)
    [process] = told["processes"]
    assert (process["name"], process["leads"]) == ("vm:3000", True)
    assert {one["name"]: one["lastError"] for one in process["actors"]}["identity"] == "KeyError: <b>bold</b>"


async def test_the_stream(autojump_clock: MockClock) -> None:
    """Every second, also while the database is away; not for ever, so that who may see it is asked again."""
    board, trends = busy_board()

    def own() -> Vitals:
        return take(board, trends, None)

    look = partial(look_around, AwayDatabase(), account_of(None), own)
    show = partial(environment().get_template("admin/vitals.html").render, words=languages()["en"])
    began = trio.current_time()
    async with aclosing(sights(look, show, trio.Event())) as told:
        first = (await anext(told)).decode()
        assert first.startswith("event: now\ndata: ")
        assert "The database does not answer." in first
        board.pulse("identity").become("running")
        assert "identity has crashed" not in (await anext(told)).decode()
        assert len([sight async for sight in told]) == pytest.approx(STREAM_SECONDS - 2, abs=2)
    assert trio.current_time() - began == pytest.approx(STREAM_SECONDS, abs=2)


async def test_the_end(autojump_clock: MockClock) -> None:
    """When we stop."""
    board, trends = busy_board()
    stop = trio.Event()
    look = partial(look_around, AwayDatabase(), account_of(None), lambda: take(board, trends, None))
    async with aclosing(sights(look, lambda **_: "x", stop)) as told:
        await anext(told)
        stop.set()
        assert [sight async for sight in told] == []


def test_a_chart() -> None:
    """From left to right as time goes, the newest at the right, the most at the top."""
    points = [tuple(map(float, point.split(","))) for point in chart([0, 5, 10]).split()]
    assert points == [(STEPS - 3, CHART_HEIGHT), (STEPS - 2, CHART_HEIGHT / 2), (STEPS - 1, 0)]
    assert chart([0]) == f"{STEPS - 1},{CHART_HEIGHT:.1f}"
