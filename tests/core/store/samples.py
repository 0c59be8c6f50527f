"""Rows for the store's tests: marks, which point at nothing, and a ledger line with all it needs."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, TableClause, column, func, insert, select, table

from core.store.access import User
from core.store.database import Store
from core.store.tables import (
    Agent,
    AgentVersion,
    Conversation,
    DirtyBucket,
    LedgerLine,
    TaskTrace,
    TraceSession,
    TraceSpan,
)

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
MARKS = DirtyBucket.__table__
_COUNTS = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "thinking")
TALLY: dict[str, Any] = {f"{count}_tokens": 0 for count in _COUNTS} | {
    "status": "success",
    "web_searches": 0,
    "started_at": AT,
}
LINE: dict[str, Any] = {
    "span_id": "span",
    "line": 1,
    "task_trace_id": "trace",
    "model": "claude",
    "unit": "input",
    "quantity": 7,
    "amount_nanos": 21,
    "estimated": False,
    "correction": False,
    "billed_at": AT,
    "recorded_at": AT,
}


def mark(number: int = 0) -> Callable[[Connection], None]:
    """A job that adds one row."""

    def job(connection: Connection) -> None:
        connection.execute(insert(MARKS), {"hour": AT + timedelta(hours=number)})

    return job


def marks(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(MARKS)).scalar_one())


def numbers(store: Store) -> list[int]:
    """The numbers of the marks, in the order they were written."""
    with store.read() as connection:
        hours = connection.execute(select(MARKS.c.hour).order_by(MARKS.c.id)).scalars()
        return [int((hour - AT).total_seconds()) // 3600 for hour in hours]


def add_books(connection: Connection) -> None:
    """One person, agent, conversation, trace, session, span and ledger line."""
    at = {"created_at": AT}
    version = {"name": "Ada", "description": "", "model": "claude", "system_prompt": "", "max_output_tokens": 1}
    rows: list[tuple[Any, dict[str, Any]]] = [
        (User, {"id": "user", "email": "a@b", "name": "A", "role": "admin", **at}),
        (Agent, {"id": "agent", "name": "Ada", "active": True, "current_version": 1, **at}),
        (
            AgentVersion,
            version
            | {"agent_id": "agent", "number": 1, "thinking": False, "starters": []}
            | at
            | {"created_by": "user"},
        ),
        (Conversation, {"id": "talk", "owner_id": "user", "agent_id": "agent", "title": "T", "updated_at": AT, **at}),
        (
            TaskTrace,
            TALLY
            | {"id": "trace", "owner_id": "user", "master_agent_id": "agent", "conversation_id": "talk"}
            | {"instruction": "Hi", "source": "chat", "instance_id": "i", "heartbeat_at": AT},
        ),
        (
            TraceSession,
            TALLY
            | {"id": "session", "task_trace_id": "trace", "agent_id": "agent", "agent_version": 1}
            | {"session_type": "simulated", "model": "claude"},
        ),
        (
            TraceSpan,
            TALLY
            | {"id": "span", "trace_session_id": "session", "task_trace_id": "trace"}
            | {"kind": "model_call", "attempt": 1, "model": "claude"},
        ),
        (LedgerLine, LINE),
    ]
    for kind, row in rows:
        connection.execute(insert(_bare(kind, row)), row)


def _bare(kind: Any, row: Mapping[str, Any]) -> TableClause:
    """The columns of the row alone, without today's defaults: an older version of the table may have no others."""
    return table(kind.__tablename__, *(column(name, kind.__table__.c[name].type) for name in row))
