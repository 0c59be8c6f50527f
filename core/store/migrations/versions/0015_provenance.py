"""Whose money a trace cost, and whose key paid; sums tell it apart, so all of them are made again.

Making them again also takes back what SQLite had summed up a quarter of an hour too late.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_DIMENSIONS = {
    "quarters": ("", "agent", "model", "person"),
    "hours": ("agent model person",),
    "days": ("", "agent", "model", "person", "agent model", "agent person", "model person"),
    "months": ("", "agent", "model", "person"),
    "latency_hours": ("agent model person",),
    "latency_days": ("", "agent", "model", "person", "agent model", "agent person", "model person"),
    "latency_months": ("", "agent", "model", "person"),
}
_SUMS = ["traces", "conversations", "calls", "unpriced_calls", "spend_nanos", "estimated_nanos", "saved_nanos"]
_SUMS += ["input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens"]
_OUTCOME = ("status", "basis", "provenance", "key_source")
_SIMULATED = (
    "UPDATE task_trace SET provenance = 'simulated' WHERE id IN "
    "(SELECT task_trace_id FROM trace_sessions WHERE session_type = 'simulated' AND parent_span_id IS NULL)"
)
_HOUR = {
    "sqlite": "substr(started_at, 1, 13) || ':00:00.000000'",
    "postgresql": "date_trunc('hour', started_at, 'UTC')",
}


def upgrade() -> None:
    for name, value in (("provenance", "'real'"), ("key_source", "''")):
        op.add_column("task_trace", sa.Column(name, sa.String(), nullable=False, server_default=sa.text(value)))
    op.add_column("task_trace", sa.Column("key_label", sa.String(), nullable=True))
    op.execute(_SIMULATED)
    op.execute("UPDATE task_trace SET provenance = 'demo' WHERE source = 'demo'")
    op.execute("UPDATE agents SET active = false WHERE id BETWEEN '00000000-de30-7' AND '00000000-de30-7z'")
    op.create_index("ix_task_trace_provenance_started", "task_trace", ["provenance", "started_at", "id"])
    for name, groups in _DIMENSIONS.items():
        for group in groups:
            _make_again(name, tuple(group.split()))
    hour = _HOUR[op.get_context().dialect.name]
    op.execute(f"INSERT INTO dirty_buckets (hour) SELECT DISTINCT {hour} FROM task_trace")  # noqa: S608 - of this file


def _make_again(of: str, dimensions: tuple[str, ...]) -> None:
    whole = of.endswith("hours")
    name = "_".join(("rollup", of, *(() if whole else dimensions)))
    latency = of.startswith("latency")
    op.drop_table(name)
    kept = ("durations", "first_tokens") if latency else _SUMS
    op.create_table(
        name,
        sa.Column("at", sa.BigInteger(), autoincrement=False),
        *(sa.Column(dimension, sa.Text()) for dimension in dimensions),
        *(sa.Column(part, sa.String()) for part in _OUTCOME),
        *(sa.Column(each, sa.LargeBinary() if latency else sa.BigInteger(), nullable=False) for each in kept),
        sa.PrimaryKeyConstraint("at", *dimensions, *_OUTCOME, name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )
    for dimension in ("person",) if latency and whole else dimensions:
        op.create_index(f"ix_{name}_{dimension}", name, [dimension, "at"])
