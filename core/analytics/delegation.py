"""What a choice of agents or models lets through beyond the traces in which they were asked first.

Sessions that another agent asked for are few and have indexes of their own. Where there is none that a choice could
mean, as is usual, everything is found as if there were no such thing.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, exists, select

from core.analytics.filters import TraceFilter, asked, conditions, delegated
from core.analytics.search_request import Key, Wanted, checked
from core.store.tables import TaskTrace, TraceSession

_CLOCK_SET_BACK = timedelta(hours=1)
"""So much earlier than its trace a session may seem to have begun."""

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__


def only_asked(connection: Connection, chosen: TraceFilter) -> bool:
    """Whether nobody but people asked for the sessions of the choice."""
    if not chosen.agents and not chosen.models:
        return True
    return not connection.execute(select(exists().where(*_since(chosen)))).scalar_one()


def chosen_traces(connection: Connection, chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """What ``task_trace`` rows must meet, except for ``text``."""
    return asked(chosen) if only_asked(connection, chosen) else conditions(chosen)


def newest_delegated(connection: Connection, wanted: Wanted, *limits: ColumnElement[bool]) -> list[Key]:
    """The newest traces in which another agent asked for a chosen session, and which meet the limits."""
    if only_asked(connection, wanted.chosen):
        return []
    place = _traces.c.started_at, _traces.c.id
    query = (
        select(*place)
        .distinct()
        .join(_sessions, _sessions.c.task_trace_id == _traces.c.id)
        .where(*_since(wanted.chosen), checked(*wanted.others(), *limits))
        .order_by(*(column.desc() for column in place))
        .limit(wanted.limit)
    )
    return [(row.started_at, row.id) for row in connection.execute(query)]


def _since(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    found = delegated(chosen)
    if chosen.start is not None:
        found.append(_sessions.c.started_at >= chosen.start - _CLOCK_SET_BACK)
    return found
