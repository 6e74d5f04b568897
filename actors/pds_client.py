"""A personal data server, by XRPC: sessions by password, and what anybody may read. For writes see `repository.py`.

Follows com.atproto.server.*, com.atproto.repo.* and com.atproto.sync.*, over the guarded client; what a server answers
is checked. Keeps nothing and logs nothing: passwords and tokens pass through here.
"""

import base64
import re
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field

import msgspec

from actors.hosts import pause_seconds
from actors.web_client import Answer, WebClient
from forum.errors import BadInput, Unavailable
from forum.protocol.events import RecordOp
from forum.protocol.listing import PAGE, LatestCommit, RecordPage, read_latest_commit, read_records
from forum.records.syntax import is_did

UNTOLD_LIFETIME_SECONDS = 1800.0  # of an access token that does not say when it ends
LONGEST_LIST = 10_000
TOO_MANY_REQUESTS = 429

_is_token = re.compile(r"[\x21-\x7e]{1,8192}").fullmatch  # no client library has then cause to quote it in an error
_is_name = re.compile(r"[A-Za-z0-9]{1,100}").fullmatch


class Refused(Exception):
    """The server will not do it, however often it is asked; `name` is the protocol's word for why."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the server refused: {name}")
        self.name = name


class Busy(Unavailable):
    """The server takes no more for now; `seconds` says how long it wants to be left alone."""

    def __init__(self, origin: str, seconds: float) -> None:
        super().__init__(f"{origin} wants to be left alone for {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A session of an account, and how long its access token lives."""

    did: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    lifetime_seconds: float


@dataclass(frozen=True, slots=True)
class PdsClient:
    """One server. All methods raise `Unavailable` when it gives no sensible answer, `Refused` when it says no."""

    web: WebClient
    origin: str

    async def create_session(self, identifier: str, password: str) -> Tokens:
        asked = {"identifier": identifier, "password": password}
        return self._tokens(await self._post("com.atproto.server.createSession", asked, token=None))

    async def refresh_session(self, tokens: Tokens) -> Tokens:
        """A new pair; the old one ends."""
        return self._tokens(await self._post("com.atproto.server.refreshSession", None, token=tokens.refresh))

    async def get_record(self, did: str, collection: str, rkey: str) -> RecordOp | None:
        """The record that is there now, with `why` if it is not one we can read; None if there is none."""
        try:
            answer = await self._get("com.atproto.repo.getRecord", repo=did, collection=collection, rkey=rkey)
        except Refused as refused:
            if refused.name == "RecordNotFound":
                return None
            raise
        return self._page({"records": [answer]}, did, collection, below=None).ops[0]

    async def list_records(self, did: str, collection: str) -> list[RecordOp]:
        """All records of a collection, newest first; of a very long one the newest."""
        found: list[RecordOp] = []
        cursor: str | None = None
        while len(found) < LONGEST_LIST:
            asked = {"repo": did, "collection": collection, "limit": str(PAGE)}
            answer = await self._get(
                "com.atproto.repo.listRecords", **asked, **({} if cursor is None else {"cursor": cursor})
            )
            page = self._page(answer, did, collection, below=found[-1].rkey if found else None)
            found += page.ops
            cursor = page.cursor
            if cursor is None:
                break
        return found

    async def latest_commit(self, did: str) -> LatestCommit:
        """The repository's newest commit."""
        answer = await self._get("com.atproto.sync.getLatestCommit", did=did)
        try:
            return read_latest_commit(answer, time.time_ns() // 1_000)
        except BadInput as bad:
            raise self.senseless(bad.reason) from bad

    async def said(self, asking: Awaitable[Answer]) -> object:
        """What the server says. Errors without the protocol's word for them come from something in between."""
        try:
            answer = await asking
            if answer.status == TOO_MANY_REQUESTS:
                raise Busy(self.origin, pause_seconds(answer.headers, time.time()))
            said = answer.json() if answer.body else {}
        except BadInput as bad:
            raise self.senseless(bad.reason) from bad
        if answer.status == 200:
            return said
        match said:
            case {"error": str(name)} if 400 <= answer.status < 500:
                raise Refused(name if _is_name(name) else "an error without a name")
        raise self.senseless(f"status {answer.status}")

    def senseless(self, what: str) -> Unavailable:
        return Unavailable(f"{self.origin} gives no sensible answer: {what}")

    async def _post(self, nsid: str, body: object, *, token: str | None) -> object:
        return await self.said(self.web.post(f"{self.origin}/xrpc/{nsid}", body, token=token))

    async def _get(self, nsid: str, **params: str) -> object:
        return await self.said(self.web.get(f"{self.origin}/xrpc/{nsid}", params=params))

    def _tokens(self, answer: object) -> Tokens:
        match answer:
            case {"did": str(did), "accessJwt": str(access), "refreshJwt": str(refresh)}:
                if is_did(did) and _is_token(access) and _is_token(refresh):
                    return Tokens(did=did, access=access, refresh=refresh, lifetime_seconds=lifetime_of(access))
        raise self.senseless("no session in it")

    def _page(self, answer: object, did: str, collection: str, *, below: str | None) -> RecordPage:
        try:
            return read_records(answer, did=did, collection=collection, rev="", below=below)
        except BadInput as bad:
            raise self.senseless(bad.reason) from bad


def lifetime_of(token: str) -> float:
    """Seconds from its issue to its end, as the token itself says; so the clocks of server and forum may differ."""
    try:
        payload = token.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return UNTOLD_LIFETIME_SECONDS
    match claims:
        case {"iat": int(issued), "exp": int(ends)} if issued < ends:
            return float(min(ends - issued, 24 * 3600))
    return UNTOLD_LIFETIME_SECONDS
