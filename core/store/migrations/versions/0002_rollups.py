"""What the spend is summed up in, and what finding a trace by agent, model, person or outcome needs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_DIMENSIONS = {
    "rollup_quarters": (),
    "rollup_quarters_agent": ("agent",),
    "rollup_quarters_model": ("model",),
    "rollup_quarters_person": ("person",),
    "rollup_hours": ("agent", "model", "person"),
    "rollup_days": (),
    "rollup_days_agent": ("agent",),
    "rollup_days_model": ("model",),
    "rollup_days_person": ("person",),
    "rollup_days_agent_model": ("agent", "model"),
    "rollup_days_agent_person": ("agent", "person"),
    "rollup_days_model_person": ("model", "person"),
    "rollup_months": (),
    "rollup_months_agent": ("agent",),
    "rollup_months_model": ("model",),
    "rollup_months_person": ("person",),
}
_MEASURES = ["traces", "conversations", "calls", "unpriced_calls", "spend_nanos", "estimated_nanos", "saved_nanos"]
_MEASURES += ["input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens"]
_FILL_MODEL = (
    "UPDATE task_trace SET model = coalesce((SELECT s.model FROM trace_sessions s "
    "WHERE s.task_trace_id = task_trace.id ORDER BY s.id LIMIT 1), '')"
)


def upgrade() -> None:
    op.add_column("task_trace", sa.Column("model", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.execute(_FILL_MODEL)
    op.add_column("ledger_lines", sa.Column("uncached_nanos", sa.BigInteger(), nullable=True))
    for column in ("master_agent_id", "model", "owner_id"):
        op.create_index(f"ix_task_trace_{column}_started", "task_trace", [column, "started_at", "id"])
    _index_exceptions("status", "status <> 'completed'")
    _index_exceptions("cost_basis", "cost_basis <> 'computed'")
    for name, dimensions in _DIMENSIONS.items():
        _rollup(name, dimensions)
    op.create_table("rollup_state", sa.Column("zone", sa.Text(), primary_key=True))


def _index_exceptions(column: str, exceptional: str) -> None:
    where = sa.text(exceptional)
    columns = [column, "started_at", "id"]
    op.create_index(
        f"ix_task_trace_{column}_started", "task_trace", columns, sqlite_where=where, postgresql_where=where
    )


def _rollup(name: str, dimensions: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("at", sa.BigInteger(), autoincrement=False),
        *(sa.Column(dimension, sa.Text()) for dimension in dimensions),
        *(sa.Column(part, sa.String()) for part in ("status", "basis")),
        *(sa.Column(measure, sa.BigInteger(), nullable=False) for measure in _MEASURES),
        sa.PrimaryKeyConstraint("at", *dimensions, "status", "basis", name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )
    for dimension in dimensions:
        op.create_index(f"ix_{name}_{dimension}", name, [dimension, "at"])
