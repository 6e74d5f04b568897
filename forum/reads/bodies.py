"""What posts say, as HTML: kept renderings, and what to make the missing ones of.

Statements that read bodies join `renderings d` by RENDERING, and select BODY.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from forum.database import Connection, Row
from forum.markdown import VERSION

# `p` is the post. A rendering of another version of it, or by another version of ours, is none.
RENDERING = f"LEFT JOIN renderings d ON d.uri = p.uri AND d.cid = p.cid AND d.version = {VERSION}"
BODY = "p.uri, p.cid, p.text, CASE WHEN d.html IS NULL THEN p.markdown END AS markdown, d.html"

# Posts that are being changed are passed over, and those that were changed meanwhile are left out: nothing is kept
# of a text that is gone. The lock holds a change back until this has committed, so that it finds what it must drop.
_KEEP = """
WITH alive AS (
     SELECT p.uri, p.cid, i.html
       FROM unnest($1::text[], $2::text[], $3::text[]) AS i (uri, cid, html)
       JOIN posts p ON p.uri = i.uri AND p.cid = i.cid AND p.deleted_at IS NULL
      ORDER BY p.uri
        FOR SHARE OF p SKIP LOCKED
)
INSERT INTO renderings (uri, cid, version, html)
SELECT uri, cid, {version}, html FROM alive
    ON CONFLICT (uri) DO UPDATE SET cid = excluded.cid, version = excluded.version, html = excluded.html
"""
KEEP = _KEEP.format(version=VERSION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What one post says. `html` is None where no page has needed it before; `markdown` is told only then."""

    uri: str
    cid: str
    text: str
    markdown: str | None
    html: str | None


def body_of(row: Row) -> Body:
    """The body from the columns of BODY."""
    return Body(uri=row["uri"], cid=row["cid"], text=row["text"], markdown=row["markdown"], html=row["html"])


async def keep_renderings(connection: Connection, made: Sequence[tuple[Body, str]]) -> None:
    """Keep what was made of these bodies, for the pages to come."""
    columns = zip(*((body.uri, body.cid, html) for body, html in made), strict=True)
    await connection.execute(KEEP, *map(list, columns))
