"""The way to a streamable HTTP server, with answers of bounded size."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from core.agent.mcp.server import LARGEST_MESSAGE, McpServer

_TIMEOUT = httpx2.Timeout(30, read=300)


class AnswerTooLarge(httpx2.StreamError):
    """The SDK takes this for an unreadable answer to one request, not for the end of the connection."""

    def __init__(self) -> None:
        super().__init__(f"more than {LARGEST_MESSAGE:,} bytes")


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > LARGEST_MESSAGE:
                raise AnswerTooLarge
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    """Streams of events may be endless; of those the SDK bounds each event. Raises for who is not let in."""
    if response.status_code in (401, 403):
        response.raise_for_status()
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("It compresses its answers though it was asked not to.")
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream)


@asynccontextmanager
async def http_streams(server: McpServer) -> AsyncIterator[tuple[Any, Any]]:
    """Give what the SDK's client reads and writes; the server's headers go to its own origin only."""
    headers = {"Accept-Encoding": "identity", **server.headers}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT, event_hooks={"response": [_bound]}) as client,
        streamable_http_client(server.url, http_client=client, max_sse_event_size=LARGEST_MESSAGE) as streams,
    ):
        yield streams
