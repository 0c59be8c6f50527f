"""Sessions that another agent asked for are few: they are found by their trace, and their traces by agent and model."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_COLUMNS = {
    "ix_trace_sessions_delegated": ["task_trace_id", "agent_id", "model"],
    "ix_trace_sessions_delegated_agent": ["agent_id", "started_at", "task_trace_id", "model"],
    "ix_trace_sessions_delegated_model": ["model", "started_at", "task_trace_id", "agent_id"],
}


def upgrade() -> None:
    where = sa.text("parent_span_id IS NOT NULL")
    for name, columns in _COLUMNS.items():
        op.create_index(name, "trace_sessions", columns, sqlite_where=where, postgresql_where=where)
