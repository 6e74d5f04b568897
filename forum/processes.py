"""What the processes of one forum tell each other of how they are: a row for each, renewed every second.

What they say is theirs to read (`actors/vitals.py`); the database only passes it on, and forgets who has fallen silent.
"""

from forum.database import Connection

FRESH_SECONDS = 10  # who was not heard of for so long is not there
TELL = """
INSERT INTO processes AS p (name, vitals) VALUES ($1, $2::json)
    ON CONFLICT (name) DO UPDATE SET told_at = clock_timestamp(), vitals = excluded.vitals
"""
FORGET = "DELETE FROM processes WHERE told_at < clock_timestamp() - interval '1 minute'"
TOLD = """
SELECT vitals FROM processes WHERE told_at > clock_timestamp() - make_interval(secs => $1) ORDER BY name
"""


async def tell(connection: Connection, name: str, vitals: str) -> None:
    """How this process is, as JSON."""
    await connection.execute(TELL, name, vitals)


async def forget_the_silent(connection: Connection) -> None:
    await connection.execute(FORGET)


async def told(connection: Connection) -> list[str]:
    """What each process that is there said last."""
    return [row["vitals"] for row in await connection.fetch(TOLD, FRESH_SECONDS)]
