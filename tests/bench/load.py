"""Readers of streamed answers: so many at once, each over a socket of its own, reading as little as can be."""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import urlsplit

LONGEST_SECONDS: Final = 120
_TEXT = re.compile(rb"@(\d{19})")
_LONGEST = 20
"""Bytes that a text cut by the end of a read may have."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, whole."""

    url: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        parts = urlsplit(self.url)
        body = json.dumps(self.body).encode()
        own = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **self.headers,
        }
        head = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items()), "", ""]
        return "\r\n".join(head).encode() + body


@dataclass(slots=True)
class Read:
    """What one reader got: seconds until the first piece of text, and those that each piece was under way."""

    first: float = 0.0
    took: list[float] = field(default_factory=list)
    head: bytes = b""


class _Reader(asyncio.Protocol):
    def __init__(self, asked: Asked) -> None:
        self._asked, self._left, self._began = asked, b"", 0.0
        self.read = Read()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._began = time.perf_counter()
        cast(asyncio.Transport, transport).write(self._asked.encoded())

    def data_received(self, data: bytes) -> None:
        arrived, data = time.monotonic_ns(), self._left + data
        if not self.read.head:
            self.read.head = data[:15]
        end = 0
        for found in _TEXT.finditer(data):
            self.read.took.append((arrived - int(found[1])) / 1e9)
            end = found.end()
        if end and not self.read.first:
            self.read.first = time.perf_counter() - self._began
        self._left = data[max(end, len(data) - _LONGEST) :]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def _open(asked: Asked) -> _Reader:
    parts = urlsplit(asked.url)
    assert parts.hostname is not None
    assert parts.port is not None
    _, reader = await asyncio.get_running_loop().create_connection(lambda: _Reader(asked), parts.hostname, parts.port)
    return reader


async def read_all(asked: Sequence[Asked]) -> list[Read]:
    """All at once. Raises AssertionError where an answer is no stream."""
    readers = [await _open(each) for each in asked]
    await asyncio.wait_for(asyncio.gather(*(reader.ended for reader in readers)), LONGEST_SECONDS)
    odd = {reader.read.head for reader in readers if reader.read.head != b"HTTP/1.1 200 OK"}
    assert not odd, f"not every answer is a stream: {odd}"
    return [reader.read for reader in readers]
