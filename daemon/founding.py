"""Founding a forum, and adding to it from the shell. Each step looks at the repository first and makes what is missing.

So nothing is made twice, and a failure half-way is mended by doing it all again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import click

from actors.agent import ForumAccount
from actors.pds_client import Refused
from actors.resolver import Resolver
from daemon.forum_login import open_resolver, sign_in_once
from daemon.reach import open_database
from daemon.session_secret import session_secret
from daemon.settings import Settings
from forum.errors import BadInput
from forum.forum_records import board_record, built_in_roles, category_record, forum_record, grant_record
from forum.own_writes import OwnWrite
from forum.protocol.events import RecordOp
from forum.records.names import BOARD, CATEGORY, FORUM, GRANT, ROLE
from forum.records.syntax import is_did

OWNER = "Owner"

Fields = Mapping[str, object]
Made = RecordOp | OwnWrite  # a record, found or just made


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the forum is to have; of what is not said people are asked, unless they must not be."""

    name: str | None
    owner: str | None
    category: str | None
    board: str | None
    asks: bool

    def granted(self, said: str | None, option: str, question: str, *, default: str | None = None) -> str:
        """The wish itself, an answer, or the default."""
        if said is not None:
            return said
        if self.asks:
            return str(click.prompt(question, default=default))
        if default is None:
            raise click.UsageError(f"With --yes, {option} must be given.")
        return default


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """What the repository holds already."""

    itself: bool
    roles: Mapping[str, Made]  # by name
    owners: frozenset[str]
    category: Made | None  # the first
    boards: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be made; None is there already."""

    name: str | None
    owner: str | None
    category: str | None
    board: str | None


async def found_forum(settings: Settings, wishes: Wishes) -> None:
    """The whole of `atbb init`: look at everything that will be needed, then write."""
    session_secret(settings)
    async with open_database(settings) as database, database.connection() as connection:
        await connection.fetchval("SELECT 1")
    click.echo("The database answers.")
    async with open_resolver(settings) as resolver:
        account = await sign_in_once(settings, resolver)
        click.echo(f"The forum's account is signed in: {account.did}")
        await in_words(write_forum(account, wishes, resolver))
    if settings.forum_did is None:
        click.echo(f"Keep in the settings: FORUM_DID={account.did}")
    click.echo("The forum is founded; `atbb serve` runs it.")


async def with_account(settings: Settings, write: Callable[[ForumAccount], Awaitable[None]]) -> None:
    """Do it with the forum's account signed in."""
    async with open_resolver(settings) as resolver:
        await in_words(write(await sign_in_once(settings, resolver)))


async def in_words(writing: Awaitable[None]) -> None:
    """What is wrong with a record, or refused by the server, as a sentence."""
    try:
        await writing
    except BadInput as bad:
        words = str(bad).removeprefix(f"{bad.reason}: ")
        raise click.ClickException(f"This cannot be written: {words}.") from bad
    except Refused as refused:
        raise click.ClickException(f"The forum's server refuses to write this: {refused.name}.") from refused


async def write_forum(account: ForumAccount, wishes: Wishes, resolver: Resolver) -> None:
    """Look, ask, then write: nobody is asked half-way."""
    there = await look(account)
    plan = await planned(there, wishes, resolver)
    if plan.name is not None:
        await account.put(FORUM, "self", forum_record({"name": plan.name}))
        click.echo(f"Made the forum: {plan.name}")
    roles = await write_roles(account, there)
    if plan.owner is not None and plan.owner != account.did:  # the forum's own account may do everything as it is
        await account.create(GRANT, grant_record(plan.owner, roles[OWNER], by=account.did))
        click.echo(f"Made an owner: {plan.owner}")
    category = there.category
    if plan.category is not None:
        category = await account.create(CATEGORY, category_record({"name": plan.category}))
        click.echo(f"Made the category: {plan.category}")
    if plan.board is not None:
        await account.create(BOARD, board_record({"name": plan.board}, category=category))
        click.echo(f"Made the board: {plan.board}")


async def look(account: ForumAccount) -> There:
    """What the repository holds."""
    itself = await account.record(FORUM, "self")
    # Of several with one name the newest counts, as it does for permissions.
    roles: dict[str, Made] = {name_of(op): op for op in reversed(await account.records(ROLE))}
    newest: dict[str, RecordOp] = {}
    for op in await account.records(GRANT):
        newest.setdefault((op.record or {})["subject"], op)
    owner = roles.get(OWNER)
    owners = {subject for subject, op in newest.items() if owner is not None and role_uri_of(op) == owner.uri}
    categories = await account.records(CATEGORY)
    return There(
        itself=itself is not None and itself.record is not None,
        roles=roles,
        owners=frozenset(owners),
        category=categories[-1] if categories else None,
        boards=bool(await account.records(BOARD)),
    )


async def planned(there: There, wishes: Wishes, resolver: Resolver) -> Plan:
    """What is missing, by the wishes and by asking."""
    name = owner = category = board = None
    if not there.itself:
        name = wishes.granted(wishes.name, "--name", "Name of the forum")
    if wishes.owner is not None or not there.owners:
        said = wishes.granted(wishes.owner, "--owner", "The owner's handle or DID")
        owner = await did_of(said, resolver)
    if there.category is None:
        category = wishes.granted(wishes.category, "--category", "First category", default="General")
    if not there.boards:
        board = wishes.granted(wishes.board, "--board", "First board", default="General discussion")
    return Plan(name=name, owner=None if owner in there.owners else owner, category=category, board=board)


async def write_roles(account: ForumAccount, there: There) -> Mapping[str, Made]:
    """The four roles by name."""
    roles = dict(there.roles)
    missing = [record for record in built_in_roles() if record["name"] not in roles]
    made = await account.create_all(ROLE, missing, over=await account.head()) if missing else []
    for record, write in zip(missing, made, strict=True):
        roles[record["name"]] = write
        click.echo(f"Made the role: {record['name']}")
    return roles


async def make_category(account: ForumAccount, *, fields: Fields) -> None:
    click.echo((await account.create(CATEGORY, category_record(fields))).uri)


async def make_board(account: ForumAccount, *, category: str, fields: Fields) -> None:
    place = the_one(await account.records(CATEGORY), category, "category")
    click.echo((await account.create(BOARD, board_record(fields, category=place))).uri)


async def grant(account: ForumAccount, *, did: str, role: str) -> None:
    found = the_one(await account.records(ROLE), role, "role")
    await account.create(GRANT, grant_record(did, found, by=account.did))
    click.echo(f"{did} is now {name_of(found)}.")


def the_one(ops: Sequence[RecordOp], text: str, kind: str) -> RecordOp:
    """The record of that URI or name."""
    found = [op for op in ops if op.uri == text] or [op for op in ops if name_of(op) == text]
    if not found:
        raise click.ClickException(f"There is no {kind} {text}.")
    if len(found) > 1:
        raise click.ClickException(f"More than one {kind} is called {text}; give the URI of one.")
    return found[0]


def name_of(op: RecordOp) -> str:
    return str((op.record or {})["name"])


def role_uri_of(grant: RecordOp) -> str | None:
    match grant.record:
        case {"role": {"role": {"uri": str(uri)}}}:
            return uri
    return None


async def did_of(text: str, resolver: Resolver) -> str:
    """The account of a handle or DID, if there is one."""
    text = text.removeprefix("@")
    try:
        did = text if is_did(text) else await resolver.did_of(text)
        known = did is not None and await resolver.document(did) is not None
    except BadInput:
        known = False
    if did is None or not known:
        raise click.ClickException(f"There is no account {text}.")
    return did
