"""Agents have tools and limits; what a tool was given, what it gave and in which iteration stands in its span."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_OF_AGENTS: dict[str, Any] = {
    "tools": sa.JSON(),
    "max_iterations": sa.Integer(),
    "max_cost_nanos": sa.BigInteger(),
    "max_seconds": sa.Integer(),
    "max_answer_tokens": sa.BigInteger(),
}
_OF_SPANS: dict[str, Any] = {
    "tool_name": sa.Text(),
    "tool_use_id": sa.Text(),
    "input": sa.Text(),
    "output": sa.Text(),
    "output_size": sa.BigInteger(),
}


def upgrade() -> None:
    for table, columns in (("agent_versions", _OF_AGENTS), ("trace_spans", _OF_SPANS)):
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.add_column("trace_spans", sa.Column("iteration", sa.Integer(), nullable=False, server_default=sa.text("1")))
