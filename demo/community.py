"""A lively forum, written record by record as its members would, with words from `community.toml` and seeded chance."""

import random
import tomllib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

from demo.records import Fields, board, grant, membership, mod_action, named, reaction, reply, topic
from demo.xrpc import Account, Pds, Ref
from forum.records.names import BOARD, CATEGORY, FORUM, GRANT, MEMBERSHIP, MOD_ACTION, POST, REACTION, ROLE

WORDS = Path(__file__).with_name("community.toml")
SEED = 1848
AT_ONCE = 8  # the server has one thread; more would only wait
REPLIES = 600
REACTIONS = 120
EDITS = 30
DELETES = 15
LONGEST_TEXT = 300

PERMISSION = "space.atbb.permission"
MODERATOR = ("moderatePosts", "lockTopics", "pinTopics", "banUsers", "createTopics", "createPosts")
ADMIN = ("manageCategories", "manageRoles", "manageMembers", "manageThemes", *MODERATOR)
ROLES = (("Owner", ("*",)), ("Admin", ADMIN), ("Moderator", MODERATOR), ("Member", ("createTopics", "createPosts")))

Step = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it was written, for those who answer, edit or delete it."""

    author: Account
    ref: Ref
    text: str
    root: Ref | None = None


@dataclass(slots=True)
class Community:
    """The forum's account, its members, and what they wrote so far."""

    pds: Pds
    forum: Account
    members: list[Account]
    words: dict[str, Any]  # Any: TOML
    dice: random.Random
    itself: Ref
    boards: list[tuple[Ref, dict[str, Any], list[str]]] = field(default_factory=list)  # with its words, and remarks
    topics: list[tuple[Post, list[str]]] = field(default_factory=list)  # with the remarks that suit it
    replies: list[Post] = field(default_factory=list)


async def write_community(pds: Pds, forum: Account, say: Callable[[str], None]) -> dict[str, Account]:
    """Write all of it; `say` is told of each chapter as it is done. Gives a member of each role."""
    community = await found(pds, forum)
    say(f"{len(community.members)} members have joined, {len(community.boards)} boards are open")
    await write_topics(community)
    say(f"{len(community.topics)} topics are written")
    await write_replies(community)
    say(f"{len(community.replies)} replies are written")
    await change_minds(community)
    say(f"{EDITS} posts are edited, {DELETES} deleted, {REACTIONS} reactions given")
    await moderate(community)
    say("one topic is pinned, one locked, one post hidden")
    return {name: account for (name, _), account in zip(ROLES, community.members, strict=False)}


async def found(pds: Pds, forum: Account) -> Community:
    """The forum's own records, and members who join."""
    words = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    itself = await forum.put(FORUM, "self", named(words["name"], description=words["description"]))
    community = Community(pds, forum, [], words, random.Random(SEED), itself)  # noqa: S311 - chance, not a secret
    await together(partial(join, community, name) for name in words["members"])
    for order, category in enumerate(words["categories"]):
        await open_category(community, category, order)
    for priority, (name, permissions) in enumerate(ROLES):
        role = named(name, permissions=[full(word) for word in permissions], priority=priority * 10)
        made = await forum.create(ROLE, role)
        if name != "Member":  # which everyone is who is nothing else
            await forum.create(GRANT, grant(community.members[priority].did, made, by=forum.did))
    return community


async def join(community: Community, name: str) -> None:
    account = await community.pds.account(name, unique=False)
    await account.create(MEMBERSHIP, membership(community.itself))
    community.members.append(account)


async def open_category(community: Community, words: dict[str, Any], order: int) -> None:  # Any: TOML
    described = named(words["name"], description=words["description"], sortOrder=order)
    category = await community.forum.create(CATEGORY, described)
    for number, about in enumerate(words["boards"]):
        record = board(about["name"], category, description=about["description"], sortOrder=number)
        community.boards.append((await community.forum.create(BOARD, record), about, words["remarks"]))


def full(permission: str) -> str:
    return permission if permission == "*" else f"{PERMISSION}.{permission}"


async def write_topics(community: Community) -> None:
    planned = [(ref, *words, remarks) for ref, about, remarks in community.boards for words in about["topics"]]
    community.dice.shuffle(planned)  # as in life, not board after board

    async def write(where: Ref, title: str, text: str, remarks: list[str]) -> None:
        author = community.dice.choice(community.members)
        ref = await author.create(POST, topic(title, text, where, markdown=text))
        community.topics.append((Post(author, ref, text), remarks))

    await together(partial(write, *plan) for plan in planned)


async def write_replies(community: Community) -> None:
    """Some topics are loved more than others; within one, answers come one after the other."""
    dice = community.dice
    counts = [0] * len(community.topics)
    for index in dice.choices(range(len(counts)), weights=[dice.uniform(1, 8) for _ in counts], k=REPLIES):
        counts[index] += 1
    await together(
        partial(discuss, community, root, remarks, count)
        for (root, remarks), count in zip(community.topics, counts, strict=True)
    )


async def discuss(community: Community, root: Post, remarks: list[str], count: int) -> None:
    """One topic's replies, to it or to each other."""
    dice, parent = community.dice, root
    for _ in range(count):
        author = dice.choice(community.members)
        markdown = compose(community, remarks, quote=parent.text if dice.random() < 0.2 else "")
        text = plain(markdown)
        ref = await author.create(POST, reply(text, root.ref, parent.ref, markdown=markdown))
        written = Post(author, ref, text, root.ref)
        community.replies.append(written)
        parent = written if dice.random() < 0.4 else root


def compose(community: Community, remarks: list[str], *, quote: str) -> str:
    """A few sentences of Markdown."""
    dice, talk = community.dice, community.words["small_talk"]
    parts = [dice.choice(talk["openings"]), dice.choice(talk["closings"])]
    if dice.random() < 0.15:
        parts.insert(1, "\n\n" + "\n".join(f"- {remark}" for remark in dice.sample(remarks, 2)) + "\n\n")
    else:
        parts.insert(1, dice.choice(remarks))
    quoted = f"> {quote.partition('. ')[0]}\n\n" if quote else ""
    return quoted + " ".join(parts).replace("\n ", "\n")


def plain(markdown: str) -> str:
    """What readers without Markdown see: the beginning, without its signs."""
    lines = [line.removeprefix("- ") for line in markdown.split("\n") if line and not line.startswith(">")]
    text = " ".join(lines).replace("*", "")
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


async def change_minds(community: Community) -> None:
    """Edits, deletes and reactions."""
    dice = community.dice
    chosen = dice.sample(community.replies, EDITS + DELETES)
    everything = [post for post, _ in community.topics] + community.replies
    liked = dice.sample(everything, REACTIONS)
    await together(
        [
            *(partial(post.author.put, POST, post.ref.rkey, edited(post)) for post in chosen[:EDITS]),
            *(partial(post.author.delete, POST, post.ref.rkey) for post in chosen[EDITS:]),
            *(partial(like, community, post) for post in liked),
        ]
    )


def edited(post: Post) -> Fields:
    assert post.root
    return reply(plain(f"{post.text[:200]} (Edited: a typo or two.)"), post.root)


async def like(community: Community, post: Post) -> None:
    emoji = community.dice.choice(community.words["emoji"])
    await community.dice.choice(community.members).create(REACTION, reaction(post.ref, emoji))


async def moderate(community: Community) -> None:
    """What a moderator does on a calm day."""
    (pinned, _), (locked, _) = community.dice.sample(community.topics, 2)
    hidden = community.dice.choice(community.replies)
    for action, post, reason in (
        ("pin", pinned, "Worth reading for everyone new here."),
        ("lock", locked, "All is said; a new topic is welcome."),
        ("delete", hidden, "An advertisement."),
    ):
        record = mod_action(action, post.ref, by=community.members[2].did, reason=reason)
        await community.forum.create(MOD_ACTION, record)


async def together(steps: Iterable[Step]) -> None:
    """Do them, a few at a time."""
    limit = trio.CapacityLimiter(AT_ONCE)

    async def run(step: Step) -> None:
        async with limit:
            await step()

    async with trio.open_nursery() as nursery:
        for step in steps:
            nursery.start_soon(run, step)
