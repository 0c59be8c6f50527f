"""Asking an ASGI application within this process, message by message."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class Answer:
    """Of a WebSocket that was let through, the status is 101."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        kind = message["type"].removeprefix("websocket.")
        if kind == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        elif kind == "http.response.body":
            self.body += message.get("body", b"")
        else:
            self.status = {"accept": 101, "close": 403}[kind]


def ask(
    app: ASGIApp,
    path: str = "/",
    *,
    method: str = "GET",
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    pieces: list[bytes] | None = None,
    receive: Receive | None = None,
    **scope: Any,
) -> Answer:
    """One request; ``pieces`` are those of the body, and nothing comes after them."""
    given = list(headers.items() if isinstance(headers, dict) else headers or [])
    if not any(name.lower() == "host" for name, _ in given):
        given.append(("host", "localhost:8501"))
    if pieces is not None and not any(name.lower() == "content-length" for name, _ in given):
        given.append(("transfer-encoding", "chunked"))
    whole: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "client": ("192.0.2.1", 1),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given],
        **scope,
    }
    answer = Answer()
    asyncio.run(_run(app, whole, receive or sending(pieces or []), answer))
    return answer


async def _run(app: ASGIApp, scope: Scope, receive: Receive, answer: Answer) -> None:
    await app(scope, receive, answer.take)


def sending(pieces: list[bytes]) -> Callable[[], Awaitable[Message]]:
    waiting = list(pieces) or [b""]

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    return receive


class Echo:
    """An application that says what it was sent, and counts how often it was reached."""

    def __init__(self) -> None:
        self.reached = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached += 1
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
