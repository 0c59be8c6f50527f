"""Which traces are looked at: the same choice for Costs, Traces and every file.

Agents and models choose sessions, all else chooses traces. Money, tokens and calls are those of the chosen sessions,
wherever they are added up; a trace is chosen if one of its sessions is, and then it is shown whole.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import ColumnElement, and_, exists, or_

from core.events import CostBasis, TurnStatus
from core.store.tables import USUAL, TaskTrace, TraceSession
from core.store.text import storable

STATUSES: tuple[TurnStatus, ...] = get_args(TurnStatus)
BASES: tuple[CostBasis, ...] = get_args(CostBasis)

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__


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


def asked(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """What ``task_trace`` rows must meet whose master agent's session is chosen, except for ``text``: see search.py."""
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


def conditions(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """What ``task_trace`` rows must meet of which any session is chosen, except for ``text``."""
    if not chosen.agents and not chosen.models:
        return asked(chosen)
    master = asked(TraceFilter(agents=chosen.agents, models=chosen.models))
    other = exists().where(_sessions.c.task_trace_id == _traces.c.id, *delegated(chosen)).correlate(_traces)
    return [*asked(replace(chosen, agents=(), models=())), or_(and_(*master), other)]


def delegated(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """What chosen ``trace_sessions`` rows must meet that another agent asked for."""
    return [_sessions.c.parent_span_id.is_not(None), *of_sessions(chosen)]


def of_sessions(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """What the agents and models of the choice mean for ``trace_sessions`` rows."""
    pairs = (_sessions.c.agent_id, chosen.agents), (_sessions.c.model, chosen.models)
    return [column.in_([storable(value) for value in values]) for column, values in pairs if values]


def _among(column: ColumnElement[Any], values: tuple[str, ...]) -> list[ColumnElement[bool]]:
    """For exceptional values also that they are exceptional, which leads the database to their index."""
    usual = USUAL[str(column.key)]
    exceptional = [] if usual in values else [column != usual]
    return [*exceptional, column.in_([storable(value) for value in values])]
