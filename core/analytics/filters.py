"""Which traces are looked at: the same choice for Costs, Traces and every file.

Agents and models choose sessions, all else chooses traces. Money, tokens and calls are those of the chosen sessions,
wherever they are added up; a trace is chosen if one of its sessions is, and then it is shown whole.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import ColumnElement, and_, exists, or_

from core.access.roles import Scope
from core.events import CostBasis, Provenance, TurnStatus
from core.store.rollups import UNASSIGNED
from core.store.tables import USUAL, TaskTrace, TraceSession
from core.store.text import storable
from core.store.unindexed import unindexed

STATUSES: tuple[TurnStatus, ...] = get_args(TurnStatus)
BASES: tuple[CostBasis, ...] = get_args(CostBasis)
PROVENANCES: tuple[Provenance, ...] = get_args(Provenance)

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """``start`` <= began < ``end``, both aware; an empty tuple lets all through. Agents and people by id.

    ``first_asked`` are the agents of which one was asked by a person; with ``ids_only`` no words are searched for the
    text. Both are no choice of a reader's: see ``within``.
    """

    start: datetime | None = None
    end: datetime | None = None
    agents: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    provenances: tuple[str, ...] = ()
    key_sources: tuple[str, ...] = ()
    text: str = ""
    first_asked: tuple[str, ...] = ()
    ids_only: bool = False


EVERYTHING = TraceFilter()
NONE = ("",)
"""The id of nothing, as a choice that lets nothing through."""


def within(limits: Scope, chosen: TraceFilter) -> TraceFilter:
    """Limit a choice to what may be looked at: whole traces, which are whose master agent's they are."""
    only = None if limits.agents is None else tuple(sorted(limits.agents)) or NONE
    return replace(
        chosen,
        people=chosen.people if limits.owner_id is None else common(chosen.people, (limits.owner_id,)),
        agents=chosen.agents or only or (),
        first_asked=only or (),
        ids_only=not limits.texts,
    )


def one(limits: Scope, task_trace_id: str) -> list[ColumnElement[bool]]:
    """Return the conditions on the one ``task_trace`` row, if it may be looked at."""
    return [_traces.c.id == storable(task_trace_id), *asked(replace(within(limits, EVERYTHING), agents=()))]


def common(chosen: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the chosen, or of all, that are allowed."""
    return tuple(each for each in allowed if not chosen or each in chosen) or NONE


def asked(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on ``task_trace`` rows whose master agent's session is chosen; ``text`` is in search.py."""
    found: list[ColumnElement[bool]] = []
    if chosen.start is not None:
        found.append(_traces.c.started_at >= chosen.start)
    if chosen.end is not None:
        found.append(_traces.c.started_at < chosen.end)
    for column, values in (
        (_traces.c.master_agent_id, chosen.agents),
        (_traces.c.model, chosen.models),
        (_traces.c.owner_id, chosen.people),
        (_traces.c.master_agent_id, chosen.first_asked),
    ):
        if values:
            found.append(among(column, values))
    if chosen.statuses:
        found += _among(_traces.c.status, chosen.statuses)
    if chosen.bases:
        found += _among(_traces.c.cost_basis, chosen.bases)
    return [*found, *_paid(chosen)]


def _paid(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on whose money it was: no index is entered by them where a better one may be."""
    found: list[ColumnElement[bool]] = []
    if chosen.provenances:
        narrower = chosen.agents or chosen.models or chosen.people or len(chosen.provenances) > 1
        column = unindexed(_traces.c.provenance) if narrower else _traces.c.provenance
        found.append(column.in_(chosen.provenances))
    if chosen.key_sources:
        found.append(_traces.c.key_source.in_(chosen.key_sources))
    return found


def conditions(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on ``task_trace`` rows of which any session is chosen, except for ``text``."""
    if not chosen.agents and not chosen.models:
        return asked(chosen)
    master = asked(TraceFilter(agents=chosen.agents, models=chosen.models))
    other = exists().where(_sessions.c.task_trace_id == _traces.c.id, *delegated(chosen)).correlate(_traces)
    return [*asked(replace(chosen, agents=(), models=())), or_(and_(*master), other)]


def delegated(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on chosen ``trace_sessions`` rows that another agent asked for."""
    return [_sessions.c.parent_span_id.is_not(None), *of_sessions(chosen)]


def of_sessions(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """Return what the agents and models of the choice mean for ``trace_sessions`` rows."""
    pairs = (_sessions.c.agent_id, chosen.agents), (_sessions.c.model, chosen.models)
    return [among(column, values) for column, values in pairs if values]


def among(column: ColumnElement[Any], values: tuple[str, ...]) -> ColumnElement[bool]:
    """Return whether the column has one of the values; UNASSIGNED stands for none at all."""
    known = column.in_([storable(value) for value in values])
    return or_(known, column.is_(None)) if UNASSIGNED in values else known


def _among(column: ColumnElement[Any], values: tuple[str, ...]) -> list[ColumnElement[bool]]:
    """Match values; exceptional ones also by being exceptional, which leads the database to their index."""
    usual = USUAL[str(column.key)]
    exceptional = [] if usual in values else [column != usual]
    return [*exceptional, column.in_([storable(value) for value in values])]
