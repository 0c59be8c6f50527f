"""SQLAlchemy's dialects with transactions that begin when, and how, we say so; quicker than events on each engine."""

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

SQLITE_READING, SQLITE_WRITING, POSTGRESQL_WRITING = "sqlite+reading", "sqlite+writing", "postgresql+writing"
PLACE_SECONDS = 30.0
"""How long one waits for a connection of our own that others use: on a busy machine each takes its time with it."""
# Where a connection's info holds the number of its transaction.
TRANSACTION_NUMBER = "transaction_number"


class ReadingSqlite(SQLiteDialect_pysqlite):
    """For connections in autocommit mode: a reader's snapshot begins with its first statement."""

    supports_statement_cache = True
    begin = "BEGIN"

    def do_begin(self, dbapi_connection: Any) -> None:
        dbapi_connection.cursor().execute(self.begin)


class WritingSqlite(ReadingSqlite):
    """A writer that read first could not wait for another: it takes the lock at once."""

    supports_statement_cache = True
    begin = "BEGIN IMMEDIATE"


class WritingPostgresql(PGDialect_psycopg):
    """For connections in autocommit mode: begins and learns the transaction's number in one round trip.

    By that number a transaction's fate can be asked for if the connection breaks during its commit.
    """

    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute("BEGIN; SELECT pg_current_xact_id()::text", prepare=False)
        cursor.nextset()
        (dbapi_connection.info[TRANSACTION_NUMBER],) = cursor.fetchone()


for name, made in (
    (SQLITE_READING, ReadingSqlite),
    (SQLITE_WRITING, WritingSqlite),
    (POSTGRESQL_WRITING, WritingPostgresql),
):
    registry.register(name.replace("+", "."), __name__, made.__name__)
