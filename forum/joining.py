"""Joining the forum: whether an account still has to, and the record by which it does."""

from collections.abc import Mapping

from forum.database import Connection
from forum.forum_records import Fields, checked, now
from forum.records.names import FORUM, MEMBERSHIP

# The CID of the forum's own record, which a membership refers to; none for who has joined, or without that record.
MAY_JOIN = """
SELECT cid FROM ledger
 WHERE did = $2 AND collection = $3 AND rkey = 'self' AND cid IS NOT NULL
   AND NOT EXISTS (SELECT FROM members WHERE did = $1)
"""


async def forum_to_join(connection: Connection, did: str, *, forum_did: str) -> Mapping[str, str] | None:
    """The strongRef to the forum; None if the account is a member, or the forum has no record yet."""
    cid = await connection.fetchval(MAY_JOIN, did, forum_did, FORUM)
    return None if cid is None else {"uri": f"at://{forum_did}/{FORUM}/self", "cid": cid}


def membership_record(forum: Mapping[str, str], rkey: str) -> Fields:
    """An account's word that it belongs to the forum."""
    at = now()
    return checked(MEMBERSHIP, {"forum": {"forum": forum}, "joinedAt": at, "createdAt": at}, rkey=rkey)
