"""Who asks: the account that a session's cookie stands for, what it is called and what it may do, in one statement.

Every page of theirs begins with it, so whoever moderates is told in the same breath how many reports wait: counted
along an index that holds the open ones alone, not beyond what can be shown, and for nobody else at all.
"""

from dataclasses import dataclass
from typing import Final

from forum.database import Connection
from forum.permissions import EVERYTHING, MODERATE_POSTS, RIGHTS, ROLE, Rights, may, rights_from
from forum.reads.accounts import Author
from forum.sessions import TOUCHING, hashed

MOST_COUNTED: Final = 100  # reports; more are told as so many at least

_VIEWER = """
{touching}
SELECT asked.did, a.shown_handle AS handle,
       CASE WHEN asked.did = $2 OR r.permissions && '{{{everything}, {moderating}}}' THEN (
            SELECT count(*) FROM (SELECT FROM reports WHERE outcome IS NULL AND author <> asked.did LIMIT {most}) AS w)
       END AS open_reports, {rights}
  FROM sessions asked
  LEFT JOIN accounts a USING (did)
  {role}
 WHERE asked.token_hash = $1 AND asked.expires_at > now()
"""
VIEWER = _VIEWER.format(
    touching=TOUCHING, rights=RIGHTS, role=ROLE, everything=EVERYTHING, moderating=MODERATE_POSTS, most=MOST_COUNTED
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who is signed in, and what they may do here; for who moderates, how many reports wait."""

    author: Author
    rights: Rights
    open_reports: int = 0

    @property
    def did(self) -> str:
        return self.author.did

    def may(self, *permissions: str) -> bool:
        """Any of them."""
        return any(may(self.rights, permission) for permission in permissions)


async def viewer_of(connection: Connection, token: str, *, forum_did: str) -> Viewer | None:
    """Whose session it is; None if there is no such one, or no longer."""
    row = await connection.fetchrow(VIEWER, hashed(token), forum_did)
    if row is None:
        return None
    author = Author(did=row["did"], handle=row["handle"])
    rights = rights_from(row, author.did, forum_did=forum_did)
    return Viewer(author=author, rights=rights, open_reports=row["open_reports"] or 0)
