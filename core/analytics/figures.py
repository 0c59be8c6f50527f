"""What every reader of a trace selects beside it: its token columns and the session of its master agent."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Row, and_

from core.store.tables import TaskTrace, TraceSession
from core.usage import Usage

_traces, _sessions = TaskTrace.__table__, TraceSession.__table__

TOKEN_COLUMNS = (
    "input_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "output_tokens",
    "thinking_tokens",
    "web_searches",
)


def tokens_of(table: FromClause) -> list[ColumnElement[int]]:
    """The columns that ``usage_of`` reads."""
    return [table.c[name] for name in TOKEN_COLUMNS]


def usage_of(row: Row[Any]) -> Usage:
    return Usage(
        input=row.input_tokens,
        cache_write_5m=row.cache_write_5m_tokens,
        cache_write_1h=row.cache_write_1h_tokens,
        cache_read=row.cache_read_tokens,
        output=row.output_tokens,
        thinking=row.thinking_tokens,
        web_searches=row.web_searches,
    )


def is_master_session() -> ColumnElement[bool]:
    """Joins to each trace its master agent's session only, so that it stays one row however many agents take part."""
    return and_(_sessions.c.task_trace_id == _traces.c.id, _sessions.c.parent_span_id.is_(None))
