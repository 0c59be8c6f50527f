"""What programs name their requests by, and answers that another process shall stop."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_WORD, _TIME = sa.String(), sa.DateTime(timezone=True)
_TABLE = "idempotency_keys"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        *(sa.Column(name, _WORD, nullable=False) for name in ("owner_id", "key", "digest", "task_trace_id")),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "key", name=f"pk_{_TABLE}"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=f"fk_{_TABLE}_owner_id", ondelete="CASCADE"),
    )
    op.create_index(f"ix_{_TABLE}_created_at", _TABLE, ["created_at"])
    op.add_column("task_trace", sa.Column("stop_asked_at", _TIME))
