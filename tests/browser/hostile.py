"""A forum all of whose words are attacks: every field of every record, what accounts are called, and what is asked for.

The records go the way that all records go, by `apply()`. Each payload stands alone in a plain reply and in one of
Markdown; names hold several, for there is less room on a page for those.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from forum.protocol.events import RecordOp
from forum.records.names import BOARD, CATEGORY, FORUM, GRANT, ROLE
from tests.support.forum import STAMP, F, Index, membership, put, ref, reply, tid, topic, uri

PAYLOADS: Sequence[str] = json.loads((Path(__file__).parents[1] / "web" / "pages" / "payloads.json").read_text())
TOGETHER = 12  # with the opening post two replies each fill a page of a topic

Record = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class Part:
    """Some payloads, with a board, a topic and a member of their own; the number tells these from others'."""

    number: int
    payloads: Sequence[str]

    @property
    def joined(self) -> str:
        return " ".join(self.payloads)

    @property
    def did(self) -> str:
        return f"did:plc:member{self.number}"

    @property
    def pages(self) -> Iterator[tuple[str, int]]:
        """Those that show them, or what was asked for, and the status of each."""
        asked = quote(self.joined, safe="")
        yield f"/b/{tid(self.number)}?asked={asked}", 200
        yield f"/t/{self.did}/{tid(self.number)}", 200
        yield f"/@{self.did}", 200
        yield f"/{asked}", 404

    def records(self) -> Iterator[RecordOp]:
        """All of them."""
        n, named = self.number, {"name": self.joined, "description": self.joined, "createdAt": STAMP}
        under, inside = {"category": {"category": ref(uri(F, n, CATEGORY))}}, uri(F, n, BOARD)
        yield put(F, n, n, {**named, "slug": self.joined}, collection=CATEGORY)
        yield put(F, n, n, {**named, **under, "slug": self.joined}, collection=BOARD)
        yield put(F, n, n, {**named, "permissions": ["*", *self.payloads], "priority": 1}, collection=ROLE)
        given = {"subject": self.did, "role": {"role": ref(uri(F, n, ROLE))}, "createdBy": F, "createdAt": STAMP}
        yield put(F, n, n, given, collection=GRANT)
        yield put(self.did, n, n, membership())
        yield put(self.did, n, n, {**topic(self.joined, board=inside), "title": self.joined, **markdown(self.joined)})
        for place, payload in enumerate(self.payloads):
            plain, formatted = 1000 * n + 2 * place, 1000 * n + 2 * place + 1
            yield put(self.did, plain, plain, reply(uri(self.did, n), payload))
            yield put(self.did, formatted, formatted, reply(uri(self.did, n), payload) | markdown(payload))


def parts() -> Sequence[Part]:
    """All payloads, in parts numbered from 1."""
    starts = range(0, len(PAYLOADS), TOGETHER)
    return [Part(number, PAYLOADS[start : start + TOGETHER]) for number, start in enumerate(starts, 1)]


async def attack(index: Index) -> None:
    """Put all of it there, in the name of a forum that is called by all of them."""
    await index.settings()
    named = {"name": " ".join(PAYLOADS), "description": " ".join(PAYLOADS), "createdAt": STAMP}
    await index.apply(put(F, "self", 1, named, collection=FORUM))
    for part in parts():
        await index.apply(*part.records())
        await index.do("UPDATE accounts SET handle = $2 WHERE did = $1", part.did, part.joined)


def markdown(text: str) -> Record:
    return {"content": {"$type": "space.atbb.post#markdown", "markdown": text}}
