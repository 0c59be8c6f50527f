"""A demo month can be taken away again: of what takes no change, the rows that were born as its own may be deleted.

By what they cannot lose: the source of a ledger line's price, and the maker of an agent's version, whose id says 1970.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_BORN_AS_DEMO = {
    "ledger_lines": ("price_source", "demo month: "),
    "agent_versions": ("created_by", "00000000-de30-7"),
}


def upgrade() -> None:
    op.create_table(
        "demo_month",
        sa.Column("id", sa.Integer()),
        sa.Column("today", sa.Date(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_demo_month"),
    )
    sqlite = op.get_context().dialect.name == "sqlite"
    for table, (column, start) in _BORN_AS_DEMO.items():
        born = f"substr(coalesce(OLD.{column}, ''), 1, {len(start)}) = '{start}'"
        if sqlite:
            _keep_on_sqlite(table, born)
        else:
            _keep_on_postgresql(table, born)


def _keep_on_sqlite(table: str, but: str) -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    op.execute(f"DROP TRIGGER {table}_no_delete")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN NOT ({but}) {refuse}")


def _keep_on_postgresql(table: str, but: str) -> None:
    refuse = f"EXECUTE FUNCTION {table}_refuse()"
    op.execute(f"DROP TRIGGER {table}_no_change ON {table}")
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW {refuse}")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW WHEN (NOT ({but})) {refuse}")
