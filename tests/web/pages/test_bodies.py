"""Posts are made into HTML one after the other, and nobody's work is lost, where keeping it has time enough."""

import trio
from trio.testing import MockClock

from daemon.pool import Pool
from forum.reads.bodies import Body
from tests.support.forum import ANN, Index, put, topic, uri
from tests.web.forum_rows import SITE
from web.pages.bodies import html_of

POSTS = 40
KEPT = "SELECT count(*) FROM renderings"


async def bodies_of(index: Index) -> list[Body]:
    """Of posts that no page has shown yet."""
    await index.apply(*(put(ANN, number, number, topic(str(number))) for number in range(POSTS)))
    cids = dict(await index.rows("SELECT uri, cid FROM posts"))
    return [
        Body(uri=uri(ANN, number), cid=cids[uri(ANN, number)], text="", markdown=f"*{number}*", html=None)
        for number in range(POSTS)
    ]


async def test_all_are_kept(mock_clock: MockClock, database: Pool) -> None:
    """What has been kept is not made again."""
    index = Index(database)
    bodies = await bodies_of(index)
    html = await html_of(database, SITE, bodies)
    assert html[uri(ANN, 7)] == "<p><em>7</em></p>\n"
    assert await index.one(KEPT) == POSTS


async def test_a_reader_who_gives_up(mock_clock: MockClock, database: Pool) -> None:
    """Others are served between two posts; what was made until then is kept, and the next reader goes on from there."""
    index = Index(database)
    bodies = await bodies_of(index)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(html_of, database, SITE, bodies)
        for _ in range(POSTS // 2):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert 0 < await index.one(KEPT) < POSTS
