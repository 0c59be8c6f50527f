"""How often programs and pages may call, counted by each process of a team's server for itself."""

import math
import time
from hashlib import sha256

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.guard.places import DOORS, PROGRAMS, within
from core.api.guard.refusal import refuse
from core.api.problems import problem
from core.errors import TooManyRequests

_CALLERS_OF_A_HOST = 10
_COUNTED = (*PROGRAMS, *DOORS)


class Rates:
    """So many requests a minute for each token, else for each host; and ten times that for a host with many tokens.

    Tokens are not checked here, so that somebody could show a new one each time: that is what the host's share stops.
    """

    def __init__(self, app: ASGIApp, *, per_minute: int) -> None:
        self._app = app
        # One number a caller, which is forgotten with its minute.
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._caller = RateLimitItemPerMinute(per_minute, namespace="caller")
        self._host = RateLimitItemPerMinute(per_minute * _CALLERS_OF_A_HOST, namespace="host")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait = self._wait(scope) if scope["type"] != "lifespan" and within(scope["path"], _COUNTED) else 0
        if wait:
            fault = TooManyRequests(f"Too many requests: try again in {wait} s.", retry_after=wait)
            await refuse(problem(fault), scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _wait(self, scope: Scope) -> int:
        """0 if the request may pass, else whole seconds."""
        host = scope["client"][0] if scope.get("client") else ""
        shown = Headers(scope=scope).get("authorization")
        caller = sha256(shown.encode("latin-1")).hexdigest() if shown else host
        return self._spend(self._host, host) or self._spend(self._caller, caller)

    def _spend(self, limit: RateLimitItem, whose: str) -> int:
        if self._limiter.hit(limit, whose):
            return 0
        return max(1, math.ceil(self._limiter.get_window_stats(limit, whose).reset_time - time.time()))
