"""A message that was not sent is kept to the letter, also one that no text column takes."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("unsent_messages", sa.Column("exact", sa.JSON(none_as_null=True)))
