"""Agents ask before some tools run and ask other agents; who was asked for consent, and what was said, is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("agent_versions", sa.Column("ask_first", sa.JSON(), nullable=True))
    op.add_column("agent_versions", sa.Column("delegates", sa.JSON(), nullable=True))
    op.add_column("trace_sessions", sa.Column("parent_span_id", sa.String(), nullable=True))
    op.add_column("trace_spans", sa.Column("waited_ms", sa.BigInteger(), nullable=True))
    op.create_table(
        "tool_approvals",
        sa.Column("span_id", sa.String(), nullable=False),
        sa.Column("task_trace_id", sa.String(), nullable=False),
        sa.Column("tool_name", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task_trace_id"], ["task_trace.id"], name="fk_tool_approvals_task_trace_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name="fk_tool_approvals_decided_by"),
        sa.PrimaryKeyConstraint("span_id", name="pk_tool_approvals"),
    )
    op.create_index("ix_tool_approvals_task_trace_id", "tool_approvals", ["task_trace_id"])
