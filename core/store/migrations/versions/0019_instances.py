"""Who runs turns, and beats while it does."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "instances",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "boot_id", "pid_namespace", "host")),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instances"),
    )
