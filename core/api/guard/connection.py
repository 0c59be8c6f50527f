"""A connection that ends when the other side takes too long: the server itself would wait for ever."""

import asyncio
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0
"""For a request's first line and headers, from when the connection is free for it."""
HEAD_BYTES = 64_000
UNREAD_SECONDS = 30.0
"""How long an answer may wait for its reader."""

_log = structlog.get_logger(__name__)


class Connection(HttpToolsProtocol):
    """Serves HTTP as before; a WebSocket takes the connection over and has pings of its own."""

    head_seconds = HEAD_SECONDS
    unread_seconds = UNREAD_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._clocks: dict[str, asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if not self._in_head:
            self._head_bytes = 0
        elif self._head_bytes > HEAD_BYTES:
            self._cut("long_head")

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop("slow_head")
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Not while the next request, whose head has come already, is being answered.
        if self.cycle.response_complete:
            self._await_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start("unread_answer", self.unread_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop("unread_answer")

    def connection_lost(self, exc: Exception | None) -> None:
        for reason in tuple(self._clocks):
            self._stop(reason)
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._start("slow_head", self.head_seconds)

    def _start(self, reason: str, seconds: float) -> None:
        self._stop(reason)
        self._clocks[reason] = self.loop.call_later(seconds, self._cut, reason)

    def _stop(self, reason: str) -> None:
        clock = self._clocks.pop(reason, None)
        if clock:
            clock.cancel()

    def _cut(self, reason: str) -> None:
        """Write nothing more: who has not read so far would not read that either."""
        _log.warning("connection_cut", reason=reason, client=self.client[0] if self.client else None)
        self.transport.abort()
