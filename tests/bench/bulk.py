"""Filling a migrated database at the speed of its disk, and its schema exactly as it was when that is done."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from sqlalchemy import make_url

FILLED = ("conversations", "task_trace", "trace_sessions", "trace_spans", "ledger_lines", "trace_search")
_OF_FILLED = ", ".join(f"'{table}'" for table in FILLED)

Row = Sequence[Any]


class Bulk(Protocol):
    """A raw connection to a database without its indexes, triggers and references."""

    dialect: str

    def run(self, statement: str) -> None: ...

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None: ...

    def count(self, table: str) -> int: ...


@contextmanager
def filling(url: str, say: Callable[[str], None]) -> Iterator[Bulk]:
    """All that is put in is there when this ends well; a SQLite file is of no use if it does not."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        with _filling_sqlite(str(address.database), say) as bulk:
            yield bulk
    else:
        plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
        with _filling_postgresql(plain, say) as bulk:
            yield bulk


class _Sqlite:
    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, statement: str) -> None:
        self._connection.execute(statement)

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        places = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)

    def count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@contextmanager
def _filling_sqlite(path: str, say: Callable[[str], None]) -> Iterator[Bulk]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-800000", "threads=2"):
            connection.execute(f"PRAGMA {pragma}")
        query = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL "
        dropped = connection.execute(f"{query} AND tbl_name IN ({_OF_FILLED}) ORDER BY rowid").fetchall()
        connection.execute("BEGIN EXCLUSIVE")
        for kind, name, _ in dropped:
            connection.execute(f"DROP {kind} {name}")
        yield _Sqlite(connection)
        for _, name, sql in dropped:
            say(name)
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


class _Postgresql:
    dialect = "postgresql"

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def run(self, statement: str) -> None:
        self._connection.execute(statement.encode())

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Values hold neither tabs nor backslashes."""
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            lines = ["\t".join(["\\N" if value is None else str(value) for value in row]) for row in rows]
            copy.write("\n".join([*lines, ""]).encode())

    def count(self, table: str) -> int:
        ((count,),) = self._connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
        return int(count)


_INDEXES = (
    "SELECT i.indexname, i.indexdef FROM pg_indexes i WHERE i.schemaname = 'public' "
    f"AND i.tablename IN ({_OF_FILLED}) AND i.indexname NOT IN (SELECT conname FROM pg_constraint) ORDER BY 1"
)
_REFERENCES = (
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    f"WHERE contype = 'f' AND conrelid::regclass::text IN ({_OF_FILLED}) ORDER BY 1, 2"
)


@contextmanager
def _filling_postgresql(url: str, say: Callable[[str], None]) -> Iterator[Bulk]:
    """In one transaction: it is all there in the end, or nothing."""
    with psycopg.connect(url) as connection:
        bulk = _Postgresql(connection)
        for setting in ("timezone = 'UTC'", "maintenance_work_mem = '1GB'", "work_mem = '256MB'"):
            bulk.run(f"SET {setting}")
        indexes, references = (connection.execute(query.encode()).fetchall() for query in (_INDEXES, _REFERENCES))
        for table, name, _ in references:
            bulk.run(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for name, _ in indexes:
            bulk.run(f"DROP INDEX {name}")
        for table in FILLED:
            bulk.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield bulk
        for table in FILLED:
            bulk.run(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        for name, sql in indexes:
            say(name)
            bulk.run(sql)
        for table, name, sql in references:
            say(name)
            bulk.run(f"ALTER TABLE {table} ADD CONSTRAINT {name} {sql}")
        connection.commit()
        connection.autocommit = True
        bulk.run("VACUUM ANALYZE")
