"""Tells the process that writes an answer that somebody reads it in this one."""

import threading
from contextlib import suppress
from time import monotonic

from core.access.roles import Person
from core.books.cross_process import watched
from core.clock import now
from core.errors import StoreError
from core.logs import log_failure
from core.store.database import Store

_SELDOM_SECONDS = 10.0
_PARTS_OF_GRACE = 5


class Watchers:
    """``grace_seconds`` is how long an answer that nobody reads goes on; None lets it, and nobody is told anything."""

    def __init__(self, store: Store, grace_seconds: float | None) -> None:
        self._store = store
        self._every = None if grace_seconds is None else min(_SELDOM_SECONDS, grace_seconds / _PARTS_OF_GRACE)
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def seen(self, by: Person, task_trace_id: str) -> None:
        """Note a reader, from any thread, as often as one likes.

        Nobody waits for it, and what is lost is told again soon.
        """
        if self._is_due(task_trace_id):
            with suppress(StoreError):
                told = self._store.write(lambda connection: watched(connection, by.id, task_trace_id, now()))
                told.add_done_callback(log_failure)

    def _is_due(self, task_trace_id: str) -> bool:
        if self._every is None:
            return False
        with self._lock:
            since = monotonic() - self._every
            self._told = {known: at for known, at in self._told.items() if at > since}
            due = task_trace_id not in self._told
            self._told.setdefault(task_trace_id, monotonic())
        return due
