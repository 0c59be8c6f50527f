"""Addresses at which there is no page: a browser is told so, instead of starting an application that finds nothing."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.guard.places import within
from core.api.guard.refusal import refuse
from core.api.sign_in.card import Card, show

_OTHERS = (
    "/sign-in",
    "/sign-out",
    "/join",
    "/api",
    "/chat",
    "/mcp",
    "/healthz",
    "/readyz",
    "/metrics",
    "/auth",
    "/oauth2callback",
    "/_stcore",
    "/static",
    "/media",
    "/component",
)
_LOST = Card("There is nothing here", "The address may be mistyped or out of date.", link=("/", "Open Command Center"))


class KnownPages:
    """``names`` are the pages' own."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._pages = frozenset(("", *(f"/{name}" for name in names)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._instead(scope)
        if answer is None:
            await self._app(scope, receive, send)
        else:
            await refuse(answer, scope, receive, send)

    def _instead(self, scope: Scope) -> Response | None:
        """None where the application knows what to answer."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return None
        if "text/html" not in Headers(scope=scope).get("accept", ""):
            return None
        path: str = scope["path"]
        page = path.rstrip("/")
        if page in self._pages:
            return None if path in ("/", page) else _without_slashes(page, scope)
        return None if within(path, _OTHERS) or _is_file(path) else show(_LOST, status=404)


def _without_slashes(page: str, scope: Scope) -> Response:
    query = scope["query_string"].decode("latin-1")
    return RedirectResponse((page or "/") + (f"?{query}" if query else ""), 308)


def _is_file(path: str) -> bool:
    return "." in path.rpartition("/")[2]
