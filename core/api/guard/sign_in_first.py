"""Pages for people who have not signed in yet: they are led to the sign-in page, and from there to where they were."""

from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.cookies import SESSION_COOKIE
from core.api.guard.places import within

SIGN_IN = "/sign-in"
_FOR_ANYBODY = (
    SIGN_IN,
    "/sign-out",
    "/join",
    "/api",
    "/healthz",
    "/readyz",
    "/metrics",
    "/_stcore",
    "/static",
    "/media",
    "/component",
)


class SignInFirst:
    """A convenience, not the lock: every page asks for itself who is there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_page_of_a_stranger(scope):
            wanted = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
            leave = RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='/')}", 303, {"Cache-Control": "no-store"})
            await leave(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_page_of_a_stranger(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return (
        scope["method"] == "GET"
        and "text/html" in headers.get("accept", "")
        and not within(scope["path"], _FOR_ANYBODY)
        # Whoever follows a link from elsewhere has a cookie that the browser keeps back this once.
        and headers.get("sec-fetch-site") != "cross-site"
        and SESSION_COOKIE not in cookie_parser(headers.get("cookie", ""))
    )
