"""A server that tells one scripted answer, and breaks the connection off where a test wants it to."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

TRACE = "0199-trace"
COST = {"inputTokens": 1_807, "outputTokens": 260, "totalCost": 0.0071175}
# What has no id belongs to the event after it.
ANSWER: list[tuple[str, dict[str, Any], str]] = [
    ("session_start", {"taskTraceId": TRACE, "conversationId": "0199-talk"}, "1"),
    ("retry", {"attempt": 1, "waitSeconds": 0.5, "error": "Overloaded."}, "2"),
    ("thinking", {"text": "Numbers"}, "3"),
    ("chunk", {"text": "Let me"}, "4"),
    ("tool_detected", {"id": "c1", "tool": "calculator", "input": {"expression": "6*7"}}, "5"),
    ("tools_executing", {"count": 1}, "6"),
    ("tool_progress", {"id": "c1", "tool": "calculator", "status": "completed", "executionTime": 3}, "7"),
    ("iteration_start", {"iteration": 2}, "8"),
    ("chunk", {"text": " see: 42\x1b[2J"}, "11"),
    ("cost", COST, ""),
    ("done", {}, "12"),
]


@dataclass
class Script:
    """``cuts`` says after how many events each connection in turn breaks off; ``refusals`` come before any of them."""

    answer: list[tuple[str, dict[str, Any], str]] = field(default_factory=lambda: list(ANSWER))
    cuts: list[int] = field(default_factory=list)
    refusals: list[Response] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    names: tuple[str, ...] = ("Everyday Assistant", "Analyst")
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/agents", self._agents),
                Route("/api/command-center/message", self._message, methods=["POST"]),
                Route("/api/command-center/streams/{trace}", self._resume),
            ]
        )

    async def _agents(self, _: Request) -> Response:
        return JSONResponse({"data": [{"id": f"a{n}", "name": name} for n, name in enumerate(self.names)]})

    async def _message(self, request: Request) -> Response:
        self.keys.append(request.headers["idempotency-key"])
        assert await request.json() == {"agentId": "a1", "conversationId": None, "message": "6*7?"}
        return self.refusals.pop(0) if self.refusals else self._stream(0)

    async def _resume(self, request: Request) -> Response:
        assert request.path_params["trace"] == TRACE
        last = request.headers.get("last-event-id", "")
        known = [number for number, (_, _, id_) in enumerate(self.answer, 1) if id_ and id_ == last]
        return self._stream(known[0] if known else 0)

    def _stream(self, known: int) -> Response:
        cut = self.cuts.pop(0) if self.cuts else None
        return StreamingResponse(self._events(known, cut), media_type="text/event-stream")

    async def _events(self, known: int, cut: int | None) -> AsyncIterator[str]:
        yield ": still here\n\n"
        for sent, (name, data, id_) in enumerate(self.answer[known:]):
            if sent == cut:
                await asyncio.sleep(0.01)
                raise ConnectionAbortedError
            yield f"event: {name}\ndata: {json.dumps(data)}\n" + (f"id: {id_}\n\n" if id_ else "\n")


@contextmanager
def told(script: Script) -> Iterator[Script]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(script.app(), log_config=None, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    script.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield script
    finally:
        server.should_exit = True
        thread.join()
