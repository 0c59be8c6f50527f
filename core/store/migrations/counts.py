"""For migrations: the columns of a count that is added to core/units.py."""

import sqlalchemy as sa
from alembic import op


def add_count(column: str, measure: str | None = None) -> None:
    """Add a column to traces, sessions and spans, and its measure, if it has one, to every table of sums.

    The tables are those that the database has at that version. What was there before has none of it.
    """
    inspector = sa.inspect(op.get_bind())
    for table in inspector.get_table_names():
        names = {each["name"] for each in inspector.get_columns(table)}
        added = column if "thinking_tokens" in names else measure if "saved_nanos" in names else None
        if added is not None:
            op.add_column(table, sa.Column(added, sa.BigInteger(), nullable=False, server_default=sa.text("0")))
