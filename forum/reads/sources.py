"""Posts as their authors wrote them, for whoever edits or quotes them; and who takes part in a topic."""

from dataclasses import dataclass

from forum.database import Connection
from forum.reads.accounts import Author

SOURCE = """
SELECT p.did, a.shown_handle AS handle, p.title, p.text, p.markdown
  FROM posts p
  LEFT JOIN accounts a ON a.did = p.did
 WHERE p.uri = $1
"""

# Along posts_in_topic, however long the topic is; accounts by their primary key.
PEOPLE = """
SELECT a.shown_handle AS handle
  FROM (SELECT did FROM posts WHERE uri = $1
         UNION
        SELECT did FROM (SELECT did FROM posts WHERE root_uri = $1 AND shown
                          ORDER BY sorted_at DESC, uri DESC LIMIT $2) AS latest) AS wrote
  JOIN accounts a ON a.did = wrote.did
 WHERE a.status = 'active' AND NOT a.banned AND a.shown_handle <> 'handle.invalid'
 ORDER BY a.shown_handle
"""
LATEST = 300  # replies whose authors are told


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a post says, as it was typed: in Markdown, or as plain text where it has none."""

    author: Author
    title: str | None
    text: str
    markdown: str | None


async def source_of(connection: Connection, uri: str) -> Source | None:
    row = await connection.fetchrow(SOURCE, uri)
    if row is None:
        return None
    author = Author(did=row["did"], handle=row["handle"])
    return Source(author=author, title=row["title"], text=row["text"], markdown=row["markdown"])


async def people_in(connection: Connection, topic_uri: str) -> tuple[str, ...]:
    """The handles of those who wrote in a topic, of late."""
    return tuple(row["handle"] for row in await connection.fetch(PEOPLE, topic_uri, LATEST))
