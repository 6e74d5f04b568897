"""Who asks: the account that a session's cookie stands for, what it is called and what it may do, in one statement."""

from dataclasses import dataclass

from forum.database import Connection
from forum.permissions import RIGHTS, ROLE, Rights, may, rights_from
from forum.reads.accounts import Author
from forum.sessions import TOUCHING, hashed

_VIEWER = """
{touching}
SELECT asked.did, a.shown_handle AS handle, {rights}
  FROM sessions asked
  LEFT JOIN accounts a USING (did)
  {role}
 WHERE asked.token_hash = $1 AND asked.expires_at > now()
"""
VIEWER = _VIEWER.format(touching=TOUCHING, rights=RIGHTS, role=ROLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who is signed in, and what they may do here."""

    author: Author
    rights: Rights

    @property
    def did(self) -> str:
        return self.author.did

    def may(self, *permissions: str) -> bool:
        """Any of them."""
        return any(may(self.rights, permission) for permission in permissions)


async def viewer_of(connection: Connection, token: str, *, forum_did: str) -> Viewer | None:
    """Whose session it is; None if there is no such one, or no longer."""
    row = await connection.fetchrow(VIEWER, hashed(token))
    if row is None:
        return None
    author = Author(did=row["did"], handle=row["handle"])
    return Viewer(author=author, rights=rights_from(row, author.did, forum_did=forum_did))
