"""What holds at every address of the API: HEAD, OPTIONS and Allow, and JSON by whatever name it is sent."""

import asyncio

from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.guard.straight import shut_straight


class AsPrograms:
    """HEAD is answered as GET is, without a body; JSON is JSON although its sender calls it text, as browsers do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD" and "HEAD" not in _methods(scope):
            shut_straight(scope)
            head = _Head(send)
            await self._app({**scope, "method": "GET"}, head.receive, head.send)
        elif scope["method"] in ("POST", "PATCH") and _is_plain(Headers(scope=scope)):
            headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
            json = [*headers, (b"content-type", b"application/json")]
            await self._app({**scope, "headers": json}, receive, send)
        else:
            await self._app(scope, receive, send)


class _Head:
    """Lets only the beginning of an answer through; the writer of the rest is told that nobody is there any more."""

    def __init__(self, send: Send) -> None:
        self._send, self._begun = send, asyncio.Event()

    async def receive(self) -> Message:
        await self._begun.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            self._begun.set()


def _is_plain(headers: Headers) -> bool:
    kind = headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    return kind == "text/plain"


def allowed(request: Request) -> str:
    """Return the methods that the address takes, whichever routes it has; sorted, with commas between."""
    methods = _methods(request.scope) | {"OPTIONS"}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _methods(scope: Scope) -> set[str]:
    """Return the methods of all routes of the application that have this path."""
    routes = [route for route in iter_route_contexts(scope["app"].routes) if route.path and route.methods]
    fitting = [route for route in routes if compile_path(str(route.path))[0].match(scope["path"])]
    return {method for route in fitting for method in route.methods or ()}
