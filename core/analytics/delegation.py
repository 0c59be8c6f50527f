"""What a choice of agents or models lets through beyond the traces in which they were asked first.

Sessions that another agent asked for are few and have indexes of their own. Where there is none that a choice could
mean, as is usual, all is found as if there were no such thing.
"""

from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, tuple_

from core.analytics.filters import TraceFilter, asked, conditions, delegated
from core.analytics.search_request import Key, TraceQuery, checked
from core.analytics.served import anything_served, newest_served, served
from core.store.rollups import SERVED
from core.store.tables import TaskTrace, TraceSession

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__
_PLACE = _sessions.c.trace_started_at, _sessions.c.task_trace_id


def anything_delegated(connection: Connection) -> bool:
    """Return whether any agent ever asked another, or any model that was not asked was billed for."""
    delegated_ever = exists().where(_sessions.c.parent_span_id.is_not(None))
    return bool(connection.execute(select(or_(delegated_ever, exists(select(SERVED.c.model))))).scalar())


def only_asked(connection: Connection, chosen: TraceFilter) -> bool:
    """Return whether nobody but people asked for the sessions of the choice, and for the models that were billed."""
    if not chosen.agents and not chosen.models:
        return True
    if anything_served(connection, chosen):
        return False
    return not connection.execute(select(exists().where(*_in_time(chosen)))).scalar()


def chosen_traces(connection: Connection, chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on ``task_trace`` rows, except for ``text``."""
    return asked(chosen) if only_asked(connection, chosen) else taking_part(chosen)


def taking_part(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on ``task_trace`` rows in which a chosen agent or model took part, asked by whomever."""
    if not chosen.models:
        return conditions(chosen)
    others = replace(chosen, agents=(), models=())
    members = conditions(TraceFilter(agents=chosen.agents, models=chosen.models))
    return [*asked(others), or_(and_(*members), served(chosen))]


def newest_delegated(connection: Connection, wanted: TraceQuery, *limits: ColumnElement[bool]) -> list[Key]:
    """Return the newest traces in which another agent asked for a chosen session, or a chosen model came in unasked.

    Of one agent or model at a time, which an index has in order.
    """
    chosen = wanted.chosen
    single = [replace(chosen, agents=(agent,)) for agent in chosen.agents] or [
        replace(chosen, models=(model,)) for model in chosen.models
    ]
    found = [key for each in single for key in _newest_of(connection, replace(wanted, chosen=each), limits)]
    return [*found, *newest_served(connection, wanted, *limits)]


def _newest_of(connection: Connection, wanted: TraceQuery, limits: tuple[ColumnElement[bool], ...]) -> list[Key]:
    before = [] if wanted.before is None else [tuple_(*_PLACE) < wanted.before]
    query = (
        select(*_PLACE)
        .distinct()
        .join(_traces, _traces.c.id == _sessions.c.task_trace_id)
        .where(*_in_time(wanted.chosen), *before, checked(*wanted.others(), *limits))
        .order_by(*(column.desc() for column in _PLACE))
        .limit(wanted.limit)
    )
    return [(row.trace_started_at, row.task_trace_id) for row in connection.execute(query)]


def _in_time(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    found = delegated(chosen)
    if chosen.start is not None:
        found.append(_sessions.c.trace_started_at >= chosen.start)
    if chosen.end is not None:
        found.append(_sessions.c.trace_started_at < chosen.end)
    return found
