"""What is shown, worked out a second time: from the repositories alone, in the words of the contract, without SQL."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forum.permissions import BUILT_IN, CREATE_POSTS, CREATE_TOPICS, EVERYTHING
from forum.protocol.events import RecordOp
from forum.records.names import BOARD, GRANT, MOD_ACTION, POST, ROLE
from tests.support.index import Repos

Record = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True)
class Rule:
    """What a forum's repository says, and its settings."""

    repos: Repos
    forum_did: str
    default_role: str

    def shown(self) -> set[str]:
        """The URIs of all posts that are shown, those in topics that are not shown or not here too."""
        return {op.uri for did in self.repos for op, record in self.kept(did, POST) if self.is_shown(op, record)}

    def is_shown(self, op: RecordOp, record: Record) -> bool:
        root = record["reply"]["root"]["uri"] if "reply" in record else None
        if root is None and not record["board"]["board"]["uri"].startswith(f"at://{self.forum_did}/{BOARD}/"):
            return False
        if self.since("ban", op.did) or self.since("delete", op.uri):
            return False
        ends = (
            self.until(op.did, CREATE_POSTS if root else CREATE_TOPICS),
            self.since("mute", op.did),
            self.since("lock", root) if root else None,
        )
        return all(end is None or op.rkey <= end for end in ends)

    def until(self, did: str, permission: str) -> str | None:
        """The key of the grant that took the right, and nobody gave it back; empty if it was never there."""
        if did == self.forum_did:
            return None
        taken = None if permission in self.permitted(None) else ""
        for op, record in self.kept(self.forum_did, GRANT):
            if record["subject"] != did:
                continue
            if permission in self.permitted(record["role"]["role"]["uri"] if "role" in record else None):
                taken = None
            elif taken is None:
                taken = op.rkey
        return taken

    def permitted(self, role_uri: str | None) -> set[str]:
        """What a grant of that role permits, or none: that role if it is there, else the default one."""
        roles = {op.uri: record for op, record in self.kept(self.forum_did, ROLE)}
        if not roles:
            permissions = set(BUILT_IN[self.default_role].permissions) if self.default_role in BUILT_IN else set()
        else:
            default = [record for _, record in sorted(roles.items()) if record["name"] == self.default_role]
            role = roles.get(role_uri or "", default[-1] if default else {"permissions": ()})
            permissions = set(role["permissions"])
        return permissions | {CREATE_TOPICS, CREATE_POSTS} if EVERYTHING in permissions else permissions

    def since(self, pair: str, subject: str) -> str | None:
        """The key of the moderator's word from which on it holds, if it does; to say it again begins nothing anew."""
        found = None
        for op, record in self.kept(self.forum_did, MOD_ACTION):
            word, on = record["action"].removeprefix(f"{MOD_ACTION}."), record["subject"]
            if word.removeprefix("un") == pair and subject in (on.get("did"), on.get("post", {}).get("uri")):
                found = (found or op.rkey) if word == pair else None
        return found

    def kept(self, did: str, collection: str) -> Iterator[tuple[RecordOp, Record]]:
        """The valid records of a collection, in the order of their keys."""
        for _, op in sorted(self.repos[did].get(collection, {}).items()):
            if op.record is not None:
                yield op, op.record
