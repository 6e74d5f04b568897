"""A connection pool whose servers are a function: what it is asked for goes there, without sockets."""

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import cast

import httpcore
import httpx

Answering = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Wire(httpcore.AsyncConnectionPool):
    def __init__(self, answering: Answering) -> None:
        super().__init__()
        self._answering = answering

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        url = request.url
        where = httpx.URL(scheme=url.scheme.decode(), host=url.host.decode(), port=url.port, raw_path=url.target)
        body = b"".join([part async for part in cast("AsyncIterable[bytes]", request.stream)])
        asked = httpx.Request(request.method.decode(), where, headers=request.headers, content=body)
        answer = await self._answering(asked)
        return httpcore.Response(answer.status_code, headers=answer.headers.raw, content=answer.content)
