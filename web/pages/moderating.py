"""Moderation in its place: what may be done from a topic or a profile, and the page on which a moderator says why.

Each act is a link to its page; a script shows that in a dialog. What is done goes through `web/acting.py`, as by the
API. Who may not, sees none of it; whom a decision concerns, reads its reason.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from quart import Quart, Response, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound, Unauthorized
from werkzeug.wrappers import Response as Redirection

from actors.agent import ForumAccount
from forum.database import Connection, Database
from forum.moderation import Post, is_member_or_author
from forum.permissions import BAN_USERS, MODERATE_POSTS
from forum.reads.accounts import Author, handle_of
from forum.reads.decisions import Concerned, Decision, Decisions, concerned, decisions, weaker
from forum.reads.latest import names
from forum.reads.threads import Insight
from forum.reads.threads import Post as Shown
from forum.reads.viewers import Viewer
from forum.records.names import POST
from forum.records.syntax import is_did, is_record_key, parse_at_uri
from web.acting import KINDS, Asked, Kind, act, fitting
from web.next_path import HOME, local_path
from web.pages import links
from web.pages.refusals import FORESEEN, Refusal, refusal_of
from web.pages.showing import show
from web.pages.who import asked_viewer, keep_form
from web.site import Site

ENDS: Final = {
    "never": None,
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "three_days": timedelta(days=3),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
CAN_END: Final = frozenset({"ban", "mute", "lock"})
LONGEST_REASON: Final = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An act or its end, by the word in its address."""

    kind: Kind
    is_on: bool

    @property
    def word(self) -> str:
        return self.kind.word if self.is_on else f"un{self.kind.word}"


ORDERS: Final = {
    order.word: order for kind in KINDS for is_on in (True, False) if (order := Order(kind=kind, is_on=is_on))
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What may be done next: a word, and the page for it."""

    word: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What one reader of a page sees of decisions, and may decide."""

    viewer: Viewer
    held: Decisions
    weaker: frozenset[str]

    def why(self, subject: str, pair: str) -> Decision | None:
        return self.held.get((subject, pair))

    @property
    def may_act(self) -> bool:
        return self.viewer.may(*(kind.permission for kind in KINDS))

    def is_own(self, did: str) -> bool:
        return did == self.viewer.did

    def on_topic(self, uri: str) -> list[Deed]:
        return list(self._deeds(uri, ("lock", "pin")))

    def on_post(self, uri: str, did: str) -> list[Deed]:
        if did not in self.weaker:
            return []
        return [*self._deeds(uri, ("hide",)), *self._deeds(did, ("ban",))]

    def on_member(self, did: str) -> list[Deed]:
        return list(self._deeds(did, ("ban", "mute"))) if did in self.weaker else []

    def _deeds(self, subject: str, words: tuple[str, ...]) -> Iterator[Deed]:
        for kind in KINDS:
            if kind.word in words and self.viewer.may(kind.permission):
                word = kind.word if (subject, kind.pair) not in self.held else f"un{kind.word}"
                yield Deed(word=word, path=act_path(word, subject))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What an act's page is about."""

    viewer: Viewer
    forum: str | None
    author: Author
    post: Concerned | None
    held: Decision | None
    may_act: bool

    @property
    def subject(self) -> str | Post:
        post = self.post
        if post is None:
            return self.author.did
        return Post(uri=post.uri, cid=post.cid, did=post.author.did, is_topic=post.is_topic)


def add_moderating(app: Quart, database: Database, site: Site, account: ForumAccount) -> None:
    """Hang the handlers into the app, each with what it needs."""
    doing = partial(do_act, database, site, account)
    for rule in ("/moderate/<word>/<did>", "/moderate/<word>/<did>/<rkey>"):
        for method, view in (("GET", partial(show_act, database, site)), ("POST", doing)):
            app.add_url_rule(rule, endpoint=f"{method} {rule}", view_func=view, methods=[method])
        keep_form(app, f"POST {rule}", doing)


async def show_act(database: Database, site: Site, word: str, did: str, rkey: str | None = None) -> Response:
    order = order_named(word, rkey)
    async with database.connection() as connection:
        matter = await matter_of(connection, site, order, did, rkey)
    return act_page(site, order, matter, MultiDict(), None)


async def do_act(
    database: Database,
    site: Site,
    account: ForumAccount,
    word: str,
    did: str,
    rkey: str | None = None,
    refusal: HTTPException | None = None,
) -> Response | Redirection:
    """Back where they were; or the form again, with all that was typed, even if nobody knows any more who sends it."""
    order, form, matter = order_named(word, rkey), await request.form, None
    try:
        async with database.connection() as connection:
            matter = await matter_of(connection, site, order, did, rkey)
        if refusal is not None:
            raise refusal
        await act(database, site, account, asked_of(order, matter, form))
    except FORESEEN as error:
        return act_page(site, order, matter, form, await refusal_of(error))
    return redirect(way_back(matter, form.get("next")), code=303)


def order_named(word: str, rkey: str | None) -> Order:
    order = ORDERS.get(word)
    if order is None or (order.kind.acts_on == "member") != (rkey is None):
        raise NotFound("There is no such act.")
    return order


async def matter_of(connection: Connection, site: Site, order: Order, did: str, rkey: str | None) -> Matter:
    """What is to be acted on, for who may: 401, 403, 404 otherwise."""
    viewer = await asked_viewer(connection, site)
    if viewer is None:
        raise Unauthorized("Authentication required")
    if not viewer.may(order.kind.permission):
        raise Forbidden("Insufficient permissions")
    author, post = await named(connection, site, order.kind, did, rkey)
    subject = author.did if post is None else post.uri
    held = await decisions(connection, [subject])
    is_weaker = await weaker(connection, viewer.rights.priority, [author.did], forum_did=site.forum_did)
    return Matter(
        viewer=viewer,
        forum=(await names(connection, site.forum_uri)).forum,
        author=author,
        post=post,
        held=held.get((subject, order.kind.pair)),
        may_act=order.kind.acts_on == "topic" or bool(is_weaker),
    )


async def named(
    connection: Connection, site: Site, kind: Kind, did: str, rkey: str | None
) -> tuple[Author, Concerned | None]:
    """The account, and the post if one is meant."""
    if not is_did(did):
        raise NotFound("There is no such member or author.")
    if rkey is None:
        if not await is_member_or_author(connection, did, forum_did=site.forum_did):
            raise NotFound("There is no such member or author.")
        return Author(did=did, handle=await handle_of(connection, did)), None
    post = await concerned(connection, f"at://{did}/{POST}/{rkey}") if is_record_key(rkey) else None
    fitting(None if post is None else Post(uri=post.uri, cid=post.cid, did=did, is_topic=post.is_topic), kind)
    assert post is not None
    return post.author, post


def asked_of(order: Order, matter: Matter, form: MultiDict[str, str]) -> Asked:
    """What the form asks for."""
    reason = form.get("reason", "").strip()
    if not reason:
        raise BadRequest("Please say why.")
    until = asked_until(form) if order.is_on and order.kind.word in CAN_END else None
    return Asked(
        kind=order.kind, is_on=order.is_on, by=matter.viewer.did, subject=matter.subject, reason=reason, until=until
    )


def asked_until(form: MultiDict[str, str]) -> datetime | None:
    """When what the form asks for is to end by itself."""
    end = form.get("end", "never")
    if end not in ENDS:
        raise BadRequest("Please choose one of the ends.")
    lasts = ENDS[end]
    return None if lasts is None else datetime.now(UTC).replace(microsecond=0) + lasts


def act_page(
    site: Site, order: Order, matter: Matter | None, form: MultiDict[str, str], refusal: Refusal | None
) -> Response:
    """Without a matter nobody is known to be let in: all it shows is what they sent."""
    viewer, forum = (None, None) if matter is None else (matter.viewer, matter.forum)
    page = show(
        site, "moderate.html", viewer=viewer, forum=forum, path=None,
        status=200 if refusal is None else refusal.status,
        order=order, matter=matter, refusal=refusal, at=request.path,
        reason=form.get("reason", ""), end=form.get("end", "never"), longest=LONGEST_REASON,
        ends=list(ENDS) if order.is_on and order.kind.word in CAN_END else [],
        back=way_back(matter, form.get("next") or request.args.get("next")),
    )  # fmt: skip
    page.headers["Cache-Control"] = "no-store"
    return page


def way_back(matter: Matter | None, asked: str | None) -> str:
    """Where the moderator came from; else where the matter is."""
    path = local_path(asked)
    if path != HOME or matter is None:
        return path
    if matter.post is None:
        return links.profile_path(matter.author)
    topic = parse_at_uri(matter.post.topic_uri)
    path = links.topic_path(Author(did=topic.did_or_handle, handle=None), matter.post.topic_uri)
    return path if matter.post.is_topic else links.reply_path(path, matter.post.uri)


def act_path(word: str, subject: str) -> str:
    return f"/moderate/{word}/{subject if subject.startswith('did:') else links.anchor(subject)}"


def insight_of(viewer: Viewer | None) -> Insight | None:
    """What of the hidden a reader is told: moderators all, everybody else what is their own."""
    if viewer is None:
        return None
    return Insight(did=viewer.did, everything=viewer.may(MODERATE_POSTS, BAN_USERS))


async def tools_for_topic(
    connection: Connection, site: Site, viewer: Viewer | None, uri: str, posts: Iterable[Shown]
) -> Tools | None:
    """For a page of a topic; None for who neither may anything nor is concerned."""
    if viewer is None:
        return None
    there = [post for post in posts if not post.deleted]
    if not viewer.may(*(kind.permission for kind in KINDS)):
        concerning = {post.uri for post in there if post.author.did == viewer.did and post.hidden}
        if viewer.rights.banned or viewer.rights.muted:
            concerning.add(viewer.did)
        return await tools(connection, site, viewer, concerning, []) if concerning else None
    authors = {post.author.did for post in there}
    return await tools(connection, site, viewer, {uri, viewer.did, *authors, *(post.uri for post in there)}, authors)


async def tools_for_member(connection: Connection, site: Site, viewer: Viewer | None, did: str) -> Tools | None:
    """The same for a profile."""
    if viewer is None or not (viewer.may(BAN_USERS) or viewer.did == did):
        return None
    return await tools(connection, site, viewer, {did}, [did])


async def tools(
    connection: Connection, site: Site, viewer: Viewer, subjects: Iterable[str], dids: Iterable[str]
) -> Tools:
    held = await decisions(connection, subjects)
    beneath = await weaker(connection, viewer.rights.priority, dids, forum_did=site.forum_did) if dids else frozenset()
    return Tools(viewer=viewer, held=held, weaker=beneath)
