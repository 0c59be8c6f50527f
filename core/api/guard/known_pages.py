"""Addresses at which there is no page: a browser is told so, instead of starting an application that finds nothing."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.guard.places import opens_page, within
from core.api.guard.refusal import refuse
from core.api.problems import details
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
_WITH_WORDS = ("/sign-in", "/sign-out", "/join", "/api", "/auth", "/oauth2callback", "/_stcore", "/component")
_A_PAGE = "This is a page for people: open it in a browser. /api/docs lists what there is for programs."
_NOTHING = "There is nothing at this address. /api/docs lists what there is."
_NOT_SO = "This address is not used in this way. /api/docs lists what there is."
_LOST = Card("There is nothing here", "The address may be mistyped or out of date.", link=("/", "Open Command Center"))


class KnownPages:
    """``names`` are the pages' own."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._pages = frozenset(("", *(f"/{name}" for name in names)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._instead(scope)
        if answer is not None:
            await refuse(answer, scope, receive, send)
        elif _is_for_programs(scope):
            await _NoPage(scope, receive, send, page=scope["path"] in self._pages).answered_by(self._app)
        else:
            await self._app(scope, receive, send)

    def _instead(self, scope: Scope) -> Response | None:
        """Return another answer, None where the application knows what to answer."""
        if not opens_page(scope):
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


def _is_for_programs(scope: Scope) -> bool:
    """Asked by no browser that goes there; the first page answers everybody, for it is what tells that we are up."""
    if scope["type"] != "http" or opens_page(scope):
        return False
    return scope["path"] != "/" and not within(scope["path"], _WITH_WORDS)


class _NoPage:
    """Tells a program in its own way what would be a page, and what Streamlit refuses."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, page: bool) -> None:
        self._scope, self._receive, self._send, self._page = scope, receive, send, page
        self._instead: Response | None = None

    async def answered_by(self, app: ASGIApp) -> None:
        await app(self._scope, self._receive, self._checked)
        if self._instead is not None:
            await self._instead(self._scope, self._receive, self._send)

    async def _checked(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._instead = self._other(message["status"], Headers(raw=message["headers"]))
        if self._instead is None:
            await self._send(message)

    def _other(self, status: int, headers: Headers) -> Response | None:
        kind = headers.get("content-type", "")
        if status == 405 and kind.startswith("text/plain"):
            return details(405, "method_not_allowed", _NOT_SO, {"Allow": headers.get("allow", "GET, HEAD")})
        if kind.startswith("text/html") or (status == 404 and kind.startswith("text/plain")):
            return details(406, "page", _A_PAGE) if self._page else details(404, "not_found", _NOTHING)
        return None
