"""What every reader of a trace selects beside it: its token columns and the session of its master agent."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Row, and_

from core.store.tables import TaskTrace, TraceSession
from core.units import COLUMNS, Usage

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__


def tokens_of(table: FromClause) -> list[ColumnElement[int]]:
    """Return the columns that ``usage_of`` reads."""
    return [table.c[name] for name in COLUMNS]


def usage_of(row: Row[Any]) -> Usage:
    return Usage(*(getattr(row, column) for column in COLUMNS))


def is_master_session() -> ColumnElement[bool]:
    """Joins to each trace its master agent's session only, so that it stays one row however many agents take part."""
    return and_(_sessions.c.task_trace_id == _traces.c.id, _sessions.c.parent_span_id.is_(None))
