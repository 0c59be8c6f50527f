"""Budgets say whose money they count."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("budgets", sa.Column("counts", sa.String(), nullable=False, server_default=sa.text("'all'")))
