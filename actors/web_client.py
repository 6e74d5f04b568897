"""The one client for hosts that users name: PDSes, did:web hosts, handles' own sites.

Addresses are checked after resolution and the checked address is the one dialled, so a name that answers differently
the second time gains nothing. Private, loopback, link-local and metadata addresses are refused unless in development.
Sizes, times and redirects are bounded. `Unavailable`: a host does not answer; `BadInput`: the answer is bad.
"""

import ipaddress
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

import httpcore
import httpx
import msgspec
import trio

from forum.errors import BadInput, Unavailable

MAX_ANSWER_BYTES = 1_000_000
SECONDS = 10
CONNECT_SECONDS = 5.0
IDLE_SECONDS = 5.0  # for which a connection is kept
MAX_CONNECTIONS = 50
BASIC_HEADERS: Final = ((b"user-agent", b"atbb"), (b"accept", b"*/*"), (b"accept-encoding", b"identity"))
SILENT: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpx.InvalidURL,
    UnicodeError,  # bad IDNA
    trio.TooSlowError,
)

Headers = Mapping[str, str]
NO_HEADERS: Final[Headers] = MappingProxyType({})

UNICAST = ipaddress.ip_network("2000::/3")  # of all IPv6 addresses only these are given out to be reached
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 addresses behind NAT64
RESERVED = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("3fff::/20"))  # Python 3.11 holds them public


class TooLarge(BadInput):
    """The answer is longer than asked for; perhaps less can be asked for."""

    def __init__(self, message: str) -> None:
        super().__init__("too_large", message)


class Guard(httpcore.AsyncNetworkBackend):
    """Dials public addresses only: resolves the name itself and connects to what it has checked."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpcore.TrioBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        last: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await self._addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("no unix sockets here")

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # UnicodeError: an empty or overlong label
            raise httpcore.ConnectError(f"{host} does not resolve") from error
        addresses = [str(sockaddr[0]) for *_, sockaddr in found]
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise httpcore.ConnectError(f"{host} has a private address")
        return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when it hides inside an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner:
            return is_public(str(inner))
        if ip in TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in RESERVED)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer, never larger than asked for."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> object:
        """Raises `BadInput` when it is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise BadInput("bad_answer", "the answer is not JSON") from error


class WebClient:
    """GET, and POST of JSON or of a form, with bounds. An answer with an error is an answer."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, *, allow_http: bool, seconds: float = SECONDS) -> None:
        self._pool = pool
        self._allow_http = allow_http
        self._seconds = seconds
        self._limits = {"timeout": {"connect": min(seconds, CONNECT_SECONDS)}}
        # The pool never has to queue: what it lets wait and is cancelled can be given a connection that nobody frees.
        self._slots = trio.CapacityLimiter(MAX_CONNECTIONS)

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Headers = NO_HEADERS,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Raises `Unavailable` when the host does not answer in time, `BadInput` when the answer is too large."""
        return await self._ask("GET", url, max_bytes, params=params, headers=headers)

    async def post(
        self,
        url: str,
        body: object,
        *,
        token: str | None = None,
        headers: Headers = NO_HEADERS,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Send a body, None for an empty one, as whom the token stands for. Raises as above."""
        sent, content = dict(headers), b""
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if body is not None:
            content, sent["content-type"] = msgspec.json.encode(body), "application/json"
        return await self._ask("POST", url, max_bytes, content=content, headers=sent)

    async def post_form(
        self, url: str, form: Mapping[str, str], *, headers: Headers = NO_HEADERS, max_bytes: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """Send what a form holds. Raises as above."""
        sent = {**headers, "content-type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", url, max_bytes, content=urlencode(form).encode(), headers=sent)

    async def _ask(
        self,
        method: str,
        url: str,
        max_bytes: int,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Headers = NO_HEADERS,
    ) -> Answer:
        if not self._allow_http and not url.startswith("https://"):
            raise BadInput("not_https", f"{url} is not https")
        try:
            target = httpx.URL(url, params=params)
            sent = [(b"host", target.netloc), *BASIC_HEADERS]
            sent += [(name.encode(), value.encode()) for name, value in headers.items()]
            asked = self._pool.stream(
                method,
                httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path),
                headers=sent,
                content=content,
                extensions=self._limits,
            )
            with trio.fail_after(self._seconds):
                async with self._slots, asked as response:
                    body = await _read(response, max_bytes, target.host)
                    return Answer(response.status, body, httpx.Headers(response.headers))
        except SILENT as error:
            raise Unavailable(f"{url} does not answer: {type(error).__name__} {error}") from error


async def _read(response: httpcore.Response, max_bytes: int, host: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_stream():  # as it came: unpacked, a small answer can fill the memory
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge(f"the answer of {host} is over {max_bytes} bytes")
    return bytes(body)


@asynccontextmanager
async def open_web_client(*, development: bool, seconds: float = SECONDS) -> AsyncIterator[WebClient]:
    """`development` allows http and private addresses; an answer may take so many seconds."""
    async with httpcore.AsyncConnectionPool(
        ssl_context=httpx.create_ssl_context(trust_env=False),
        max_connections=MAX_CONNECTIONS,
        keepalive_expiry=IDLE_SECONDS,
        network_backend=Guard(allow_private=development),
    ) as pool:
        yield WebClient(pool, allow_http=development, seconds=seconds)
