"""Messages that were not sent are kept over reloads, with their files."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_MESSAGES, _FILES = "unsent_messages", "unsent_files"


def upgrade() -> None:
    op.create_table(
        _MESSAGES,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String()),
        sa.Column("replaces", sa.String()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{_MESSAGES}"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=f"fk_{_MESSAGES}_owner_id", ondelete="CASCADE"),
    )
    op.create_index(f"ix_{_MESSAGES}_owner_id", _MESSAGES, ["owner_id"])
    op.create_table(
        _FILES,
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "number", name=f"pk_{_FILES}"),
        sa.ForeignKeyConstraint(
            ["message_id"], [f"{_MESSAGES}.id"], name=f"fk_{_FILES}_message_id", ondelete="CASCADE"
        ),
    )
