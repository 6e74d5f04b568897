"""Who may do what: the newest grant in the forum's own repository decides, nothing else.

What members claim in their memberships is not even looked at. Which role a grant gives is `role_of()` in schema.sql, by
which `visibility.py`, too, judges what is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from forum.database import Connection, Row

PREFIX = "space.atbb.permission."
MANAGE_FORUM = f"{PREFIX}manageForum"
MANAGE_CATEGORIES = f"{PREFIX}manageCategories"
MANAGE_ROLES = f"{PREFIX}manageRoles"
MANAGE_MEMBERS = f"{PREFIX}manageMembers"
MANAGE_THEMES = f"{PREFIX}manageThemes"
MODERATE_POSTS = f"{PREFIX}moderatePosts"
LOCK_TOPICS = f"{PREFIX}lockTopics"
PIN_TOPICS = f"{PREFIX}pinTopics"
BAN_USERS = f"{PREFIX}banUsers"
CREATE_TOPICS = f"{PREFIX}createTopics"
CREATE_POSTS = f"{PREFIX}createPosts"
EVERYTHING = "*"

PERMISSIONS = (
    MANAGE_FORUM,
    MANAGE_CATEGORIES,
    MANAGE_ROLES,
    MANAGE_MEMBERS,
    MANAGE_THEMES,
    MODERATE_POSTS,
    LOCK_TOPICS,
    PIN_TOPICS,
    BAN_USERS,
    CREATE_TOPICS,
    CREATE_POSTS,
    EVERYTHING,
)

MEMBER = frozenset({CREATE_TOPICS, CREATE_POSTS})
MODERATOR = MEMBER | {MODERATE_POSTS, LOCK_TOPICS, PIN_TOPICS, BAN_USERS}
ADMIN = MODERATOR | {MANAGE_CATEGORIES, MANAGE_ROLES, MANAGE_MEMBERS, MANAGE_THEMES}

FORUM_PRIORITY = -1  # stronger than any role
NO_PRIORITY = 2**53 - 1  # weaker than any role

# Of the account `asked.did`: these columns, by this join.
RIGHTS = """
       in_force('ban', asked.did) IS NOT NULL AS banned, in_force('mute', asked.did) IS NOT NULL AS muted,
       r.name AS role, r.uri AS role_uri, r.permissions, r.priority"""
ROLE = "LEFT JOIN role_of(asked.did) AS r ON true"
_RIGHTS_OF = "SELECT {rights} FROM (SELECT $1::text AS did) AS asked {role}"
RIGHTS_OF = _RIGHTS_OF.format(rights=RIGHTS, role=ROLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What an account may do, and by which role. `role_uri` is None for a role that is no record.

    `banned` and `muted` say what took permissions away that the role would give.
    """

    role: str | None
    role_uri: str | None
    permissions: frozenset[str]
    priority: int  # 0 is the strongest role
    banned: bool = False
    muted: bool = False


def built_in(role: str, permissions: frozenset[str], priority: int) -> Rights:
    return Rights(role=role, role_uri=None, permissions=permissions, priority=priority)


NO_RIGHTS = Rights(role=None, role_uri=None, permissions=frozenset(), priority=NO_PRIORITY)
FORUM_RIGHTS = built_in("Owner", frozenset({EVERYTHING}), FORUM_PRIORITY)
# What a new forum begins with; also in force, by a view in schema.sql, while its repository has no role records.
BUILT_IN: Mapping[str, Rights] = MappingProxyType(
    {
        "Owner": built_in("Owner", frozenset({EVERYTHING}), 0),
        "Admin": built_in("Admin", ADMIN, 10),
        "Moderator": built_in("Moderator", MODERATOR, 20),
        "Member": built_in("Member", MEMBER, 30),
    }
)


async def rights_of(connection: Connection, did: str, *, forum_did: str) -> Rights:
    """An account's rights right now: none for who is banned, and for who is muted none to write.

    The forum's own account always has all.
    """
    row = await connection.fetchrow(RIGHTS_OF, did)
    assert row is not None
    return rights_from(row, did, forum_did=forum_did)


def rights_from(row: Row, did: str, *, forum_did: str) -> Rights:
    """The same from a row with the columns of RIGHTS."""
    if did == forum_did:
        return FORUM_RIGHTS
    if row["banned"]:
        return replace(NO_RIGHTS, banned=True)
    rights = _by_role(row)
    return replace(rights, permissions=silenced(rights.permissions), muted=True) if row["muted"] else rights


async def rank_of(connection: Connection, did: str, *, forum_did: str) -> int:
    """The priority of an account's role. A ban takes the rights and not the rank, or the weaker could act on it."""
    if did == forum_did:
        return FORUM_PRIORITY
    row = await connection.fetchrow(RIGHTS_OF, did)
    assert row is not None
    return _by_role(row).priority


def _by_role(row: Row) -> Rights:
    if row["role"] is None:
        return NO_RIGHTS
    return Rights(
        role=row["role"],
        role_uri=row["role_uri"],
        permissions=frozenset(row["permissions"]),
        priority=row["priority"],
    )


def silenced(permissions: frozenset[str]) -> frozenset[str]:
    """What is left without the right to write."""
    return (ADMIN | {MANAGE_FORUM} if EVERYTHING in permissions else permissions) - MEMBER


def may(rights: Rights, permission: str) -> bool:
    return permission in rights.permissions or EVERYTHING in rights.permissions
