"""How far a request to the provider has come: opened, sent, answered."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import httpx2

from core.clock import now

_BODY_LEAVES = "send_request_body.started"


class Passage:
    """One attempt's; only the provider's client sets it, while the request is on its way.

    ``sent_at`` is when the body began to leave: only from then on can the provider have had the whole request.
    ``answered_at`` is when headers arrived; ``accepted`` says that they promise a reply, and ``request_id`` is theirs.
    """

    __slots__ = ("accepted", "answered_at", "request_id", "sent_at")

    def __init__(self) -> None:
        self.sent_at: datetime | None = None
        self.answered_at: datetime | None = None
        self.request_id: str | None = None
        self.accepted = False

    async def noted(self, event: str, info: Mapping[str, Any]) -> None:
        """What the connection tells of itself; a tunnel through a proxy is asked for by a request of its own."""
        if event.endswith(_BODY_LEAVES) and info["request"].method not in ("CONNECT", b"CONNECT"):
            self.sent_at = self.sent_at or now()

    def answered(self, response: httpx2.Response) -> None:
        self.answered_at = now()
        self.sent_at = self.sent_at or self.answered_at
        self.request_id = response.headers.get("request-id")
        media_type = response.headers.get("content-type", "")
        self.accepted = response.status_code == 200 and media_type.startswith("text/event-stream")


_under_way: ContextVar[Passage | None] = ContextVar("passage", default=None)


@contextmanager
def followed_by(passage: Passage) -> Iterator[None]:
    """Within it, requests of this task tell the passage how far they have come."""
    token = _under_way.set(passage)
    try:
        yield
    finally:
        _under_way.reset(token)


async def _leaving(request: httpx2.Request) -> None:
    if (passage := _under_way.get()) is not None:
        request.extensions = {**request.extensions, "trace": passage.noted}


async def _arrived(response: httpx2.Response) -> None:
    if (passage := _under_way.get()) is not None:
        passage.answered(response)


HOOKS: Mapping[str, list[Callable[..., Any]]] = {"request": [_leaving], "response": [_arrived]}
"""For the HTTP client that the provider is called with."""
