"""Whether there is a demo month, and how far it has come: what everyone agrees on who loads or removes it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeAlias

from sqlalchemy import Connection, delete, insert, select, update

from core.store.demo import DemoState

Phase: TypeAlias = Literal["loading", "loaded", "removing"]

_state = DemoState.__table__


@dataclass(frozen=True, slots=True)
class State:
    """``today`` is the month's last day; nothing in it ends after ``until``."""

    today: date
    until: datetime
    phase: Phase


def read_state(connection: Connection, *, lock: bool = False) -> State | None:
    """Read the state; with ``lock``, who else asks like that waits until this transaction is over."""
    query = select(_state.c.today, _state.c.until, _state.c.state)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else State(row.today, row.until, row.state)


def write_state(connection: Connection, state: State) -> None:
    """Raises IntegrityError if there is one already."""
    connection.execute(insert(_state), {"id": 1, "today": state.today, "until": state.until, "state": state.phase})


def change_phase(connection: Connection, phase: Phase) -> None:
    connection.execute(update(_state).values(state=phase))


def forget(connection: Connection) -> None:
    connection.execute(delete(_state))
