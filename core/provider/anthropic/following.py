"""The HTTP client tells a passage how far its request has come."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import httpx2

from core.clock import now
from core.provider.passage import Passage

_BODY_LEAVES = "send_request_body.started"

_under_way: ContextVar[Passage | None] = ContextVar("passage", default=None)


@contextmanager
def followed_by(passage: Passage) -> Iterator[None]:
    """Within it, requests of this task tell the passage how far they have come."""
    token = _under_way.set(passage)
    try:
        yield
    finally:
        _under_way.reset(token)


async def _note(passage: Passage, event: str, info: Mapping[str, Any]) -> None:
    """What the connection tells of itself; a tunnel through a proxy is asked for by a request of its own."""
    if event.endswith(_BODY_LEAVES) and info["request"].method not in ("CONNECT", b"CONNECT"):
        passage.sent_at = passage.sent_at or now()


async def _leaving(request: httpx2.Request) -> None:
    if (passage := _under_way.get()) is not None:
        request.extensions = {**request.extensions, "trace": partial(_note, passage)}


async def _arrived(response: httpx2.Response) -> None:
    if (passage := _under_way.get()) is not None:
        passage.answered_at = now()
        passage.sent_at = passage.sent_at or passage.answered_at
        passage.request_id = response.headers.get("request-id")
        media_type = response.headers.get("content-type", "")
        passage.accepted = response.status_code == 200 and media_type.startswith("text/event-stream")


HOOKS: Mapping[str, list[Callable[..., Any]]] = {"request": [_leaving], "response": [_arrived]}
"""For the HTTP client that the provider is called with."""
