"""Pages of other origins that may call what is for programs: those of CORS_ORIGINS, by tokens, never by cookies."""

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.guard.places import PROGRAMS, within

_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_TOLD = ("X-Task-Trace-Id", "X-Conversation-Id", "X-Waiting-For", "Retry-After", "Allow")
_FRESH_SECONDS = 600


class OtherOrigins:
    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=sorted(origins),
            allow_methods=_METHODS,
            allow_headers=["*"],
            expose_headers=_TOLD,
            max_age=_FRESH_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_theirs = scope["type"] == "http" and within(scope["path"], PROGRAMS)
        await (self._open if is_theirs else self._app)(scope, receive, send)
