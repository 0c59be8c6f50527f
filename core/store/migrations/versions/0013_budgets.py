"""Budgets, and what model calls under way hold of them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_WORD, _BIG, _TIME = sa.String(), sa.BigInteger(), sa.DateTime(timezone=True)
_HELD = "budget_reservations"


def upgrade() -> None:
    op.create_table(
        "budgets",
        *(sa.Column(name, _WORD, nullable=name == "subject_id") for name in ("id", "scope", "subject_id", "period")),
        *(sa.Column(name, _WORD, nullable=False) for name in ("time_zone", "created_by")),
        *(sa.Column(name, _TIME, nullable=name == "ended_at") for name in ("created_at", "ended_at")),
        *(sa.Column(name, _TIME, nullable=False) for name in ("period_start", "period_end")),
        *(sa.Column(f"{name}_nanos", _BIG, nullable=False) for name in ("limit", "spent", "reserved")),
        sa.Column("unpriced_lines", _BIG, nullable=False),
        sa.Column("blocks", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_budgets"),
    )
    op.create_table(
        _HELD,
        sa.Column("span_id", _WORD, nullable=False),
        sa.Column("budget_id", _WORD, nullable=False),
        sa.Column("amount_nanos", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("span_id", "budget_id", name=f"pk_{_HELD}"),
        sa.ForeignKeyConstraint(["span_id"], ["trace_spans.id"], name=f"fk_{_HELD}_span_id"),
        sa.ForeignKeyConstraint(["budget_id"], ["budgets.id"], name=f"fk_{_HELD}_budget_id"),
    )
    op.create_index(f"ix_{_HELD}_budget_id", _HELD, ["budget_id"])
