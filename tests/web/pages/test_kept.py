"""Pages that are kept are those that would be made now, after whatever happens, and are nobody's."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from actors.health import Board
from daemon.pool import Pool
from forum import accounts, changes
from forum.accounts import Identity
from forum.changes import Changes
from forum.protocol.events import RecordOp
from forum.reads.accounts import Author
from forum.records.names import BOARD, CATEGORY, THEME, THEME_POLICY
from tests.support.forum import (
    ANN,
    BOB,
    CAT,
    HERE,
    STAMP,
    F,
    Index,
    act,
    board,
    gone,
    grant,
    membership,
    policy,
    put,
    reply,
    role,
    theme,
    tid,
    topic,
    uri,
)
from tests.web.forum_rows import SITE, client_of
from tests.web.pages.conftest import HTML
from tests.web.signing_in import session_of
from web.app import make_app
from web.looks import Looks
from web.page_cache import PageCache
from web.pages import links
from web.pages.choices import LOOK_COOKIE
from web.signed_in import COOKIE

TOPIC, OTHER, SECOND = uri(ANN, 1), uri(BOB, 4), uri(F, 50, BOARD)
HANDLES = {ANN: "ann.test", BOB: "bob.test", CAT: None}

BEGINNING = (
    put(F, "self", 1, {"name": "Cats", "createdAt": STAMP}),
    put(F, 0, 1, {"name": "Animals", "createdAt": STAMP}, collection=CATEGORY),
    put(F, 0, 1, board("Cats")),
    put(F, 50, 1, board("Dogs")),
    put(ANN, 1, 1, topic("first")),
    put(BOB, 2, 1, reply(TOPIC, "second")),
    put(CAT, 3, 1, reply(uri(ANN, 1), "third")),
    put(BOB, 4, 1, topic("another")),
)
# In this order, each after those before it.
WHAT_HAPPENS: dict[str, tuple[RecordOp, ...]] = {
    "a reply": (put(CAT, 5, 5, reply(TOPIC, "fourth")),),
    "a reply elsewhere": (put(CAT, 6, 6, reply(OTHER, "aside")),),
    "a topic": (put(CAT, 7, 7, topic("new")),),
    "an edited reply": (put(BOB, 2, 8, reply(TOPIC, "second, edited")),),
    "an edited topic": (put(ANN, 1, 9, topic("first, edited")),),
    "a pin": (put(F, 10, 10, act("pin", TOPIC)),),
    "a lock": (put(F, 11, 11, act("lock", TOPIC)),),
    "a hidden reply": (put(F, 12, 12, act("delete", uri(BOB, 2))),),
    "a ban": (put(F, 13, 13, act("ban", CAT)),),
    "its end": (put(F, 14, 14, act("unban", CAT)),),
    "a role": (put(F, 15, 15, role("Friend", "createTopics", "createPosts")),),
    "a grant": (put(F, 16, 16, grant(BOB, 15)),),
    "a role renamed": (put(F, 15, 17, role("Mate", "createTopics", "createPosts")),),
    "a mute": (put(F, 18, 18, role("Mute")), put(F, 19, 18, grant(CAT, 18))),
    "a member": (put(ANN, 20, 20, membership()),),
    "a member gone": (gone(ANN, 20, 21, collection="space.atbb.membership"),),
    "a board renamed": (put(F, 0, 22, board("Felines")),),
    "a category renamed": (put(F, 0, 23, {"name": "Beasts", "createdAt": STAMP}, collection=CATEGORY),),
    "a new board": (put(F, 51, 24, board("Birds")),),
    "the forum renamed": (put(F, "self", 25, {"name": "Felines", "createdAt": STAMP}),),
    "a topic moved": (put(BOB, 4, 26, topic("another", board=SECOND)),),
    "a reply deleted": (gone(CAT, 5, 27),),
    "a topic deleted": (gone(CAT, 7, 28),),
    "a topic with replies deleted": (gone(BOB, 4, 29),),
    "a board gone": (gone(F, 51, 30, collection=BOARD),),
    "a theme": (put(F, 60, 31, theme("Dawn", "light"), collection=THEME),),
    "a dark theme": (put(F, 61, 32, theme("Dusk", "dark"), collection=THEME),),
    "a policy": (put(F, "self", 33, policy(60, 61), collection=THEME_POLICY),),
    "a theme changed": (put(F, 60, 34, theme("Dawn", "light", ink="#123"), collection=THEME),),
    "a choice less": (put(F, "self", 35, policy(60, 61, allows_choice=False), collection=THEME_POLICY),),
    "a default gone": (gone(F, 61, 36, collection=THEME),),
    "no policy": (RecordOp(did=F, collection=THEME_POLICY, rkey="self", rev=tid(37)),),
}


def path_of(did: str, number: int) -> str:
    return links.topic_path(Author(did=did, handle=HANDLES[did]), uri(did, number))


PAGES = (
    "/", "/about", "/@ann.test", "/@bob.test", f"/@{CAT}",
    links.board_path(HERE, None), f"{links.board_path(HERE, None)}?sort=created", links.board_path(SECOND, None),
    path_of(ANN, 1), path_of(BOB, 4), path_of(CAT, 7),
    "/feed.atom", f"{links.board_path(HERE, None)}/feed.atom", f"{path_of(ANN, 1)}/feed.atom",
)  # fmt: skip


LOOKS = ("", f"dark..{tid(61)}", "system.plum-light.plum-dark")


@dataclass
class Twins:
    """The same forum with and without a cache, and all that is done to it."""

    index: Index
    cache: PageCache
    looks: Looks
    kept: httpx.AsyncClient
    made: httpx.AsyncClient

    async def apply(self, *ops: RecordOp) -> None:
        self.told((await self.index.apply(*ops)).changes)

    def told(self, what: Changes) -> None:
        """By the way all processes are told."""
        heard = changes.load(changes.dump(what))
        self.looks.drop(heard)
        self.cache.drop(heard)

    async def rename(self, did: str, handle: str | None) -> None:
        identity = Identity(did=did, handle=handle, pds="https://pds.test", signing_key=None, status="active")
        async with self.index.writing() as tx:
            what = await accounts.store(tx, identity, asked_at=datetime.now(UTC), again_in_seconds=1e6)
        self.told(what)

    async def compare(self) -> None:
        for path in PAGES:
            for cookie in LOOKS:
                headers = {"Cookie": f"{LOOK_COOKIE}={cookie}"}
                kept, made = await self.kept.get(path, headers=headers), await self.made.get(path, headers=headers)
                assert (kept.status_code, lasting(kept.text)) == (made.status_code, lasting(made.text)), path


def lasting(page: str) -> str:
    """But for the time at which an empty feed was made."""
    return re.sub(r"<updated>[^<]*\.\d{6}[^<]*</updated></feed>", "", page)


@pytest.fixture
async def twins(database: Pool) -> AsyncIterator[Twins]:
    cache, looks = PageCache(), Looks(database, F)
    with_cache, without = make_app(database, Board(), SITE, cache=cache, looks=looks), make_app(database, Board(), SITE)
    async with client_of(with_cache) as kept, client_of(without) as made:
        for client in (kept, made):
            client.headers.update(HTML)
        twins = Twins(Index(database), cache, looks, kept, made)
        await twins.apply(*BEGINNING)
        for did, handle in HANDLES.items():
            await twins.rename(did, handle)
        yield twins


@pytest.mark.slow
async def test_whatever_happens(twins: Twins) -> None:
    """What is kept is what would be made now."""
    await twins.compare()
    for ops in WHAT_HAPPENS.values():
        await twins.apply(*ops)
        await twins.compare()
    for did, handle in ((BOB, None), (BOB, "rob.test"), (ANN, "bob.test"), (CAT, "cat.test")):
        await twins.rename(did, handle)
        await twins.compare()


async def test_only_what_changed(twins: Twins) -> None:
    """A reply leaves the pages of other topics and boards where they are."""
    await twins.compare()
    before = len(twins.cache.kept)
    await twins.apply(*WHAT_HAPPENS["a reply"])
    assert 0 < before - len(twins.cache.kept) < before
    for path in (path_of(BOB, 4), links.board_path(SECOND, None)):
        size = twins.cache.kept.size
        await twins.kept.get(path)
        assert twins.cache.kept.size == size


async def test_nothing_personal(twins: Twins, database: Pool) -> None:
    """Somebody signed in reads every page, before and after; what others are given has nothing of it."""
    token = await session_of(database, BOB)
    expected = {path: (await twins.made.get(path)).text for path in PAGES}
    for _ in range(2):
        own = {}
        for path in PAGES:
            own[path] = await twins.kept.get(path, headers={"Cookie": f"{COOKIE}={token}"})
            assert (await twins.kept.get(path)).text == expected[path]
        assert own["/"].text != expected["/"]
        assert "etag" not in own["/"].headers
        assert "private" in own["/"].headers["cache-control"]


async def test_no_cookie_is_given(twins: Twins) -> None:
    """With a page that many get."""
    for path in PAGES:
        assert "set-cookie" not in (await twins.kept.get(path)).headers
