"""A trace, and a run, may come from elsewhere: of no conversation, agent, person or process that is known here.

SQLite cannot take NOT NULL from a column. Its documented way where nothing on the disk changes is to write the
statement that made the table anew (https://sqlite.org/lang_altertable.html, section 7): a copy would take long, and
lose the triggers of the search.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

_OPTIONAL = {
    "task_trace": ("conversation_id", "master_agent_id", "owner_id", "instance_id", "heartbeat_at"),
    "trace_sessions": ("agent_id", "agent_version"),
}


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        for table, columns in _OPTIONAL.items():
            for column in columns:
                op.alter_column(table, column, nullable=True)
        return
    op.execute("PRAGMA writable_schema = ON")
    for table, columns in _OPTIONAL.items():
        made = connection.execute(sa.text("SELECT sql FROM sqlite_schema WHERE name = :name"), {"name": table}).scalar()
        for column in columns:
            made, found = re.subn(rf"(\b{column}\b[^,]*?) NOT NULL", r"\1", str(made), count=1)
            assert found == 1, f"{table}.{column} is not as this migration expects it"
        change = sa.text("UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = :name")
        connection.execute(change, {"sql": made, "name": table})
    version = int(connection.execute(sa.text("PRAGMA schema_version")).scalar_one())
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")
