"""Whether the index holds what the repositories hold: every record of every collection, by URI and version."""

from collections.abc import Mapping
from dataclasses import dataclass

import trio

from daemon.pool import Pool
from demo.xrpc import Pds
from forum.records.names import COLLECTIONS, is_ours

PATIENCE_SECONDS = 30
POLL_SECONDS = 0.1
HELD = """
SELECT collection, 'at://' || did || '/' || collection || '/' || rkey AS uri, cid FROM ledger WHERE cid IS NOT NULL
"""

Records = Mapping[str, frozenset[tuple[str, str]]]  # collection → (uri, cid)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides, complete."""

    repositories: Records
    index: Records

    @property
    def equal(self) -> bool:
        return self.repositories == self.index

    def table(self) -> str:
        """For people: a line per collection."""
        lines = [f"{'collection':<28}{'repositories':>13}{'index':>8}"]
        for name in sorted(COLLECTIONS):
            ours, theirs = self.index[name], self.repositories[name]
            verdict = "equal" if ours == theirs else f"{len(ours ^ theirs)} differ"
            lines.append(f"{name:<28}{len(theirs):>13}{len(ours):>8}   {verdict}")
        return "\n".join(lines)


async def compare(pds: Pds, index: Pool, forum_did: str) -> Comparison:
    """Read the repositories, and the index until it is equal or has had its time."""
    repositories = await in_repositories(pds, forum_did)
    found = Comparison(repositories, await in_index(index))
    with trio.move_on_after(PATIENCE_SECONDS):
        while not found.equal:
            await trio.sleep(POLL_SECONDS)
            found = Comparison(repositories, await in_index(index))
    return found


async def in_repositories(pds: Pds, forum_did: str) -> Records:
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in COLLECTIONS}
    for did in await pds.dids():
        for collection in await pds.collections(did):
            if is_ours(did, collection, forum_did):
                found[collection] |= {(ref.uri, ref.cid) for ref, _ in await pds.records(did, collection)}
    return {name: frozenset(records) for name, records in found.items()}


async def in_index(index: Pool) -> Records:
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in COLLECTIONS}
    async with index.connection() as connection:
        for row in await connection.fetch(HELD):
            found[row["collection"]].add((row["uri"], row["cid"]))
    return {name: frozenset(records) for name, records in found.items()}
