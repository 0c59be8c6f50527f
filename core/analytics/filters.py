"""Which traces are looked at: the same choice for Costs, Traces and every file."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import ColumnElement

from core.events import CostBasis, TurnStatus
from core.store.tables import USUAL, TaskTrace
from core.store.text import storable

STATUSES: tuple[TurnStatus, ...] = get_args(TurnStatus)
BASES: tuple[CostBasis, ...] = get_args(CostBasis)

_traces = TaskTrace.__table__


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """``start`` <= began < ``end``, both aware; an empty tuple lets all through. Agents and people by id."""

    start: datetime | None = None
    end: datetime | None = None
    agents: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    text: str = ""


EVERYTHING = TraceFilter()


def conditions(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """What ``task_trace`` rows must meet, except for ``text``: see core/analytics/search.py."""
    found: list[ColumnElement[bool]] = []
    if chosen.start is not None:
        found.append(_traces.c.started_at >= chosen.start)
    if chosen.end is not None:
        found.append(_traces.c.started_at < chosen.end)
    for column, values in (
        (_traces.c.master_agent_id, chosen.agents),
        (_traces.c.model, chosen.models),
        (_traces.c.owner_id, chosen.people),
    ):
        if values:
            found.append(column.in_([storable(value) for value in values]))
    if chosen.statuses:
        found += _among(_traces.c.status, chosen.statuses)
    if chosen.bases:
        found += _among(_traces.c.cost_basis, chosen.bases)
    return found


def _among(column: ColumnElement[Any], values: tuple[str, ...]) -> list[ColumnElement[bool]]:
    """For exceptional values also that they are exceptional, which leads the database to their index."""
    usual = USUAL[str(column.key)]
    exceptional = [] if usual in values else [column != usual]
    return [*exceptional, column.in_([storable(value) for value in values])]
