"""Tables of packed latencies. They are filled like the sums: every hour there are traces of is marked for it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_DIMENSIONS = {
    "rollup_latency_hours": ("agent", "model", "person"),
    "rollup_latency_days": (),
    "rollup_latency_days_agent": ("agent",),
    "rollup_latency_days_model": ("model",),
    "rollup_latency_days_person": ("person",),
    "rollup_latency_days_agent_model": ("agent", "model"),
    "rollup_latency_days_agent_person": ("agent", "person"),
    "rollup_latency_days_model_person": ("model", "person"),
    "rollup_latency_months": (),
    "rollup_latency_months_agent": ("agent",),
    "rollup_latency_months_model": ("model",),
    "rollup_latency_months_person": ("person",),
}
_HOUR = {
    "sqlite": "substr(started_at, 1, 13) || ':00:00.000000'",
    "postgresql": "date_trunc('hour', started_at, 'UTC')",
}


def upgrade() -> None:
    for name, dimensions in _DIMENSIONS.items():
        _latency(name, dimensions)
    hour = _HOUR[op.get_context().dialect.name]
    op.execute(f"INSERT INTO dirty_buckets (hour) SELECT DISTINCT {hour} FROM task_trace")  # noqa: S608 - of this file


def _latency(name: str, dimensions: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("at", sa.BigInteger(), autoincrement=False),
        *(sa.Column(dimension, sa.Text()) for dimension in dimensions),
        *(sa.Column(part, sa.String()) for part in ("status", "basis")),
        *(sa.Column(histogram, sa.LargeBinary(), nullable=False) for histogram in ("durations", "first_tokens")),
        sa.PrimaryKeyConstraint("at", *dimensions, "status", "basis", name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )
    for dimension in ("person",) if name == "rollup_latency_hours" else dimensions:
        op.create_index(f"ix_{name}_{dimension}", name, [dimension, "at"])
