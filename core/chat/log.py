"""A turn's numbered events: written on the engine's loop, read from any thread, again and again."""

import threading
from time import monotonic

from core.events import Event, Logged, TurnEnded


class EventLog:
    """Append-only; a reader names the last sequence number it has and gets what came after."""

    def __init__(self) -> None:
        self._events: list[Logged] = []
        self._changed = threading.Condition()
        self._began = monotonic()
        self._last_read = self._began
        self.ended = False

    def append(self, event: Event) -> Logged:
        logged = Logged(len(self._events) + 1, monotonic() - self._began, event)
        with self._changed:
            self._events.append(logged)
            self.ended = isinstance(event, TurnEnded)
            self._changed.notify_all()
        return logged

    def get(self, after: int, timeout: float) -> list[Logged]:
        """Events beyond ``after``, as soon as there are any; none when the time-out passes or the turn is over."""
        self.watched()
        with self._changed:
            self._changed.wait_for(lambda: self.ended or len(self._events) > after, timeout)
            return self._events[after:]

    def watched(self) -> None:
        """Count as read until now."""
        self._last_read = monotonic()

    def unread_seconds(self) -> float:
        """How long nobody has asked: readers ask several times a second, so a second or two means nobody is there."""
        return monotonic() - self._last_read

    def elapsed_ms(self) -> int:
        return round((monotonic() - self._began) * 1000)
