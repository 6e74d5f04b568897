"""The page on which one watches the actors: what is wrong and what to do, then every process and every actor.

It moves by an event stream, once a second, and still does while the database is away; whoever may see it is asked when
it is opened, and again every few minutes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import trio
from quart import Quart, Response

from actors.agent import ForumAccount
from actors.trends import STEPS
from forum.database import Database
from forum.permissions import MANAGE_FORUM
from web.admin import stops_within
from web.condition import Own, ask
from web.events import event, streamed
from web.pages.admin.panel import admitted, panel
from web.pages.environment import environment
from web.pages.showing import asked_words
from web.site import Site
from web.troubles import troubles_of

Sight = dict[str, Any]  # Any: what templates are given
Look = Callable[[], Awaitable[Sight]]

PATH: Final = "/admin/actors"
LOOK_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 1.0  # of the database, or it counts as away
STREAM_SECONDS: Final = 300.0  # then the browser comes again, and is asked who it is
CHART_HEIGHT: Final = 20


def add_actors(app: Quart, database: Database, site: Site, account: ForumAccount, own: Own, stop: trio.Event) -> None:
    """Hang the handlers into the app, each with what it needs."""
    look = partial(look_around, database, account, own)
    app.add_url_rule(PATH, endpoint=PATH, view_func=partial(show_actors, database, site, look))
    live = f"{PATH}/live"
    app.add_url_rule(live, endpoint=live, view_func=partial(tell_actors, database, site, look, stop))


async def look_around(database: Database, account: ForumAccount, own: Own) -> Sight:
    """What the page shows."""
    condition = await ask(database, own(), seconds=ANSWER_SECONDS)
    return {"condition": condition, "troubles": troubles_of(condition, account.state), "chart": chart}


async def show_actors(database: Database, site: Site, look: Look) -> Response:
    async with database.connection() as connection:
        desk = await admitted(connection, site, MANAGE_FORUM)
    return panel(site, "actors.html", desk, refusal=None, **await look())


async def tell_actors(database: Database, site: Site, look: Look, stop: trio.Event) -> Response:
    """Server-sent events: `now` with what the page shows."""
    async with database.connection() as connection:
        await admitted(connection, site, MANAGE_FORUM)
    template = environment().get_template("admin/vitals.html")
    return streamed(sights(look, partial(template.render, words=asked_words()), stop))


async def sights(look: Look, show: Callable[..., str], stop: trio.Event) -> AsyncIterator[bytes]:
    """One a second, until we stop, or it is time to come again."""
    until = trio.current_time() + STREAM_SECONDS
    while trio.current_time() < until and not await stops_within(stop, LOOK_SECONDS):
        yield event("now", show(**await look()))


def chart(steps: Sequence[int]) -> str:
    """The points of a line through what was handled in each step, as SVG has them; the newest is at the right."""
    most = max(*steps, 1)
    first = STEPS - len(steps)
    return " ".join(
        f"{first + place},{CHART_HEIGHT - CHART_HEIGHT * handled / most:.1f}" for place, handled in enumerate(steps)
    )
