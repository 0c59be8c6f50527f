"""Follows one answer over HTTP to its end, whatever happens to the connection on the way."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from httpx2 import Client, EventSource, HTTPError, Response, ServerSentEvent, Timeout

_TRIES = 8
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.25, 8.0
# The server says something every 15 seconds, so that a silence of three times that is no silence of its own.
_TIMEOUT = Timeout(10, read=45)
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_LAST = ("done", "error")
_GOES_ON_ELSEWHERE = "shutting_down"


class WatchFailed(Exception):
    """The server refuses, or cannot be reached any more; its text says what to do."""


class _TryLater(Exception):
    def __init__(self, reason: str, seconds: float = 0) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Event:
    """``at`` is on the monotonic clock, ``data`` what ``sent`` says in JSON, with exact decimals."""

    at: float
    name: str
    sent: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        return self.name in _LAST


@dataclass(slots=True)
class Following:
    """One answer: sent with ``message``, or known by its ``task_trace_id`` and followed after the event ``place``."""

    client: Client
    message: dict[str, Any] = field(default_factory=dict)
    task_trace_id: str = ""
    place: str = ""
    pause: Callable[[float], None] = sleep
    reconnections: int = 0
    _key: str = field(default_factory=lambda: str(uuid4()))
    _since_place: int = 0
    _told: int = 0
    _ended: bool = False
    _reason: str = ""
    _wait: float = 0.0

    def events(self) -> Iterator[Event]:
        """Yield each once and in order, the last one included. Raises WatchFailed."""
        tries = 0
        while True:
            before = self._told
            yield from self._until_lost()
            if self._ended:
                return
            tries = 1 if self._told > before else tries + 1
            if tries >= _TRIES:
                raise WatchFailed(self._reason)
            usual = min(_FIRST_PAUSE_SECONDS * 2 ** (tries - 1), _LONGEST_PAUSE_SECONDS)
            self.pause(max(self._wait, usual))
            self.reconnections += 1

    def _until_lost(self) -> Iterator[Event]:
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
        """What one connection has that is new."""
        with self._open() as source:
            _refuse(source.response)
            self.task_trace_id = source.response.headers.get("x-task-trace-id", self.task_trace_id)
            # Events without an id of their own belong to the next one, and are sent again until that has arrived.
            known = self._since_place if self.place.isdecimal() or not self.place else 0
            for event in source:
                if event.id and event.id != self.place:
                    self.place, self._since_place, known = event.id, 0, 0
                elif known:
                    known -= 1
                    continue
                else:
                    self._since_place += 1
                yield self._read(event)

    def _open(self) -> AbstractContextManager[EventSource]:
        """Send the message; again only while nothing is known of it, and then with the same key."""
        if self.task_trace_id:
            after = {"Last-Event-ID": self.place} if self.place else {}
            return self.client.sse(f"/api/command-center/streams/{self.task_trace_id}", headers=after, timeout=_TIMEOUT)
        key, path = {"Idempotency-Key": self._key}, "/api/command-center/message"
        return self.client.sse(path, method="POST", json=self.message, headers=key, timeout=_TIMEOUT)

    def _read(self, event: ServerSentEvent) -> Event:
        data = json.loads(event.data or "{}", parse_float=Decimal)
        found = Event(monotonic(), event.event, event.data, data if isinstance(data, dict) else {})
        if found.name == "error" and found.data.get("code") == _GOES_ON_ELSEWHERE:
            raise _TryLater(str(found.data.get("error")))
        self._told += 1
        self.task_trace_id = str(found.data.get("taskTraceId") or self.task_trace_id)
        return found


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
    """Return what the server says is wrong."""
    response.read()
    try:
        said = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        said = "It gave no reason."
    return f"The server answered {response.status_code}. {said}"
