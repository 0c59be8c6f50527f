"""How long a turn may go on, over all that it starts; what it waits for somebody's consent does not count."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic

from anyio import CancelScope


class TurnClock:
    """Only on the engine's loop. ``scope`` is cancelled once the time is up."""

    def __init__(self, seconds: float) -> None:
        self._left, self._since = seconds, monotonic()
        self._waiting = 0
        self._scope: CancelScope | None = None

    @property
    def left(self) -> float:
        """Seconds; while consent is waited for they do not pass."""
        return self._left - (0.0 if self._waiting else monotonic() - self._since)

    @property
    def is_up(self) -> bool:
        return self.left <= 0

    def limit(self, scope: CancelScope) -> None:
        self._scope, self._since = scope, monotonic()
        self._set()

    def shorten(self, seconds: float) -> None:
        """Let at most so much time be left."""
        self._left, self._since = min(self.left, seconds), monotonic()
        self._set()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Several may wait at once."""
        left, self._waiting = self.left, self._waiting + 1
        self._left = left
        self._set()
        try:
            yield
        finally:
            self._waiting -= 1
            self._since = monotonic()
            self._set()

    def _set(self) -> None:
        if self._scope is not None:
            self._scope.deadline = inf if self._waiting else asyncio.get_running_loop().time() + max(0.0, self.left)
