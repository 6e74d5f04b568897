"""The posts that lists name by their URI alone: who wrote each, and the topic in which it stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from forum.database import Connection
from forum.reads.accounts import Author

# Per URI a look at its post, at its topic, and at the authors of both.
SUBJECTS = """
SELECT p.uri, p.did, a.shown_handle AS handle, p.root_uri IS NULL AS is_topic, root.uri AS topic_uri,
       root.did AS topic_did, ra.shown_handle AS topic_handle, root.title, left(root.text, 100) AS text
  FROM unnest($1::text[]) AS asked (uri)
  JOIN posts p ON p.uri = asked.uri
  JOIN posts root ON root.uri = coalesce(p.root_uri, p.uri)
  LEFT JOIN accounts a ON a.did = p.did
  LEFT JOIN accounts ra ON ra.did = root.did
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """`title` and `text` are its own, the text only its beginning."""

    uri: str
    author: Author
    title: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A post, shown or not; also one that its author deleted, while it has a place."""

    uri: str
    author: Author
    is_topic: bool
    topic: Topic


async def subjects(connection: Connection, names: Iterable[str]) -> Mapping[str, Subject]:
    """Those of the names that are the URI of a post that is here."""
    asked = sorted({name for name in names if name.startswith("at://")})
    return {
        row["uri"]: Subject(
            uri=row["uri"],
            author=Author(did=row["did"], handle=row["handle"]),
            is_topic=row["is_topic"],
            topic=Topic(
                uri=row["topic_uri"],
                author=Author(did=row["topic_did"], handle=row["topic_handle"]),
                title=row["title"],
                text=row["text"],
            ),
        )
        for row in (await connection.fetch(SUBJECTS, asked) if asked else ())
    }
