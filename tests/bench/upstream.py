"""A provider that only writes, for benchmarks of what stands before it: ``python -m tests.bench.upstream PORT``.

Each delta's text is ``@`` and the moment it was written, so that whoever reads it knows how long it was under way.
"""

import asyncio
import json
import sys
import time
from typing import Any, Final, cast

import httptools
import uvloop

DELTAS: Final = 300
PACE_SECONDS: Final = 0.01
PACED: Final = "[[paced]]"
"""In the message: a delta each 10 ms, in place of all at once."""
SHORT: Final = "[[short]]"
"""In the message: three deltas, for what a turn costs beside its text."""

_AT_ONCE = 10
_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nrequest-id: req_bench\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def _event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_MESSAGE: dict[str, Any] = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5-5",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 1},
}
_BEGUN = _HEAD + b"".join(
    _chunk(_event(each))
    for each in (
        {"type": "message_start", "message": _MESSAGE},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    )
)
_DELTA = _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " @%019d"}})
_ENDED = (
    b"".join(
        _chunk(_event(each))
        for each in (
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": DELTAS},
            },
            {"type": "message_stop"},
        )
    )
    + b"0\r\n\r\n"
)


class _Connection(asyncio.Protocol):
    """One client; it stops writing as soon as that one is gone."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._body = bytearray()
        self._left, self._next_at, self._is_paced = 0, 0.0, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = bytearray()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._transport.write(_BEGUN)
        self._is_paced = PACED.encode() in self._body
        self._left = 3 if SHORT.encode() in self._body else DELTAS
        self._next_at = self._loop.time()
        self._go_on()

    def _go_on(self) -> None:
        if self._transport.is_closing():
            return
        for _ in range(1 if self._is_paced else min(_AT_ONCE, self._left)):
            self._transport.write(_chunk(_DELTA % time.monotonic_ns()))
            self._left -= 1
        if not self._left:
            self._transport.write(_ENDED)
        elif self._is_paced:
            self._next_at += PACE_SECONDS
            self._loop.call_at(self._next_at, self._go_on)
        else:
            self._loop.call_soon(self._go_on)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
