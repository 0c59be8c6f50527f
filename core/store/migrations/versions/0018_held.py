"""Budgets count what has no price at what was held for it, can hold less than the worst case, and count refusals."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_WORD, _BIG = sa.String(), sa.BigInteger()


def upgrade() -> None:
    op.add_column("trace_spans", sa.Column("most_nanos", _BIG))
    op.add_column("budgets", sa.Column("held_nanos", _BIG, nullable=False, server_default=sa.text("0")))
    op.add_column("budgets", sa.Column("reserve", _WORD, nullable=False, server_default=sa.text("'strict'")))
    op.create_table(
        "budget_refusals",
        *(sa.Column(name, _WORD, nullable=False) for name in ("budget_id", "agent_id")),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("refused", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("budget_id", "agent_id", "day", name="pk_budget_refusals"),
        sa.ForeignKeyConstraint(["budget_id"], ["budgets.id"], name="fk_budget_refusals_budget_id"),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_budget_refusals_agent_id"),
    )
