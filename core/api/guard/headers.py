"""Headers that keep an answer what it is, on every answer: pages, files, errors, redirects, refused handshakes."""

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.guard.places import PROGRAMS, within
from core.api.guard.refusal import refuse
from core.api.guard.reviving import HASH
from core.api.guard.straight import lay_straight
from core.api.problems import details

_INLINE_SCRIPT = "'sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA='"
"""The one that stands in Streamlit's page; a test compares."""
_OUR_SCRIPT = f"'sha256-{HASH}'"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' {_INLINE_SCRIPT} {_OUR_SCRIPT}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "frame-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # Not no-referrer: with it, browsers send our own forms with ``Origin: null``, and they could not be told apart.
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_HTTPS = {"strict-transport-security": "max-age=31536000"}
_PRIVATE = {"cache-control": "no-store"}
_STARTS = ("http.response.start", "websocket.http.response.start")


class SafeHeaders:
    """Adds what an answer does not say itself, and answers where the application failed before it could."""

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self._app = app
        self._everywhere = _encoded(HEADERS | (_HTTPS if https else {}))
        self._for_programs = self._everywhere + _encoded(_PRIVATE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        way = lay_straight(scope, send)
        wanted = self._for_programs if within(scope["path"], PROGRAMS) else self._everywhere
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] in _STARTS:
                way.begin(message)
                message = _completed(message, wanted)
            await send(message)

        try:
            await self._app(scope, receive, send_safely)
        except Exception:
            if not started:
                failed = details(500, "error", "Something went wrong on our side. It is in the log; try again.")
                await refuse(failed, scope, receive, send_safely)
            raise


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _completed(message: Message, wanted: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    headers = list(message.get("headers", ()))
    said = {name.lower() for name, _ in headers}
    return {**message, "headers": headers + [header for header in wanted if header[0] not in said]}
