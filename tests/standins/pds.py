"""A PLC directory, a relay and personal data servers on loopback: honest, until the script of a test says otherwise.

async with small_net("home", "other") as net:
    ann = net.add(ANN, "home")
    ann.put(POST, 1, topic())
    ann.scripts[LIST] = always(said({"error": "InternalServerError"}, 500))
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import trio

from forum.records.datamodel import cid_of
from tests.support.forum import tid
from tests.support.site import Reply, said

LATEST, STATUS = "com.atproto.sync.getLatestCommit", "com.atproto.sync.getRepoStatus"
LIST = "com.atproto.repo.listRecords"
LIST_REPOS, BY_COLLECTION = "com.atproto.sync.listRepos", "com.atproto.sync.listReposByCollection"
AWAY = {"deactivated": "RepoDeactivated", "takendown": "RepoTakendown", "suspended": "RepoSuspended"}

Record = dict[str, Any]  # Any: JSON
Params = Mapping[str, str]
Script = Callable[[Params], Awaitable[Reply | None]]  # None: the honest answer after all
CUT = Reply(0)  # the connection is closed without an answer
NOT_THERE = said({"error": "RepoNotFound"}, 400)


def always(reply: Reply) -> Script:
    async def script(params: Params) -> Reply:
        return reply

    return script


def at_first(times: int, reply: Reply) -> Script:
    """So many times; then honest."""
    left = iter(range(times))

    async def script(params: Params) -> Reply | None:
        return reply if next(left, None) is not None else None

    return script


@dataclass(slots=True)
class Repo:
    """A repository. `scripts`, by method, come before what its server would say."""

    did: str
    home: "Server"
    number: int = 1
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    status: str = "active"
    scripts: dict[str, Script] = field(default_factory=dict)

    @property
    def rev(self) -> str:
        return tid(self.number)

    def put(self, collection: str, key: int | str, record: Mapping[str, Any]) -> None:
        """Write a record; the repository moves on."""
        self.number += 1
        rkey = key if isinstance(key, str) else tid(key)
        self.records.setdefault(collection, {})[rkey] = {"$type": collection, **record}

    def delete(self, collection: str, key: int) -> None:
        self.number += 1
        del self.records[collection][tid(key)]

    def entry(self, collection: str, rkey: str) -> Record:
        """As listRecords gives it."""
        value = self.records[collection][rkey]
        return {"uri": f"at://{self.did}/{collection}/{rkey}", "cid": cid_of(value), "value": value}

    def page(self, params: Params) -> Reply:
        collection, below = params["collection"], params.get("cursor")
        keys = [key for key in sorted(self.records.get(collection, {}), reverse=True) if below is None or key < below]
        found = keys[: int(params["limit"])]
        more = {"cursor": found[-1]} if found else {}
        return said({"records": [self.entry(collection, key) for key in found], **more})

    def answer(self, method: str, params: Params) -> Reply:
        if method == STATUS:
            told = {} if self.status == "active" else {"status": self.status}
            return said({"did": self.did, "active": self.status == "active", **told})
        if self.status != "active":
            return said({"error": AWAY[self.status]}, 400)
        if method == LATEST:
            return said({"rev": self.rev, "cid": cid_of({"rev": self.rev})})
        return self.page(params) if method == LIST else said({"error": "MethodNotImplemented"}, 501)


@dataclass(slots=True)
class Server:
    """One host. `asked`: method and account of each request, in order; `busy`: how many are being answered."""

    name: str
    net: "Net"
    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    busy: int = 0
    listener: trio.CancelScope = field(default_factory=trio.CancelScope)

    def stop(self) -> None:
        """From now on connections are refused."""
        self.listener.cancel()

    async def answer(self, path: str, params: Params) -> Reply:
        method, did = path.removeprefix("/xrpc/"), params.get("did") or params.get("repo") or ""
        self.asked.append((method, did))
        self.net.log.append((self.name, method, did))
        repo = self.repos.get(did)
        for scripts in (repo.scripts if repo else {}, self.scripts):
            if (script := scripts.get(method)) and (reply := await script(params)):
                return reply
        if path.startswith("/did:"):
            return self.net.document(path[1:])
        if method in (LIST_REPOS, BY_COLLECTION):
            return self.list(params)
        return repo.answer(method, params) if repo else NOT_THERE

    def list(self, params: Params) -> Reply:
        """A relay (which has no repositories of its own) lists everyone's."""
        repos = self.repos or {did: repo for server in self.net.servers.values() for did, repo in server.repos.items()}
        collection, after = params.get("collection"), params.get("cursor", "")
        dids = sorted(
            did for did, repo in repos.items() if did > after and (not collection or repo.records.get(collection))
        )
        found = dids[: int(params["limit"])]
        more = {"cursor": found[-1]} if found != dids else {}
        return said({"repos": [{"did": did} for did in found], **more})

    async def handle(self, stream: trio.SocketStream) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (part := await stream.receive_some()):
                return
            head += part
        path, _, query = head.split(b" ")[1].decode().partition("?")
        self.busy += 1
        self.net.note_busy()
        try:
            reply = await self.answer(path, dict(parse_qsl(query)))
        finally:
            self.busy -= 1
        with suppress(trio.BrokenResourceError):  # it has heard enough
            await send(stream, reply)
        await trio.aclose_forcefully(stream)


async def send(stream: trio.SocketStream, reply: Reply) -> None:
    if reply.status == 0:
        return
    length = len(reply.body) + (1 if reply.stalls else 0)
    fields = {"content-length": str(length), "connection": "close", **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} .", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    await stream.send_all("\r\n".join(lines).encode() + reply.body)
    if reply.stalls:
        await stream.receive_some()  # until the other side gives up


@dataclass(slots=True)
class Net:
    """All of it. `log` has every request in order: server, method, account; `most_busy`: how many at a time, where
    repositories are.
    """

    servers: dict[str, Server] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)  # DID → what its document names as its server
    log: list[tuple[str, str, str]] = field(default_factory=list)
    most_busy: int = 0

    def note_busy(self) -> None:
        self.most_busy = max(self.most_busy, sum(server.busy for server in self.servers.values() if server.repos))

    def add(self, did: str, server: str) -> Repo:
        """A new account."""
        home = self.servers[server]
        self.homes[did] = home.url
        home.repos[did] = Repo(did, home)
        return home.repos[did]

    def move(self, repo: Repo, server: str) -> None:
        """To another server; the old one does not know it any more."""
        del repo.home.repos[repo.did]
        repo.home = self.servers[server]
        repo.home.repos[repo.did] = repo
        self.homes[repo.did] = repo.home.url

    def document(self, did: str) -> Reply:
        if did not in self.homes:
            return Reply(410)
        service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.homes[did]}
        return Reply(200, json.dumps({"id": did, "service": [service]}).encode())


@asynccontextmanager
async def small_net(*names: str) -> AsyncIterator[Net]:
    """Servers of these names, and "plc" and "relay", each on a free port of its own."""
    net = Net()
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        for name in ("plc", "relay", *names):
            server = net.servers[name] = Server(name, net)
            (listener,) = await nursery.start(partial(listen, server))
            server.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        yield net
        nursery.cancel_scope.cancel()


async def listen(server: Server, *, task_status: trio.TaskStatus[list[trio.SocketListener]]) -> None:
    with server.listener:
        await trio.serve_tcp(server.handle, 0, host="127.0.0.1", task_status=task_status)
