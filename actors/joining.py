"""The membership record that an account's first sign-in leaves in its repository.

Once: under a key chosen beforehand, so that two sign-ins at a time, or one that heard no answer, write the same record.
Nothing that goes wrong here concerns the sign-in; the next one tries again.
"""

import structlog
import trio

from actors.oauth import GrantOver
from actors.pds_client import Refused
from actors.repository import Repository
from forum.database import Database
from forum.errors import BadInput, Unavailable
from forum.joining import forum_to_join, membership_record
from forum.own_writes import OwnWrite, show_own_write
from forum.posts import new_rkey
from forum.records.names import MEMBERSHIP
from forum.writes import claim

SECONDS = 15  # somebody waits for their page
KEY = "the membership"  # no client's: theirs have no blank in them

log = structlog.get_logger(__name__)


async def join_forum(database: Database, repository: Repository, *, forum_did: str) -> None:
    """Have the repository's account be a member, if it is none; or log why that could not be."""
    try:
        with trio.fail_after(SECONDS):
            await _join(database, repository, forum_did)
    except (Unavailable, BadInput, Refused, GrantOver, trio.TooSlowError) as failure:
        log.warning("joining_failed", did=repository.did, reason=str(failure) or type(failure).__name__)


async def _join(database: Database, repository: Repository, forum_did: str) -> None:
    async with database.connection() as connection:
        forum = await forum_to_join(connection, repository.did, forum_did=forum_did)
    if forum is None:
        return
    write = await _unseen(repository, forum["uri"])
    if write is None:
        async with database.connection() as connection:
            rkey = await claim(connection, repository.did, KEY, forum["uri"], rkey=new_rkey())
        write = await repository.put(MEMBERSHIP, rkey, membership_record(forum, rkey))
    await show_own_write(database, write, forum_did=forum_did)


async def _unseen(repository: Repository, forum_uri: str) -> OwnWrite | None:
    """The membership that the repository holds and the index has not seen, if there is one."""
    for op in await repository.records(MEMBERSHIP):
        if op.record is not None and op.record["forum"]["forum"]["uri"] == forum_uri:
            return await repository.found(MEMBERSHIP, op.rkey)
    return None
