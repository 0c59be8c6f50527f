"""The body of a stream goes out past what only looks at its beginning, and past nothing that has to see it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.conventions import AsPrograms
from core.api.guard.headers import SafeHeaders
from core.api.guard.known_pages import KnownPages
from core.api.guard.reviving import Reviving
from core.api.guard.straight import shut_straight, straight

PIECES = (b"one", b"two", b"three")


class Counting:
    """Part of a guard: counts what comes by on its way out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self.seen = app, list[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            self.seen.append(message["type"])
            await send(message)

        await self._app(scope, receive, counted)


def streaming(
    status: int = 200, kind: str = "text/event-stream", coding: str = "", shut: bool = False
) -> Callable[..., Any]:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        scope.setdefault("app", type("App", (), {"routes": []}))
        if shut:
            shut_straight(scope)
        headers = [(b"content-type", kind.encode()), *([(b"content-encoding", coding.encode())] if coding else [])]
        assert straight(scope, send) is send, "nothing goes out before the beginning"
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for piece in PIECES:
            await straight(scope, send)({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


def answered(
    app: ASGIApp, method: str = "POST", path: str = "/api/command-center/message", accept: str = ""
) -> list[Message]:
    sent = list[Message]()

    async def send(message: Message) -> None:
        sent.append(dict(message))

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"accept", accept.encode())]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": headers,
        "query_string": b"",
        "app": type("App", (), {"routes": []}),
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return sent


def body_of(sent: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


def test_the_guard_sees_how_a_stream_begins_and_ends_and_no_piece_of_it() -> None:
    part = Counting(streaming())
    sent = answered(SafeHeaders(part))
    assert part.seen == ["http.response.start", "http.response.body"]
    assert body_of(sent) == b"".join(PIECES)
    assert b"x-content-type-options" in dict(sent[0]["headers"])


@pytest.mark.parametrize("app", [streaming(shut=True), streaming(coding="gzip")], ids=["shut", "coded"])
def test_what_has_to_see_the_body_sees_every_piece(app: ASGIApp) -> None:
    part = Counting(app)
    assert body_of(answered(SafeHeaders(part))) == b"".join(PIECES)
    assert part.seen == ["http.response.start", *["http.response.body"] * 4]


def test_without_a_guard_pieces_go_as_they_always_did() -> None:
    part = Counting(streaming())
    assert body_of(answered(part)) == b"".join(PIECES)
    assert len(part.seen) == 5


def test_head_of_a_stream_has_no_body() -> None:
    sent = answered(SafeHeaders(AsPrograms(streaming())), method="HEAD", path="/api/command-center/streams/x")
    assert body_of(sent) == b""
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


def test_an_answer_that_is_told_otherwise_brings_nothing_of_itself() -> None:
    """The page of an address for people, which a program asks for."""
    app = SafeHeaders(KnownPages(streaming(kind="text/html"), ["costs"]))
    sent = answered(app, method="GET", path="/costs")
    assert sent[0]["status"] == 406
    assert all(piece not in body_of(sent) for piece in PIECES)


def test_a_page_is_changed_whole() -> None:
    sent = answered(SafeHeaders(Reviving(streaming(kind="text/html"))), method="GET", path="/", accept="text/html")
    assert body_of(sent) == b"".join(PIECES)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
