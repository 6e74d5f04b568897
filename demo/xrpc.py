"""What people and admins do on a personal data server, by XRPC over HTTP: accounts, records, moderation of accounts."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from demo.network import Address

Record = Mapping[str, Any]  # Any: a record is whatever its author writes
Answer = dict[str, Any]  # Any: JSON
PAGE = 100  # the most listRecords gives at once
SECONDS = 60


class Refused(Exception):
    """The server answered with an error; `name` is the protocol's word for it."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(f"{status} {name}: {message}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Ref:
    """A version of a record: what a strongRef points to."""

    uri: str
    cid: str

    @property
    def rkey(self) -> str:
        return self.uri.rpartition("/")[2]

    def as_json(self) -> dict[str, str]:
        return {"uri": self.uri, "cid": self.cid}


@dataclass(frozen=True, slots=True)
class Change:
    """One write of `apply_writes`; without a record it is a delete."""

    action: Literal["create", "update", "delete"]
    collection: str
    rkey: str
    record: Record | None = None

    def as_json(self) -> Answer:
        kind = f"com.atproto.repo.applyWrites#{self.action}"
        value = {} if self.record is None else {"value": self.record}
        return {"$type": kind, "collection": self.collection, "rkey": self.rkey, **value}


@dataclass(frozen=True, slots=True)
class Pds:
    """A server, as anyone and as its admin."""

    address: Address
    http: httpx.AsyncClient

    async def account(self, name: str, *, unique: bool = True) -> "Account":
        """A new account, whose handle is the name, with something behind it where several tests share the server."""
        handle = f"{unique_name(name) if unique else name}{self.address.domain}"
        password = secrets.token_hex(8)
        asked = {"handle": handle, "email": f"{handle}@example.org", "password": password}
        made = await self.post("com.atproto.server.createAccount", asked)
        return Account(self, made["did"], handle, password, {"authorization": f"Bearer {made['accessJwt']}"})

    async def dids(self) -> list[str]:
        """Every account whose repository is served."""
        found = await self.get("com.atproto.sync.listRepos", limit="1000")
        return [repo["did"] for repo in found["repos"] if repo["active"]]

    async def collections(self, did: str) -> list[str]:
        """The collections of a repository that hold something."""
        found = await self.get("com.atproto.repo.describeRepo", repo=did)
        return list(found["collections"])

    async def records(self, did: str, collection: str) -> list[tuple[Ref, Record]]:
        """All records of a collection, newest first."""
        found: list[tuple[Ref, Record]] = []
        cursor: dict[str, str] = {}
        while True:
            asked = {"repo": did, "collection": collection, "limit": str(PAGE), **cursor}
            page = await self.get("com.atproto.repo.listRecords", **asked)
            found += [(Ref(record["uri"], record["cid"]), record["value"]) for record in page["records"]]
            if "cursor" not in page:
                return found
            cursor = {"cursor": page["cursor"]}

    async def latest_rev(self, did: str) -> str:
        """The revision of the repository's newest commit."""
        return str((await self.get("com.atproto.sync.getLatestCommit", did=did))["rev"])

    async def take_down(self, did: str, *, applied: bool = True) -> None:
        """Take an account down as the admin, or end that."""
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": did}
        asked = {"subject": subject, "takedown": {"applied": applied}}
        await self.post("com.atproto.admin.updateSubjectStatus", asked, **self._as_admin())

    async def delete_account(self, did: str) -> None:
        """Delete an account as the admin."""
        await self.post("com.atproto.admin.deleteAccount", {"did": did}, **self._as_admin())

    def _as_admin(self) -> Mapping[str, Any]:  # Any: arguments of httpx
        return {"auth": ("admin", self.address.admin_password)}

    async def get(self, nsid: str, **params: str) -> Answer:
        return answer_of(await self.http.get(f"{self.address.url}/xrpc/{nsid}", params=params))

    async def post(self, nsid: str, body: Answer | None, **arguments: Any) -> Answer:  # Any: for httpx
        return answer_of(await self.http.post(f"{self.address.url}/xrpc/{nsid}", json=body, **arguments))


@dataclass(frozen=True, slots=True)
class Account:
    """Someone signed in."""

    pds: Pds
    did: str
    handle: str
    password: str
    headers: Mapping[str, str]

    async def create(self, collection: str, record: Record, *, rkey: str | None = None) -> Ref:
        """Write a new record; the server chooses its key unless one is given."""
        asked = {"collection": collection, "record": {"$type": collection, **record}}
        made = await self._write("createRecord", asked | ({"rkey": rkey} if rkey else {}))
        return Ref(made["uri"], made["cid"])

    async def put(self, collection: str, rkey: str, record: Record) -> Ref:
        """Write a record, whether there was one or not."""
        asked = {"collection": collection, "rkey": rkey, "record": {"$type": collection, **record}}
        made = await self._write("putRecord", asked)
        return Ref(made["uri"], made["cid"])

    async def delete(self, collection: str, rkey: str) -> None:
        """Delete a record; it need not be there."""
        await self._write("deleteRecord", {"collection": collection, "rkey": rkey})

    async def apply_writes(self, changes: Sequence[Change]) -> None:
        """Up to 200 changes in one commit."""
        await self._write("applyWrites", {"writes": [change.as_json() for change in changes]})

    async def rename(self, name: str) -> str:
        """Take another handle of the same server."""
        handle = unique_name(name) + self.pds.address.domain
        await self._post("com.atproto.identity.updateHandle", {"handle": handle})
        return handle

    async def deactivate(self) -> None:
        await self._post("com.atproto.server.deactivateAccount", {})

    async def activate(self) -> None:
        await self._post("com.atproto.server.activateAccount", None)

    async def _write(self, method: str, asked: Answer) -> Answer:
        return await self._post(f"com.atproto.repo.{method}", {"repo": self.did, **asked})

    async def _post(self, nsid: str, body: Answer | None) -> Answer:
        return await self.pds.post(nsid, body, headers=self.headers)


@asynccontextmanager
async def client_of(address: Address) -> AsyncIterator[Pds]:
    """Talk to a server."""
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as http:
        yield Pds(address, http)


def unique_name(name: str) -> str:
    return f"{name[:9]}-{secrets.token_hex(4)}"  # a PDS takes at most 18 characters


def answer_of(response: httpx.Response) -> Answer:
    """The answer, `{}` where there is none to give. Raises `Refused`."""
    if response.is_success:
        found: Answer = response.json() if response.content else {}
        return found
    try:
        said = response.json()
    except ValueError:
        said = {}
    raise Refused(response.status_code, said.get("error", ""), said.get("message", ""))
