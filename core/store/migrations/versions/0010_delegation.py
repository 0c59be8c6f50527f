"""Sessions that another agent asked for are few: they are found by their trace, and their traces by agent and model."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_COLUMNS = {
    "ix_trace_sessions_delegated": ["task_trace_id", "agent_id", "model"],
    "ix_trace_sessions_delegated_agent": ["agent_id", "trace_started_at", "task_trace_id", "model"],
    "ix_trace_sessions_delegated_model": ["model", "trace_started_at", "task_trace_id", "agent_id"],
}


_FILL = (
    "UPDATE trace_sessions SET trace_started_at = (SELECT t.started_at FROM task_trace t "
    "WHERE t.id = trace_sessions.task_trace_id) WHERE parent_span_id IS NOT NULL"
)


def upgrade() -> None:
    op.add_column("trace_sessions", sa.Column("trace_started_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(_FILL)
    where = sa.text("parent_span_id IS NOT NULL")
    for name, columns in _COLUMNS.items():
        op.create_index(name, "trace_sessions", columns, sqlite_where=where, postgresql_where=where)
