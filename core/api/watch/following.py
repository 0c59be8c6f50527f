"""Follows one answer over HTTP to its end, whatever happens to the connection on the way."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from httpx2 import Client, HTTPError, Response, ServerSentEvent, Timeout

_TRIES = 8
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.25, 8.0
# The server says something every 15 seconds, so that a silence of three times that is no silence of its own.
_TIMEOUT = Timeout(10, read=45)
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_LAST = ("done", "error")


class WatchFailed(Exception):
    """The server refuses, or cannot be reached any more; its text says what to do."""


@dataclass(frozen=True, slots=True)
class Event:
    """``at`` is on the monotonic clock; ``number`` counts the answer's events from 1. Decimals are exact."""

    at: float
    number: int
    name: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        return self.name in _LAST


@dataclass(slots=True)
class Following:
    """One answer: sent with ``message``, or known by its ``task_trace_id`` and followed after event ``seen``."""

    client: Client
    message: dict[str, Any] = field(default_factory=dict)
    task_trace_id: str = ""
    seen: int = 0
    pause: Callable[[float], None] = sleep
    reconnections: int = 0
    _key: str = field(default_factory=lambda: str(uuid4()))
    _ended: bool = False
    _reason: str = ""
    _wait: float = 0.0

    def events(self) -> Iterator[Event]:
        """Each once and in order, the last one included. Raises WatchFailed."""
        tries = 0
        while True:
            before = self.seen
            yield from self._connected()
            if self._ended:
                return
            tries = 1 if self.seen > before else tries + 1
            if tries >= _TRIES:
                raise WatchFailed(self._reason)
            usual = min(_FIRST_PAUSE_SECONDS * 2 ** (tries - 1), _LONGEST_PAUSE_SECONDS)
            self.pause(max(self._wait, usual))
            self.reconnections += 1

    def _connected(self) -> Iterator[Event]:
        """Until the end, or until the connection is no more: then why, and how long to wait at least."""
        self._reason, self._wait = "The connection ended before the answer did.", 0.0
        try:
            for event in self._connection():
                self._ended = event.is_last
                yield event
        except _TryLater as later:
            self._reason, self._wait = str(later), later.seconds
        except HTTPError as error:
            self._reason = f"The connection was lost ({type(error).__name__})."

    def _connection(self) -> Iterator[Event]:
        """The events of one connection that are new."""
        with self._open() as source:
            _refuse(source.response)
            for event in source:
                number = int(event.id) if event.id.isdecimal() else 0
                if number > self.seen:
                    self.seen = number
                    yield self._read(event, number)

    def _open(self) -> Any:
        """The message is sent anew only while nothing is known of it, and then with the same key."""
        if self.task_trace_id:
            after = {"Last-Event-ID": str(self.seen)}
            return self.client.sse(f"/api/command-center/streams/{self.task_trace_id}", headers=after, timeout=_TIMEOUT)
        key, path = {"Idempotency-Key": self._key}, "/api/command-center/message"
        return self.client.sse(path, method="POST", json=self.message, headers=key, timeout=_TIMEOUT)

    def _read(self, event: ServerSentEvent, number: int) -> Event:
        data = json.loads(event.data or "{}", parse_float=Decimal)
        found = Event(monotonic(), number, event.event, data if isinstance(data, dict) else {"data": data})
        if found.name == "session_start":
            self.task_trace_id = str(found.data.get("taskTraceId") or self.task_trace_id)
        return found


class _TryLater(Exception):
    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


def _refuse(response: Response) -> None:
    """Raises WatchFailed or _TryLater for an answer that is not a stream."""
    if response.status_code == 200:
        return
    said = told(response)
    if response.status_code in _WORTH_ANOTHER_TRY:
        seconds = response.headers.get("retry-after", "")
        raise _TryLater(said, float(seconds) if seconds.isdecimal() else 0)
    raise WatchFailed(said)


def told(response: Response) -> str:
    """What the server says is wrong."""
    response.read()
    try:
        said = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        said = "It gave no reason."
    return f"The server answered {response.status_code}. {said}"
