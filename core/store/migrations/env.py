"""What Alembic runs: the migrations on the connection, and in the transaction, that upgrade.py hands over."""

from alembic import context

from core.store.tables import Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
