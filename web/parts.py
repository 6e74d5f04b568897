"""All that handlers are made with. What hangs them into the app gives each what it needs of it."""

from dataclasses import dataclass

import trio

from actors.agent import ForumAccount
from forum.database import Database
from web.condition import Own
from web.door import Closed, Door
from web.looks import Looks
from web.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`own` says how this process is; what streams without end ends with `stop`."""

    database: Database
    site: Site
    account: ForumAccount
    door: Door | Closed
    own: Own
    looks: Looks
    stop: trio.Event
