"""Traces say which model answered, where it is another one than was asked."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

# The models that a trace was billed for unasked are known; the last reply says which of them answered.
_ANSWERED = (
    "UPDATE task_trace SET answered_model = (SELECT s.response_model FROM trace_spans s JOIN trace_sessions se "
    "ON se.id = s.trace_session_id WHERE s.task_trace_id = task_trace.id AND se.parent_span_id IS NULL AND "
    "s.kind = 'model_call' AND s.response_model IN "
    "(SELECT v.model FROM served_models v WHERE v.task_trace_id = task_trace.id) ORDER BY s.id DESC LIMIT 1) "
    "WHERE id IN (SELECT task_trace_id FROM served_models)"
)
_HOUR = {
    "sqlite": "substr(started_at, 1, 13) || ':00:00.000000'",
    "postgresql": "date_trunc('hour', started_at, 'UTC')",
}


def upgrade() -> None:
    op.add_column("task_trace", sa.Column("answered_model", sa.Text()))
    op.execute(_ANSWERED)
    hour = _HOUR[op.get_context().dialect.name]
    made_anew = f"INSERT INTO dirty_buckets (hour) SELECT DISTINCT {hour} FROM task_trace"  # noqa: S608 - of this file
    op.execute(f"{made_anew} WHERE answered_model IS NOT NULL")
