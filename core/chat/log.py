"""A turn's numbered events: written on the engine's loop, read from any thread or loop, again and again."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from math import inf
from time import monotonic

from core.events import Event, Logged, TurnEnded

_ON_A_PAGE_SECONDS = 2.0


class EventLog:
    """Append-only; a reader names the last sequence number it has and gets what came after."""

    def __init__(self) -> None:
        self._events: list[Logged] = []
        self._changed = threading.Condition()
        self._waiting = 0
        self._wakers: list[Callable[[], object]] = []
        self._readers = 0
        self._began = monotonic()
        self._last_read = self._began
        self._last_got = -inf
        self.ended = False

    def append(self, event: Event) -> Logged:
        logged = Logged(len(self._events) + 1, monotonic() - self._began, event)
        self._events.append(logged)
        if isinstance(event, TurnEnded):
            self.ended = True
        # Without the lock: who is about to wait says so first, and then looks once more.
        if self._waiting:
            with self._changed:
                self._changed.notify_all()
        if self._wakers:
            _soon(self._wake)
        return logged

    def _wake(self) -> None:
        with self._changed:
            wakers, self._wakers = self._wakers, []
        for wake in wakers:
            with suppress(RuntimeError):  # the loop of a reader that went away without a word
                wake()

    @property
    def last(self) -> int:
        """The number of the newest event."""
        return len(self._events)

    def get(self, after: int, timeout: float) -> list[Logged]:
        """Return events beyond ``after``, as soon as there are any; none after the time-out or the turn's end."""
        self.watched()
        self._last_got = monotonic()
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._has_news(after), timeout)
            finally:
                self._waiting -= 1
            return self._events[after:]

    async def wait(self, after: int, seconds: float) -> list[Logged]:
        """Return the same on an event loop, where no thread waits.

        A reader is woken once, however much has come by then.
        """
        until = asyncio.get_running_loop().time() + seconds
        while not self._has_news(after) and (left := until - asyncio.get_running_loop().time()) > 0:
            await self._woken(after, left)
        return self._events[after:]

    async def _woken(self, after: int, seconds: float) -> None:
        """Wait once; the writer may wake a reader for what that reader has got already."""
        loop = asyncio.get_running_loop()
        news: asyncio.Future[None] = loop.create_future()
        wake = partial(loop.call_soon_threadsafe, _settle, news)
        with self._changed:
            self._wakers.append(wake)
        timer = loop.call_later(seconds, _settle, news)
        try:
            if not self._has_news(after):
                await news
        finally:
            timer.cancel()
            self._forget(wake)

    def _has_news(self, after: int) -> bool:
        return self.ended or len(self._events) > after

    def _forget(self, wake: Callable[[], object]) -> None:
        if self._wakers:
            with self._changed, suppress(ValueError):
                self._wakers.remove(wake)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count as read all the while."""
        with self._changed:
            self._readers += 1
        try:
            yield
        finally:
            self.watched()
            with self._changed:
                self._readers -= 1

    def watched(self) -> None:
        """Count as read until now."""
        self._last_read = monotonic()

    @property
    def on_a_page(self) -> bool:
        """Whether somebody follows it by ``get``, as pages do: programs are told nothing of what it costs so far."""
        return monotonic() - self._last_got < _ON_A_PAGE_SECONDS

    def unread_seconds(self) -> float:
        """Return how long nobody has asked; readers ask several times a second, so two seconds mean nobody is there."""
        return 0.0 if self._readers else monotonic() - self._last_read

    def elapsed_ms(self) -> int:
        return round((monotonic() - self._began) * 1000)


def _soon(call: Callable[[], object]) -> None:
    """When all that is ready on the writer's loop has been written: its readers then get it together."""
    try:
        asyncio.get_running_loop().call_soon(call)
    except RuntimeError:
        call()


def _settle(news: "asyncio.Future[None]") -> None:
    if not news.done():
        news.set_result(None)
