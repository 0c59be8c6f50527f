"""A page that breaks off in the browser opens again: what sees to it stands in the page before anything is drawn."""

import base64
import hashlib
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.guard.places import opens_page
from core.api.guard.straight import shut_straight

_SCRIPT = Path(__file__).with_name("reviving.js").read_text("utf-8")
HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
"""By which the browser knows that it may run."""

_PLACE, _WHOLE = b'<div id="root"></div>', f"<script>{_SCRIPT}</script>".encode()
_ASKED = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range", b"if-range")
"""Headers that would be answered with less than the page as it stands."""


class Reviving:
    """Streamlit's own page is known by the element that it draws in; other HTML stays as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not opens_page(scope):
            await self._app(scope, receive, send)
            return
        shut_straight(scope)
        headers = [each for each in scope["headers"] if each[0] not in _ASKED]
        page = _Page(send, told_only=scope["method"] == "HEAD")
        await self._app({**scope, "method": "GET", "headers": headers}, receive, page.take)


class _Page:
    """Waits with the beginning of an HTML answer until all of it is there; of HEAD, only that is told."""

    def __init__(self, send: Send, *, told_only: bool) -> None:
        self._send, self._told_only = send, told_only
        self._start: Message | None = None
        self._body = b""

    async def take(self, message: Message) -> None:
        is_start = message["type"] == "http.response.start"
        if is_start and Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
            self._start = message
        elif self._start is None:
            await self._send({**message, "body": b""} if self._told_only and not is_start else message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._send_whole(self._start)

    async def _send_whole(self, start: Message) -> None:
        body = self._body.replace(_PLACE, _PLACE + _WHOLE, 1)
        headers = MutableHeaders(raw=list(start["headers"]))
        if body != self._body:
            headers["content-length"] = str(len(body))
            for name in ("etag", "last-modified", "accept-ranges"):
                del headers[name]
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": b"" if self._told_only else body})
