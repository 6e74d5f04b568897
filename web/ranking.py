"""What those do who manage roles: make, change and remove them, by the API or a page.

Nobody touches a role as strong as their own or stronger, nor gives one a permission they do not hold. What would take
people's rights without a word is refused: the role that newcomers have keeps its name, and it stays, like any that
somebody was given. Roles are told apart by their names, so no two have the same.
"""

from collections.abc import Iterable, Sequence

from werkzeug.exceptions import BadRequest, Forbidden

from forum.forum_records import Fields, built_in_roles, role_record
from forum.own_writes import OwnWrite
from forum.permissions import BUILT_IN, PERMISSIONS, Rights, may, rights_of
from forum.reads.roles import Role, all_roles, default_role, holders
from forum.records.names import ROLE
from web.bodies import refusing
from web.forum_writing import Hindered, Pen

WEAKEST_BUILT_IN = max(rights.priority for rights in BUILT_IN.values())

NAME_TAKEN = "There is a role of that name already."
IS_DEFAULT = (
    "This is the role of everybody who was given no other, by its name, which is DEFAULT_MEMBER_ROLE in the daemon's"
    " settings. Set another one there first."
)
NOT_ARRIVED = "The forum's roles have not all arrived here yet; please try again in a minute."


async def add_role(pen: Pen, fields: Fields) -> OwnWrite:
    """The first one has the built-in roles written down before it, or it would put an end to them."""
    with refusing():
        record = role_record(tidied(fields))
    async with pen.database.connection() as connection:
        own, roles = await rights_of(connection, pen.actor, forum_did=pen.site.forum_did), await all_roles(connection)
    check_reach(own, record["priority"])
    check_gift(own, record["permissions"])
    check_name(record["name"], roles)
    if not roles:
        return (await write_built_in(pen, record))[-1]
    return await pen.create("addRole", ROLE, record)


async def change_role(pen: Pen, uri: str, fields: Fields, *, seen: str | None = None) -> OwnWrite:
    """What the fields do not name stays."""
    found = await pen.found(uri, seen=seen)
    before = found.record or {}
    with refusing():
        record = role_record({**before, **tidied(fields)})
    async with pen.database.connection() as connection:
        own, roles = await rights_of(connection, pen.actor, forum_did=pen.site.forum_did), await all_roles(connection)
        default = await default_role(connection)
    check_reach(own, before["priority"], record["priority"])
    check_gift(own, set(record["permissions"]) - set(before["permissions"]))
    if record["name"] != before["name"]:
        check_name(record["name"], [role for role in roles if role.uri != uri])
        if default.uri == uri:
            raise Hindered("default", IS_DEFAULT)
    return await pen.put("changeRole", found, record)


async def remove_role(pen: Pen, uri: str) -> OwnWrite:
    """Whoever holds it would fall back to the default role, and where joining is by approval to none: so it stays."""
    found = await pen.found(uri)
    async with pen.database.connection() as connection:
        own = await rights_of(connection, pen.actor, forum_did=pen.site.forum_did)
        default, held = await default_role(connection), await holders(connection)
    check_reach(own, (found.record or {})["priority"])
    if default.uri == uri:
        raise Hindered("default", IS_DEFAULT)
    if uri in held:
        sentence = f"Members still have this role: {held[uri]}. Give them another one first."
        raise Hindered("held", sentence, count=held[uri])
    return await pen.delete("removeRole", uri)


async def write_built_in(pen: Pen, *more: Fields) -> list[OwnWrite]:
    """Make records of the roles that are in force without any, so that they can be changed and given.

    All in one commit: of a part of them people would have other rights. And once, whoever asks beside us.
    """
    head = await pen.account.head()
    if await pen.account.records(ROLE):
        raise Hindered("not_arrived", NOT_ARRIVED)
    return await pen.create_all("addRole", ROLE, [*built_in_roles(), *more], over=head)


def tidied(fields: Fields) -> Fields:
    """Each permission once."""
    match fields.get("permissions"):
        case list(words) if all(isinstance(word, str) for word in words):
            return {**fields, "permissions": sorted(set(words))}
    return fields


def check_reach(own: Rights, *priorities: int) -> None:
    if min(priorities) <= own.priority:
        raise Forbidden("Insufficient permissions")


def check_gift(own: Rights, permissions: Iterable[str]) -> None:
    for permission in permissions:
        if permission not in PERMISSIONS:
            raise BadRequest(f"This cannot be written: permissions: {permission!r} is none we know.")
        if not may(own, permission):
            raise Forbidden("Insufficient permissions")


def check_name(name: str, others: Sequence[Role]) -> None:
    taken = [role.name for role in others] or BUILT_IN
    if name.casefold() in {one.casefold() for one in taken}:
        raise Hindered("name_taken", NAME_TAKEN)
