"""The names of our records, and whose repository may hold them."""

FORUM = "space.atbb.forum.forum"
CATEGORY = "space.atbb.forum.category"
BOARD = "space.atbb.forum.board"
ROLE = "space.atbb.forum.role"
GRANT = "space.atbb.forum.grant"
THEME = "space.atbb.forum.theme"
THEME_POLICY = "space.atbb.forum.themePolicy"
MOD_ACTION = "space.atbb.modAction"
POST = "space.atbb.post"
MEMBERSHIP = "space.atbb.membership"
REACTION = "space.atbb.reaction"

FORUM_COLLECTIONS = frozenset({FORUM, CATEGORY, BOARD, ROLE, GRANT, THEME, THEME_POLICY, MOD_ACTION})
MEMBER_COLLECTIONS = frozenset({POST, MEMBERSHIP, REACTION})
COLLECTIONS = FORUM_COLLECTIONS | MEMBER_COLLECTIONS
PREFIX = "space.atbb."


def is_ours(did: str, collection: str, forum_did: str) -> bool:
    """Whether a record of this collection in this repository can mean anything to this forum."""
    return collection in MEMBER_COLLECTIONS or (did == forum_did and collection in FORUM_COLLECTIONS)
