"""Requests that prove who holds the key: DPoP (RFC 9449) with the nonces that servers hand out.

Each server's newest nonce is kept in memory and sent with the next request. A server that wants another one says so
before it does anything, so the request is made once more, with everything in it made anew.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from actors.web_client import Answer, Headers
from forum.errors import BadInput
from forum.protocol.dpop import Key, proof

SERVERS = 1000  # whose nonce we keep: those that were asked last

_is_nonce = re.compile(r"[\x21-\x7e]{1,256}").fullmatch

Request = Callable[[Headers], Awaitable[Answer]]  # makes the request with these headers


class Proving:
    """Adds proofs to requests."""

    def __init__(self) -> None:
        self._nonces: OrderedDict[str, str] = OrderedDict()

    async def send(self, request: Request, method: str, url: str, key: Key, *, token: str | None = None) -> Answer:
        """The answer to a request, once more if the server wants another nonce; then whatever it says."""
        server = urlsplit(url).netloc
        sent = self._nonces.get(server)
        answer = await request(headers_of(method, url, key, token=token, nonce=sent))
        newest = self._keep(server, answer)
        if newest in (None, sent) or not wants_nonce(answer):
            return answer
        answer = await request(headers_of(method, url, key, token=token, nonce=newest))
        self._keep(server, answer)
        return answer

    def _keep(self, server: str, answer: Answer) -> str | None:
        """Servers change their nonces in passing, in answers of any kind."""
        nonce = answer.headers.get("dpop-nonce")
        if nonce is None or not _is_nonce(nonce):
            return None
        self._nonces[server] = nonce
        self._nonces.move_to_end(server)
        if len(self._nonces) > SERVERS:
            self._nonces.popitem(last=False)
        return nonce


def headers_of(method: str, url: str, key: Key, *, token: str | None, nonce: str | None) -> Headers:
    proved = {"dpop": proof(key, method, url, now=time.time(), nonce=nonce, token=token)}
    return proved if token is None else {**proved, "authorization": f"DPoP {token}"}


def wants_nonce(answer: Answer) -> bool:
    """An authorization server says so with 400 and in the body, a resource server with 401 and in a header."""
    match answer.status:
        case 400:
            return error_of(answer) == "use_dpop_nonce"
        case 401:
            return 'error="use_dpop_nonce"' in answer.headers.get("www-authenticate", "")
    return False


def error_of(answer: Answer) -> str | None:
    """The protocol's word for what is wrong, if that is what the answer says."""
    try:
        said = answer.json()
    except BadInput:
        return None
    match said:
        case {"error": str(name)} if re.fullmatch(r"[A-Za-z0-9_]{1,100}", name):
            return name
    return None
