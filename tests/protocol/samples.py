"""What the tests of the decoders have in common: an account, a forum, a moment, and a commit to look at."""

from typing import Any

from forum.protocol.wire import Wanted
from forum.records.names import POST
from forum.records.syntax import tid_of
from tests.protocol.repo_builder import Commit, K256Signer, RepoBuilder

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
FORUM_DID = "did:plc:44ybard66vv44zksje25o7dz"
STRANGER = "did:plc:7iza6de2dwap2sbkpav7c6c6"
NOW = 1_790_000_000_000_000
WANTED = Wanted(FORUM_DID, frozenset({DID}))


def path_of(number: int, collection: str = POST) -> str:
    return f"{collection}/{tid_of(NOW - 10**9 + number, 7)}"


def post_of(text: str = "Hello, wörld") -> dict[str, Any]:
    return {"$type": POST, "text": text, "createdAt": "2026-09-21T12:00:00Z"}


def new_repo(did: str = DID) -> RepoBuilder:
    return RepoBuilder(did, K256Signer(b"\x07" * 32))


def first_commit(did: str = DID, collection: str = POST) -> Commit:
    return new_repo(did).commit(NOW, creates={path_of(0, collection): post_of()})
