"""Model calls have the times at which they were sent and answered."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    for column in ("sent_at", "answered_at"):
        op.add_column("trace_spans", sa.Column(column, sa.DateTime(timezone=True)))
