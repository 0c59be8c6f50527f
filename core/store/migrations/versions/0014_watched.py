"""Answers that are read in another process than the one that writes them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("task_trace", sa.Column("watched_at", sa.DateTime(timezone=True)))
