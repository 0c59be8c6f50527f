"""The path of PUBLIC_URL: below it a proxy shows the whole product beside others, and no answer may lead out of it.

A proxy hands on whole paths. Inside of here nothing knows of it: it is taken from what comes in and put before what
goes out. What is written into pages asks for ``here`` by itself. Without the path everything is answered as well,
because health checks ask on this machine.
"""

import re
from contextvars import ContextVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HERE: ContextVar[str] = ContextVar("sub_path", default="")
_COOKIE_PATH = re.compile(r"(;\s*path=)(/[^;]*)", re.IGNORECASE)
_ADDRESSES = ("location", "content-location", "x-waiting-for")


def origin_of(public_url: str) -> str:
    """Return the address without its path."""
    return public_url.removesuffix(urlsplit(public_url).path)


def here() -> str:
    """Return what stands before every address of ours that a browser or program is told: ``/cc``, or nothing."""
    return _HERE.get()


def inner(path: str) -> str | None:
    """Return the address of ours that a browser's path means; None if it is another's."""
    return path[len(here()) :] if path.startswith(f"{here()}/") else None


class SubPath:
    """``public_url`` ends with the path."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self._app, self._path = app, urlsplit(public_url).path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == self._path:
            query = scope["query_string"].decode("latin-1")
            address = f"{self._path}/" + (f"?{query}" if query else "")
            await RedirectResponse(address, 308)(scope, receive, send)
            return
        told = _HERE.set(self._path)
        try:
            await self._app(self._within(scope), receive, self._leading_back(scope, send))
        finally:
            _HERE.reset(told)

    def _within(self, scope: Scope) -> Scope:
        if not scope["path"].startswith(f"{self._path}/"):
            return scope
        raw = scope.get("raw_path") or scope["path"].encode()
        return {**scope, "path": scope["path"][len(self._path) :], "raw_path": raw.removeprefix(self._path.encode())}

    def _leading_back(self, scope: Scope, send: Send) -> Send:
        host = Headers(scope=scope).get("host", "")

        async def send_changed(message: Message) -> None:
            if "headers" in message:
                message = {**message, "headers": [*message["headers"]]}
                self._change(MutableHeaders(raw=message["headers"]), host)
            await send(message)

        return send_changed

    def _change(self, headers: MutableHeaders, host: str) -> None:
        for name in _ADDRESSES:
            if name in headers:
                headers[name] = self._ours(headers[name], host)
        cookies = headers.getlist("set-cookie")
        if cookies:
            del headers["set-cookie"]
        for cookie in cookies:
            headers.append("set-cookie", _COOKIE_PATH.sub(self._cookie_path, cookie))

    def _ours(self, address: str, host: str) -> str:
        """Another server's address stays as it is."""
        parts = urlsplit(address)
        if parts.netloc and (parts.netloc != host or parts.path.startswith(f"{self._path}/")):
            return address
        if not parts.path.startswith("/"):
            return address
        return parts._replace(path=self._path + parts.path).geturl()

    def _cookie_path(self, found: re.Match[str]) -> str:
        return found[1] + (self._path + found[2]).rstrip("/")
