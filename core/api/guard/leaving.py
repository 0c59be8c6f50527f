"""Leaving with an identity provider: only from a page of ours, and our own session ends with it."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.guard.refusal import refuse
from core.api.guard.rooms import Rooms
from core.api.problems import problem
from core.api.sign_in.card import Card, show
from core.errors import AppError

LEAVES: Final = "/auth/logout"
_ASK = Card("Sign out?", "Another site led here. You are still signed in.", link=(LEAVES, "Sign out"))


class Leaving:
    """``end`` ends the session of a secret; it is called off the event loop."""

    def __init__(self, app: ASGIApp, *, rooms: Rooms, end: Callable[[str], None]) -> None:
        self._app, self._rooms, self._end = app, rooms, end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != LEAVES:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not _from_our_page(headers):
            await refuse(show(_ASK, status=403), scope, receive, send)
            return
        secret = self._rooms.secret(cookie_parser(headers.get("cookie", "")))
        try:
            if secret:
                await to_thread.run_sync(self._end, secret)
        except AppError as error:  # a session that lives on must not look as if it had ended
            await refuse(problem(error), scope, receive, send)
            return
        await self._app(scope, receive, send)


def _from_our_page(headers: Headers) -> bool:
    """Believe what browsers say themselves, or of older ones the page that they come from."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(headers.get("referer", "")).netloc == headers.get("host")
