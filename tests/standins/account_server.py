"""A server with one account, as its own clients meet it: sessions whose tokens end, and records; without sockets.

So the agent can be watched for a day under a mock clock. What is asked of it is kept, with the time.
"""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import trio

from actors.web_client import WebClient
from forum.records.datamodel import cid_of
from forum.records.syntax import tid_of
from tests.standins.wire import Wire

DID = "did:plc:" + "f" * 24
HANDLE = "forum.example.org"
PASSWORD = "correct horse"
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"

Json = dict[str, Any]  # JSON


@dataclass(slots=True)
class AccountServer:
    """`answers` replace what a method would say, until they are taken away; not all servers tell their commits.

    What is `held` is answered once its event is set.
    """

    did: str = DID
    lifetime_seconds: int = 7200
    tells_commits: bool = True
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    held: dict[str, trio.Event] = field(default_factory=dict)
    asked: list[tuple[float, str]] = field(default_factory=list)
    written: list[Json] = field(default_factory=list)
    records: dict[tuple[str, str], Json] = field(default_factory=dict)  # by collection and key
    access: str = ""
    refresh: str = ""

    def client(self) -> WebClient:
        return WebClient(Wire(self.answer), allow_http=False)

    def times(self, method: str) -> list[float]:
        """When it was asked for this."""
        return [at for at, asked in self.asked if asked == method]

    def forget_access(self) -> None:
        """End the access token before its time."""
        self.access = "gone"

    def forget_session(self) -> None:
        self.access = self.refresh = "gone"

    def refuse(self, method: str, name: str, status: int = 400) -> None:
        self.answers[method] = httpx.Response(status, json={"error": name, "message": "No."})

    async def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        method = path.rpartition(".")[2] if path.startswith("/xrpc/") else path
        self.asked.append((trio.current_time(), method))
        await trio.lowlevel.checkpoint()
        if method in self.held:
            await self.held[method].wait()
        if method in self.answers:
            return self.answers[method]
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if method == "refreshSession":
            return self._session() if token == self.refresh else refusal("ExpiredToken")
        if request.method == "GET":
            return self._read(method, request.url.params)
        return self._post(method, json.loads(request.content), token)

    def _post(self, method: str, body: Json, token: str) -> httpx.Response:
        if method == "createSession":
            fits = body == {"identifier": HANDLE, "password": PASSWORD}
            return self._session() if fits else refusal("AuthenticationRequired", 401)
        return self._write(method, body) if token == self.access else refusal("ExpiredToken")

    def _read(self, method: str, asked: httpx.QueryParams) -> httpx.Response:
        if method == "getLatestCommit":
            return httpx.Response(200, json=self.commit())
        if method == "listRecords":
            keys = sorted(key for collection, key in self.records if collection == asked["collection"])
            return httpx.Response(200, json={"records": [self._shown(asked["collection"], key) for key in keys[::-1]]})
        if method != "getRecord":
            return httpx.Response(404)
        return self._record(asked["collection"], asked["rkey"])

    def _record(self, collection: str, rkey: str) -> httpx.Response:
        if (collection, rkey) not in self.records:
            return refusal("RecordNotFound")
        return httpx.Response(200, json=self._shown(collection, rkey))

    def _shown(self, collection: str, rkey: str) -> Json:
        record = self.records[collection, rkey]
        return {"uri": f"at://{self.did}/{collection}/{rkey}", "cid": cid_of(record), "value": record}

    def _write(self, method: str, body: Json) -> httpx.Response:
        """As a PDS does: the same value again is no commit, and a swap is held to the record that is there."""
        if method == "applyWrites":
            return self._write_all(body)
        self.written.append(body)
        rev = self._rev()
        key = (body["collection"], body.get("rkey", rev))
        there = self.records.get(key)
        commit = {"commit": self.commit()} if self.tells_commits else {}
        if method == "deleteRecord":
            self.records.pop(key, None)
            return httpx.Response(200, json=commit if there else {})
        written = {"uri": f"at://{self.did}/{key[0]}/{key[1]}", "cid": cid_of(body["record"])}
        if there == body["record"]:
            return httpx.Response(200, json=written)
        if "swapRecord" in body and (cid_of(there) if there else None) != body["swapRecord"]:
            return refusal("InvalidSwap")
        self.records[key] = body["record"]
        return httpx.Response(200, json=written | commit)

    def _write_all(self, body: Json) -> httpx.Response:
        """New records, in one commit, over the newest one."""
        if body["swapCommit"] != self.commit()["cid"]:
            return refusal("InvalidSwap")
        results = []
        for write in body["writes"]:
            self.written.append({"repo": body["repo"], "collection": write["collection"], "record": write["value"]})
            key = (write["collection"], self._rev())
            self.records[key] = write["value"]
            results.append({"uri": f"at://{self.did}/{key[0]}/{key[1]}", "cid": cid_of(write["value"])})
        return httpx.Response(200, json={"commit": self.commit(), "results": results})

    def commit(self) -> Json:
        """The newest."""
        rev = self._rev()
        return {"cid": cid_of({"rev": rev}), "rev": rev}

    def _rev(self) -> str:
        """Of the newest commit; it grows with what was asked for, whether that changed something or not."""
        return tid_of(1_700_000_000_000_000 + len(self.written), 0)

    def _session(self) -> httpx.Response:
        number = len(self.asked)
        claims = json.dumps({"iat": 0, "exp": self.lifetime_seconds, "jti": number})
        self.access = f"e30.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.x"
        self.refresh = f"refresh{number}"
        return httpx.Response(200, json={"did": self.did, "accessJwt": self.access, "refreshJwt": self.refresh})


def refusal(name: str, status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"error": name, "message": "No."})
