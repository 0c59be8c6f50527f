"""Which traces were billed for other models than were asked, as the ledger says; their hours are summed up anew."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_FILL = (
    "INSERT INTO served_models (model, trace_started_at, task_trace_id, agent_id) "
    "SELECT DISTINCT l.model, t.started_at, t.id, se.agent_id FROM ledger_lines l "
    "JOIN trace_spans s ON s.id = l.span_id JOIN trace_sessions se ON se.id = s.trace_session_id "
    "JOIN task_trace t ON t.id = l.task_trace_id "
    "WHERE l.model <> se.model AND l.model NOT LIKE se.model || '-20______'"
)
_HOUR = {
    "sqlite": "substr(trace_started_at, 1, 13) || ':00:00.000000'",
    "postgresql": "date_trunc('hour', trace_started_at, 'UTC')",
}


def upgrade() -> None:
    op.create_table(
        "served_models",
        sa.Column("model", sa.Text(), primary_key=True),
        sa.Column("trace_started_at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("task_trace_id", sa.Text(), primary_key=True),
        sa.Column("agent_id", sa.Text(), primary_key=True),
    )
    op.create_index("ix_served_models_task_trace_id", "served_models", ["task_trace_id"])
    op.execute(_FILL)
    hour = _HOUR[op.get_context().dialect.name]
    op.execute(f"INSERT INTO dirty_buckets (hour) SELECT DISTINCT {hour} FROM served_models")  # noqa: S608 - of this file
