"""Pages for people who have not signed in yet: they are led to the sign-in page, and from there to where they were."""

from collections.abc import Callable
from html import escape
from urllib.parse import quote

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.access.sessions import Session
from core.api.guard.places import within
from core.api.guard.rooms import Rooms
from core.api.sub_path import here
from core.errors import AppError, NotSignedIn

SIGN_IN = "/sign-in"
_NOT_KEPT = {"Cache-Control": "no-store"}
_AGAIN = '<!doctype html><meta http-equiv="refresh" content="0;url={0}"><a href="{0}">Go on</a>'
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
    "/auth",
    "/oauth2callback",
)


class SignInFirst:
    """A convenience, not the lock: every page asks for itself who is there.

    ``rooms`` tell the secret that a browser's cookies prove. ``check`` gives the session of it, or raises NotSignedIn;
    while nobody can say, the page is let to. Where an identity provider says who somebody is, pages begin sessions:
    there ``check`` is None, and every proof is let to them.
    """

    def __init__(self, app: ASGIApp, *, rooms: Rooms, check: Callable[[str], Session] | None) -> None:
        self._app, self._rooms, self._check = app, rooms, check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_page(scope) or await self._is_signed_in(scope):
            await self._app(scope, receive, send)
            return
        wanted = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        headers = Headers(scope=scope)
        # A person who follows a link from elsewhere has a cookie that the browser keeps back this once.
        if headers.get("sec-fetch-site") == "cross-site":
            again = escape(here() + quote(wanted, safe="/?&=%+,:;@~"))
            await HTMLResponse(_AGAIN.format(again), headers=_NOT_KEPT)(scope, receive, send)
        else:
            await RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='/')}", 303, _NOT_KEPT)(scope, receive, send)

    async def _is_signed_in(self, scope: Scope) -> bool:
        secret = self._rooms.secret(cookie_parser(Headers(scope=scope).get("cookie", "")))
        if not secret or self._check is None:
            return bool(secret)
        try:
            await to_thread.run_sync(self._check, secret)
        except NotSignedIn:
            return False
        except AppError:
            return True
        return True


def _is_page(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return (
        scope["method"] == "GET"
        and "text/html" in headers.get("accept", "")
        and not within(scope["path"], _FOR_ANYBODY)
    )
