"""The forum as a whole: its name and its figures."""

from dataclasses import dataclass

from forum.database import Connection, Row

# One row by its primary key; the sums run over the boards, which are few.
FORUM = """
SELECT f.uri, f.name, f.description, sums.boards, sums.topics, sums.replies, members.member_count
  FROM forum f,
       (SELECT count(*) AS boards,
               coalesce(sum(c.topic_count), 0)::bigint AS topics,
               coalesce(sum(c.reply_count), 0)::bigint AS replies
          FROM boards b LEFT JOIN board_counts c USING (uri)) AS sums,
       forum_counts AS members
 WHERE f.uri = $1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forum:
    uri: str
    name: str
    description: str | None
    board_count: int
    topic_count: int
    reply_count: int
    member_count: int


async def forum_at(connection: Connection, uri: str) -> Forum | None:
    """The forum of that record; None before the record is here."""
    row = await connection.fetchrow(FORUM, uri)
    return None if row is None else forum_from(row)


def forum_from(row: Row) -> Forum:
    return Forum(
        uri=row["uri"],
        name=row["name"],
        description=row["description"],
        board_count=row["boards"],
        topic_count=row["topics"],
        reply_count=row["replies"],
        member_count=row["member_count"],
    )
