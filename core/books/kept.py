"""Ends of turns in memory, from the moment they are known until they are booked."""

import threading
from dataclasses import dataclass

import structlog

from core.books.end_lines import as_json
from core.books.spool import Spool
from core.books.values import TraceEnd
from core.errors import StoreError

log = structlog.get_logger()

MOST_BYTES = 64 * 2**20
"""Of ends that wait, in memory and in files together."""


@dataclass(slots=True)
class _Kept:
    """``size`` is 0 while its first writing is under way."""

    end: TraceEnd
    size: int = 0
    on_disk: bool = False


class Kept:
    """From any thread. An end that the database refuses is also put on the disk, if that has room."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._ends: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def begin(self, end: TraceEnd) -> None:
        """Keep an end from when its writing begins."""
        with self._lock:
            self._ends.setdefault(end.trace_id, _Kept(end))

    def booked(self, end: TraceEnd) -> None:
        with self._lock:
            self._ends.pop(end.trace_id, None)

    def refused(self, end: TraceEnd) -> None:
        """Keep an end that the database did not take. Never fails: what the disk has no room for lives on in memory."""
        with self._lock:
            kept = self._ends.setdefault(end.trace_id, _Kept(end))
        kept.size = kept.size or len(as_json(end))
        self._put_on_disk(kept)

    def impossible(self, end: TraceEnd) -> None:
        """Set an end aside that no row takes: once it is on the disk it is kept there for a person."""
        with self._lock:
            kept = self._ends.get(end.trace_id)
        if kept is not None and self._put_on_disk(kept):
            self.booked(end)

    def waiting(self) -> list[TraceEnd]:
        """Return the ends that were refused, in the order they came."""
        with self._lock:
            return [kept.end for kept in self._ends.values() if kept.size]

    def rescue(self) -> None:
        """Before the process goes: all that is not booked onto the disk, or at least what it cost into the log."""
        with self._lock:
            left = list(self._ends.values())
        for kept in left:
            if not self._put_on_disk(kept):
                last = kept.end.runs[0].last
                told = {"request_id": last.reported.request_id, "usage": last.reported.usage}
                found = {**told, "cost_nanos": last.cost.total}
                log.critical("turn_end_lost", task_trace_id=kept.end.trace_id, **found)

    def size(self) -> tuple[int, int]:
        """Return how many wait, and their bytes."""
        with self._lock:
            sizes = [kept.size for kept in self._ends.values() if kept.size]
        return len(sizes), sum(sizes)

    def check_room(self) -> None:
        """Raises StoreError when so much waits already that no further turn may begin."""
        total = sum(kept.size for kept in list(self._ends.values()) if not kept.on_disk) + self._spool.sizes()[0]
        if total >= MOST_BYTES:
            raise StoreError(
                f"{total / 2**20:,.0f} MB of ended answers wait to be booked, because the database does not take them. "
                "Your message was not sent. Ask an admin to give the database and the disk room, then send it again.",
                reason="too many ended answers wait to be booked",
            )

    def _put_on_disk(self, kept: _Kept) -> bool:
        if not kept.on_disk:
            try:
                self._spool.append(kept.end)
            except OSError as error:
                log.error("turn_not_on_disk", task_trace_id=kept.end.trace_id, reason=error.strerror)
            else:
                kept.on_disk = True
        return kept.on_disk
