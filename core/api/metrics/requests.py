"""Counts requests by the route that answers them, never by what a caller wrote into an address."""

from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNKNOWN = "none"
_LEFT = "left"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Requests:
    """What is kept of them; a status of ``left`` means that the caller went before anything was answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by = ("method", "route")
        self.answered = Counter(
            "command_center_http_requests", "Requests answered.", (*by, "status"), registry=registry
        )
        self.seconds = Histogram(
            "command_center_http_answer_begins_seconds",
            "From the request to the first byte of its answer.",
            by,
            buckets=_SECONDS,
            registry=registry,
        )
        self.open = Gauge(
            "command_center_http_open", "Answers under way; those of streams are their readers.", by, registry=registry
        )


class Measured:
    """Around the application, inside of which the route is found."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app, self._requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, send, self._requests)
        try:
            await self._app(scope, receive, request.send)
        except Exception:
            request.begins("500")
            raise
        finally:
            request.ends()


class _Request:
    def __init__(self, scope: Scope, send: Send, requests: Requests) -> None:
        self._scope, self._send, self._requests = scope, send, requests
        self._at = perf_counter()
        self._labels: tuple[str, str] | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begins(str(message["status"]))
        await self._send(message)

    def begins(self, status: str) -> None:
        if self._labels is not None:
            return
        method, route = self._scope["method"], getattr(self._scope.get("route"), "path", _UNKNOWN)
        self._labels = labels = (method if method in _METHODS else _UNKNOWN, route)
        self._requests.answered.labels(*labels, status).inc()
        self._requests.seconds.labels(*labels).observe(perf_counter() - self._at)
        self._requests.open.labels(*labels).inc()

    def ends(self) -> None:
        self.begins(_LEFT)
        if self._labels is not None:
            self._requests.open.labels(*self._labels).dec()
