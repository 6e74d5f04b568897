"""A small forum to try things on: records in few words, revs and keys by number, an index recounted at each step."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from daemon.pool import Pool
from forum import ledger, visibility
from forum.database import Connection
from forum.permissions import PREFIX
from forum.protocol.events import RecordOp
from forum.records.names import BOARD, CATEGORY, FORUM, GRANT, MEMBERSHIP, MOD_ACTION, POST, REACTION, ROLE, THEME
from forum.records.syntax import tid_of
from tests.support.index import miscounts_of

F, ANN, BOB, CAT = "did:plc:forum", "did:plc:ann", "did:plc:bob", "did:plc:cat"
START = 1_700_000_000_000_000
STAMP = "2023-11-14T22:13:00Z"
HERE, ELSEWHERE = f"at://{F}/{BOARD}/{tid_of(START, 0)}", f"at://did:plc:other/{BOARD}/{tid_of(START, 0)}"

Record = dict[str, Any]


def tid(number: int) -> str:
    """A rev or a key; those of higher numbers are later."""
    return tid_of(START + number * 1_000_000, 0)


def ref(uri: str) -> Record:
    return {"uri": uri, "cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"}


def uri(did: str, key: int, collection: str = POST) -> str:
    return f"at://{did}/{collection}/{tid(key)}"


def topic(text: str = "topic", *, board: str = HERE) -> Record:
    return {"text": text, "title": "title", "board": {"board": ref(board)}, "createdAt": STAMP}


def reply(root: str, text: str = "reply") -> Record:
    return {"text": text, "reply": {"root": ref(root), "parent": ref(root)}, "createdAt": STAMP}


def board(name: str = "board") -> Record:
    return {"name": name, "category": {"category": ref(f"at://{F}/{CATEGORY}/{tid(0)}")}, "createdAt": STAMP}


def act(action: str, subject: str, **more: object) -> Record:
    """A moderator's word on an account or a post."""
    on = {"did": subject} if subject.startswith("did:") else {"post": ref(subject)}
    return {"action": f"{MOD_ACTION}.{action}", "subject": on, "createdBy": F, "createdAt": STAMP, **more}


def role(name: str, *words: str, priority: int = 30) -> Record:
    """A role that permits what the words say, such as createPosts; or everything."""
    permissions = [word if word == "*" else f"{PREFIX}{word}" for word in words]
    return {"name": name, "permissions": permissions, "priority": priority, "createdAt": STAMP}


def grant(subject: str, role: int | None) -> Record:
    """A role by its key; none: back to the default."""
    given = {} if role is None else {"role": {"role": ref(uri(F, role, ROLE))}}
    return {"subject": subject, "createdBy": F, "createdAt": STAMP, **given}


def theme(name: str, scheme: str, **tokens: str) -> Record:
    return {"name": name, "colorScheme": scheme, "tokens": tokens, "createdAt": STAMP}


def policy(light: int, dark: int, *others: int, allows_choice: bool = True) -> Record:
    """A theme policy by the keys of its themes, all of them live."""
    refs = [{"uri": uri(F, key, THEME)} for key in (light, dark, *others)]
    return {
        "availableThemes": refs,
        "defaultLightTheme": refs[0],
        "defaultDarkTheme": refs[1],
        "allowUserChoice": allows_choice,
    }


def membership(forum: str = F, **more: object) -> Record:
    return {"forum": {"forum": ref(f"at://{forum}/{FORUM}/self")}, "createdAt": STAMP, **more}


def reaction(subject: str) -> Record:
    return {"subject": ref(subject), "emoji": "🌻", "createdAt": STAMP}


def put(did: str, key: int | str, rev: int, record: Mapping[str, Any], *, collection: str | None = None) -> RecordOp:
    """A record written at a rev. Its collection is told by its fields."""
    rkey = key if isinstance(key, str) else tid(key)
    cid = f"cid{hash(str(record)) & 0xFFFFFFFF:x}"
    return RecordOp(
        did=did, collection=collection or _collection(record), rkey=rkey, rev=tid(rev), cid=cid, record=record
    )


def gone(did: str, key: int, rev: int, *, collection: str = POST, why: str | None = None) -> RecordOp:
    """A delete; or, with `why`, a record that was refused."""
    return RecordOp(did=did, collection=collection, rkey=tid(key), rev=tid(rev), why=why)


def snapshot_of(did: str, rev: int, collection: str = POST) -> ledger.Snapshot:
    """Of one collection."""
    return ledger.Snapshot(did=did, rev=tid(rev), collections=(collection,))


def _collection(record: Mapping[str, Any]) -> str:
    marks = {
        "text": POST,
        "action": MOD_ACTION,
        "emoji": REACTION,
        "subject": GRANT,  # of what is left
        "forum": MEMBERSHIP,
        "category": BOARD,
        "permissions": ROLE,
    }
    return next((name for mark, name in marks.items() if mark in record), FORUM)


class Index:
    """An index under test. Whatever is done to it, its counts must be what a recount says."""

    def __init__(self, database: Pool) -> None:
        self.database = database

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A transaction with the lock; afterwards all is recounted."""
        async with self.database.transaction() as tx:
            await ledger.take_lock(tx)
            yield tx
        async with self.database.connection() as connection:
            assert await miscounts_of(connection) == {}

    async def apply(self, *ops: RecordOp) -> ledger.Applied:
        async with self.writing() as tx:
            return await ledger.apply(tx, ops, forum_did=F)

    async def settings(self, *, default_role: str = "Member") -> None:
        """As the leader tells them; an empty role: joining is by approval."""
        async with self.writing() as tx:
            await visibility.keep_settings(tx, forum_did=F, default_role=default_role)

    async def begin(self, did: str, rev: int, *, collection: str = POST) -> int:
        """Begin a snapshot of one collection; the mark to finish it with."""
        async with self.writing() as tx:
            return (await ledger.begin_snapshots(tx, [snapshot_of(did, rev, collection)]))[did]

    async def page(self, did: str, rev: int, *ops: RecordOp, collection: str = POST) -> None:
        """The one page of a snapshot: all that is there."""
        page = ledger.Page(did=did, collection=collection, rev=tid(rev), low="", high=None, ops=ops)
        async with self.writing() as tx:
            await ledger.apply_pages(tx, [page], forum_did=F)

    async def snapshot(self, did: str, rev: int, *ops: RecordOp, collection: str = POST) -> None:
        """A whole one."""
        mark = await self.begin(did, rev, collection=collection)
        await self.page(did, rev, *ops, collection=collection)
        async with self.writing() as tx:
            await ledger.finish_snapshots(tx, [(snapshot_of(did, rev, collection), mark)])

    async def rows(self, query: str, *args: object) -> list[tuple[Any, ...]]:  # Any: as the query says
        async with self.database.connection() as connection:
            found: list[Any] = [*await connection.fetch(query, *args)]
        return [tuple(row) for row in found]

    async def one(self, query: str, *args: object) -> Any:  # Any: as the query says
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *args)

    async def do(self, statement: str, *args: object) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(statement, *args)

    async def shown(self) -> list[str]:
        """The texts readers see, in the order of their keys."""
        return [row[0] for row in await self.rows("SELECT text FROM posts WHERE shown ORDER BY rkey, did")]

    async def held(self) -> int:
        return int(await self.one("SELECT count(*) FROM posts"))

    async def why(self, did: str, key: int) -> str | None:
        """What the ledger says of a post that is not kept."""
        found: str | None = await self.one(
            "SELECT why FROM ledger WHERE did = $1 AND rkey = $2 AND cid IS NULL", did, tid(key)
        )
        return found

    async def counts(self) -> tuple[int, int]:
        """Topics and replies of our board."""
        rows = await self.rows("SELECT topic_count, reply_count FROM board_counts WHERE uri = $1", HERE)
        return rows[0] if rows else (0, 0)

    async def stale(self, did: str) -> str | None:
        """Why a repository is to be fetched anew; None when it is not."""
        found: str | None = await self.one(
            "SELECT stale_reason FROM repos WHERE did = $1 AND stale_since IS NOT NULL", did
        )
        return found
