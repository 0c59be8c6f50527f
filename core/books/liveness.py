"""Which running turns nobody answers for any more, as far as this process can tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from core.books.instance import read_instance

PATIENCE_SECONDS = 60.0
HUNG_SECONDS = 600.0
"""For a process that is there, but does not beat."""
LONGEST_BETWEEN_SECONDS = 10.0
"""More than this does not count between two looks: the looker was away itself."""
SLOW_SECONDS = 1.0
"""A database that takes longer for a row is as good as away, and may keep others' beats waiting."""


@dataclass(frozen=True, slots=True)
class Running:
    """A turn that runs. Its instance lives while ``beats`` or ``heartbeat_at``, whatever they say, change."""

    task_trace_id: str
    instance_id: str
    beats: int | None
    heartbeat_at: datetime


class Liveness:
    """Remembers what it saw: only changes count, over the time of this process's own monotonic clock.

    ``own`` is this process; ``holds`` says whether an instance is seen to hold a lock that it has as long as it lives.
    """

    def __init__(self, own: str, holds: Callable[[str], bool | None], clock: Callable[[], float] = monotonic) -> None:
        self._own, self._holds, self._clock = own, holds, clock
        self._looked_at: float | None = None
        self._troubled = False
        self._quiet: dict[str, tuple[Running, float]] = {}

    def trouble(self) -> None:
        """Note that the database is away or slow: the time since the last look does not count."""
        self._troubled = True

    def lost(self, running: Sequence[Running]) -> list[Running]:
        """Return the turns that run for instances that are dead; never those that this process works on."""
        at = self._clock()
        passed = 0.0 if self._troubled or self._looked_at is None else at - self._looked_at
        self._looked_at, self._troubled = at, False
        before, self._quiet = self._quiet, {}
        for one in running:
            seen, quiet = before.get(one.task_trace_id, (None, 0.0))
            self._quiet[one.task_trace_id] = (one, quiet + min(passed, LONGEST_BETWEEN_SECONDS) if seen == one else 0.0)
        return [one for one in running if self._is_lost(one)]

    def is_gone(self, instance_id: str) -> bool | None:
        """Return whether the process is known to have ended; None if that cannot be seen from here."""
        if instance_id == self._own:
            return None
        gone, holds = read_instance(instance_id).is_gone, self._holds(instance_id)
        if gone is not None:
            return gone
        return None if holds is None else not holds

    def _is_lost(self, one: Running) -> bool:
        gone, (_, quiet) = self.is_gone(one.instance_id), self._quiet[one.task_trace_id]
        if gone is None:
            return quiet >= PATIENCE_SECONDS
        return gone or quiet >= HUNG_SECONDS
