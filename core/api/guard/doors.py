"""The pages' own addresses: their WebSocket, uploads, files and downloads are for who is signed in, and are bounded.

What is drawn for one browser is for that browser: it is found by the cookie that its page was opened with.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hmac import compare_digest
from time import monotonic
from typing import Final

import structlog
from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.access.sessions import Session
from core.api.guard.places import DOORS, FOR_ANYBODY_AT_A_DOOR, HOST_CONFIG, MEDIA, STREAM, UPLOADS, within
from core.api.guard.refusal import refuse
from core.api.guard.rooms import Rooms
from core.api.guard.uploads import Most, Uploads, Visitor
from core.api.problems import problem
from core.errors import AppError, NotFound, NotSignedIn, StoreError, TooManyRequests
from core.settings import Settings

LARGEST_UPLOAD: Final = 21_000_000
"""Bytes of one file with what is around it; .streamlit/config.toml has the limit."""
LOOK_EVERY_SECONDS = 15.0
SIGNED_OUT_IDLE_SECONDS = 60.0
_AGAIN_SECONDS, _PASS_BY_SECONDS = 30, 20.0
_LEAVING = 1001
_LOCAL, STRANGER = Visitor("local"), Visitor("")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Page:
    """An open WebSocket, and since when nothing came on it."""

    visitor: Visitor
    idle_seconds: float


class Doors:
    """``check`` gives the session of a secret, or raises NotSignedIn; it is called off the event loop."""

    def __init__(self, app: ASGIApp, *, rooms: Rooms, check: Callable[[str], Session], chosen: Settings) -> None:
        self._app, self._rooms, self._check, self._chosen = app, rooms, check, chosen
        self._open = Counter[str]()
        megabytes = chosen.upload_megabytes * 1_000_000, chosen.upload_megabytes_in_all * 1_000_000
        self._uploads = Uploads(rooms, check, Most(megabytes[0], chosen.uploads, megabytes[1]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = "" if scope["type"] == "lifespan" else scope["path"]
        if not within(path, DOORS) or within(path, FOR_ANYBODY_AT_A_DOOR):
            await self._app(scope, receive, send)
            return
        try:
            await self._let_in(await self._visitor(scope), scope, receive, send)
        except AppError as error:
            await refuse(problem(error), scope, receive, send)

    async def _visitor(self, scope: Scope) -> Visitor:
        """Raises NotSignedIn. Who an identity provider knows and we do not (yet) is told by a page why."""
        if self._chosen.auth == "none":
            return _LOCAL
        secret = self._rooms.secret(_cookies(scope))
        try:
            session = await to_thread.run_sync(self._check, secret) if secret else None
        except NotSignedIn:
            session = None
        if session is not None:
            return Visitor(session.person.id, secret)
        if secret and self._chosen.auth == "oidc" and within(scope["path"], (STREAM, HOST_CONFIG)):
            return STRANGER
        raise NotSignedIn("You are not signed in. Sign in to go on.")

    async def _let_in(self, visitor: Visitor, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises AppError before anything is answered."""
        path: str = scope["path"]
        if scope["type"] == "websocket":
            await self._converse(visitor, scope, receive, send)
        elif within(path, UPLOADS):
            await self._upload(visitor, scope, receive, send)
        elif within(path, (MEDIA,)):
            await self._show(visitor, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _converse(self, visitor: Visitor, scope: Scope, receive: Receive, send: Send) -> None:
        with self._one_more(visitor):
            idle = SIGNED_OUT_IDLE_SECONDS if visitor is STRANGER else self._chosen.page_idle_seconds
            watched = self._watched(_Page(visitor, idle), receive, send)
            await self._app(scope, watched, send)

    @contextmanager
    def _one_more(self, visitor: Visitor) -> Iterator[None]:
        """Raises TooManyRequests."""
        if self._open[visitor.person_id] >= self._chosen.pages_at_once:
            most = f"{self._chosen.pages_at_once} pages are open for you already, which is the most. Close some."
            raise TooManyRequests(most, retry_after=_AGAIN_SECONDS)
        if self._open.total() >= self._chosen.pages_in_all:
            raise TooManyRequests("The server has as many pages open as it can.", retry_after=_AGAIN_SECONDS)
        self._open[visitor.person_id] += 1
        try:
            yield
        finally:
            self._open[visitor.person_id] -= 1

    def _watched(self, page: _Page, receive: Receive, send: Send) -> Receive:
        """Give what comes, but no request for what was drawn for others; and an end when nothing comes for too long."""
        coming: asyncio.Future[Message] | None = None
        heard_at = monotonic()

        async def watched() -> Message:
            nonlocal coming, heard_at
            while True:
                coming = coming or asyncio.ensure_future(receive())
                done, _ = await asyncio.wait({coming}, timeout=min(LOOK_EVERY_SECONDS, page.idle_seconds))
                if done:
                    message, coming, heard_at = coming.result(), None, monotonic()
                    if self._may_ask(page.visitor, message):
                        return message
                elif monotonic() - heard_at >= await self._patience(page):
                    coming.cancel()
                    await send({"type": "websocket.close", "code": _LEAVING})
                    return {"type": "websocket.disconnect", "code": _LEAVING}

        return watched

    async def _patience(self, page: _Page) -> float:
        """Less once the sign-in has ended: the page says so by itself at its next step."""
        if not page.visitor.secret:
            return page.idle_seconds
        try:
            await to_thread.run_sync(self._check, page.visitor.secret)
        except NotSignedIn:
            return min(SIGNED_OUT_IDLE_SECONDS, page.idle_seconds)
        except StoreError:
            return page.idle_seconds
        return page.idle_seconds

    def _may_ask(self, visitor: Visitor, message: Message) -> bool:
        room = self._rooms.asks_for(message.get("bytes") or b"")
        if room is None or self._is_theirs(visitor, room):
            return True
        _log.warning("a download was asked for by whom it was not drawn for", person=visitor.person_id)
        return False

    async def _upload(self, visitor: Visitor, scope: Scope, receive: Receive, send: Send) -> None:
        room = scope["path"].removeprefix(UPLOADS[0]).strip("/").partition("/")[0]
        if not self._is_theirs(visitor, room):
            raise NotFound("This page is not open any more. Reload it and attach the file again.")
        if scope["method"] != "PUT":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "")
        size = int(said) if said.isascii() and said.isdigit() else LARGEST_UPLOAD
        try:
            with self._uploads.coming(visitor, room, min(size, LARGEST_UPLOAD)):
                await self._app(scope, receive, send)
        except TooManyRequests:
            await _pass_by(receive)
            raise

    async def _show(self, visitor: Visitor, scope: Scope, receive: Receive, send: Send) -> None:
        file = scope["path"].removeprefix(f"{MEDIA}/")
        if not any(self._is_theirs(visitor, room) for room in self._rooms.drawn_in(file)):
            raise NotFound("There is no such file, or the page that shows it is not open any more. Reload it.")

        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["cache-control"] = "private, no-store"
            await send(message)

        await self._app(scope, receive, send_private)

    def _is_theirs(self, visitor: Visitor, room: str) -> bool:
        cookies = self._rooms.cookies(room)
        if cookies is None or visitor is _LOCAL:
            return cookies is not None
        return bool(visitor.secret) and compare_digest(self._rooms.secret(cookies), visitor.secret)


async def _pass_by(receive: Receive) -> None:
    """Take the rest of a refused file, or the browser would see a broken connection instead of the reason."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PASS_BY_SECONDS):
            while (await receive()).get("more_body"):
                pass


def _cookies(scope: Scope) -> Mapping[str, str]:
    return cookie_parser(Headers(scope=scope).get("cookie", ""))
