"""Runs of agents keep what their reader was told of servers of tools."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("trace_sessions", sa.Column("notes", sa.JSON()))
