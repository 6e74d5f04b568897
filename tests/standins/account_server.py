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

DID = "did:plc:" + "f" * 24
HANDLE = "forum.example.org"
PASSWORD = "correct horse"
CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"
REV = "3lbxyz2345672"

Json = dict[str, Any]  # JSON


@dataclass(slots=True)
class AccountServer:
    """`answers` replace what a method would say, until they are taken away."""

    did: str = DID
    lifetime_seconds: int = 7200
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    asked: list[tuple[float, str]] = field(default_factory=list)
    written: list[Json] = field(default_factory=list)
    access: str = ""
    refresh: str = ""

    def client(self) -> WebClient:
        return WebClient(httpx.AsyncClient(transport=httpx.MockTransport(self._send)), allow_http=False)

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

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """The answer as from a wire, to be read once."""
        response = await self._answer(request)
        return httpx.Response(response.status_code, stream=httpx.ByteStream(response.content))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        method = path.rpartition(".")[2] if path.startswith("/xrpc/") else path
        self.asked.append((trio.current_time(), method))
        await trio.lowlevel.checkpoint()
        if method in self.answers:
            return self.answers[method]
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        body = json.loads(request.content or b"{}")
        if method == "createSession":
            fits = body == {"identifier": HANDLE, "password": PASSWORD}
            return self._session() if fits else refusal("AuthenticationRequired", 401)
        if method == "refreshSession":
            return self._session() if token == self.refresh else refusal("ExpiredToken")
        if method.startswith("/"):
            return httpx.Response(404)
        if token != self.access:
            return refusal("ExpiredToken")
        self.written.append(body)
        uri = f"at://{self.did}/{body['collection']}/{body.get('rkey', REV)}"
        return httpx.Response(200, json={"uri": uri, "cid": CID, "commit": {"cid": CID, "rev": REV}})

    def _session(self) -> httpx.Response:
        number = len(self.asked)
        claims = json.dumps({"iat": 0, "exp": self.lifetime_seconds, "jti": number})
        self.access = f"e30.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.x"
        self.refresh = f"refresh{number}"
        return httpx.Response(200, json={"did": self.did, "accessJwt": self.access, "refreshJwt": self.refresh})


def refusal(name: str, status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"error": name, "message": "No."})
