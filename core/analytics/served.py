"""Models that replies were billed for although others were asked: fallbacks, advisors, and what a gateway chose.

Such traces are few. A choice of models means what the ledger says, so they are found beside those that were asked.
"""

from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, case, exists, select, tuple_

from core.analytics.filters import TraceFilter
from core.analytics.search_request import Key, TraceQuery, checked
from core.store.rollups import SERVED
from core.store.tables import LedgerLine, TaskTrace, TraceSession
from core.store.text import storable

_traces, _sessions, _lines = TaskTrace.__table__, TraceSession.__table__, LedgerLine.__table__
_PLACE = SERVED.c.trace_started_at, SERVED.c.task_trace_id

SNAPSHOT = "-20______"
"""The end of an id with a date, in the language of LIKE: it names the model that was asked for without one."""


def billed_model() -> ColumnElement[str]:
    """Return a ledger line's model, by the name it was asked by if it is that one; without lines the call's own."""
    asked = _lines.c.model.is_(None) | _lines.c.model.like(_sessions.c.model + SNAPSHOT)
    return case((asked, _sessions.c.model), else_=_lines.c.model)


def anything_served(connection: Connection, chosen: TraceFilter) -> bool:
    """Return whether any of the choice's models was billed for without being asked."""
    return bool(chosen.models) and bool(connection.execute(select(exists().where(*_of(chosen)))).scalar())


def served(chosen: TraceFilter) -> ColumnElement[bool]:
    """Return the conditions on ``task_trace`` rows in which a model of the choice was billed without being asked."""
    return exists().where(SERVED.c.task_trace_id == _traces.c.id, *_of(replace(chosen, start=None, end=None)))


def newest_served(connection: Connection, wanted: TraceQuery, *limits: ColumnElement[bool]) -> list[Key]:
    """Return the newest traces that meet the limits and in which a chosen model was billed without being asked."""
    if not wanted.chosen.models:
        return []
    before = [] if wanted.before is None else [tuple_(*_PLACE) < wanted.before]
    query = (
        select(*_PLACE)
        .distinct()
        .join(_traces, _traces.c.id == SERVED.c.task_trace_id)
        .where(*_of(wanted.chosen), *before, checked(*wanted.others(), *limits))
        .order_by(*(column.desc() for column in _PLACE))
        .limit(wanted.limit)
    )
    return [(row.trace_started_at, row.task_trace_id) for row in connection.execute(query)]


def _of(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [SERVED.c.model.in_([storable(model) for model in chosen.models])]
    if chosen.agents:
        found.append(SERVED.c.agent_id.in_([storable(agent) for agent in chosen.agents]))
    if chosen.start is not None:
        found.append(SERVED.c.trace_started_at >= chosen.start)
    if chosen.end is not None:
        found.append(SERVED.c.trace_started_at < chosen.end)
    return found
