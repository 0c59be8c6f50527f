"""What processes tell each other of running turns, through the books: what shall stop, what is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from core.books.spans import RUNNING
from core.store.tables import TaskTrace

_traces = TaskTrace.__table__
_RUNNING = _traces.c.status == RUNNING


@dataclass(frozen=True, slots=True)
class Heard:
    """What other processes say of a turn: that it shall stop, and when somebody was last seen reading it there."""

    task_trace_id: str
    stop_asked: bool
    watched_at: datetime | None


def ask_to_stop(connection: Connection, task_trace_id: str, at: datetime) -> None:
    """Whichever process runs it does so within some seconds."""
    running = _traces.c.id == task_trace_id, _RUNNING
    connection.execute(update(_traces).where(*running).values(stop_asked_at=at))


def watched(connection: Connection, owner_id: str, task_trace_id: str, at: datetime) -> None:
    """Note that the owner reads a turn in a process that does not run it."""
    theirs = _traces.c.id == task_trace_id, _traces.c.owner_id == owner_id, _RUNNING
    connection.execute(update(_traces).where(*theirs).values(watched_at=at))


def heard(connection: Connection, task_trace_ids: Sequence[str]) -> list[Heard]:
    """Return those of these turns that other processes have said anything of."""
    said = or_(_traces.c.stop_asked_at.is_not(None), _traces.c.watched_at.is_not(None))
    found = select(_traces.c.id, _traces.c.stop_asked_at.is_not(None), _traces.c.watched_at)
    return [Heard(*row) for row in connection.execute(found.where(_traces.c.id.in_(task_trace_ids), said))]
