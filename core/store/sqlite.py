"""SQLite as a file of books: write-ahead log, full syncs, explicit transactions, no file that appears by itself."""

import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

from core.errors import StoreError

# Beyond this the log is copied into the database and emptied, even if that has to wait for readers.
WAL_LIMIT = 64 * 2**20
_STATEMENTS_KEPT = 512
_READERS = 8
_READERS_AT_PEAK = 64


def open_file(url: URL, busy_seconds: float) -> Path:
    """The database's path, made an empty database if there is no file; raises StoreError."""
    path = _path(url)
    if not path.exists():
        _refuse_lost_file(path)
        _create(path)
    elif path.is_dir():
        raise StoreError(f"The database {path} is a folder. Name a file in DATABASE_URL.")
    elif not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise StoreError(f"The database {path} may only be read. Let this user write the file and its folder.")
    _use_write_ahead_log(path, busy_seconds)
    return path


def _path(url: URL) -> Path:
    if not url.database or url.database.startswith((":memory:", "file:")) or url.query:
        raise StoreError(
            "DATABASE_URL must name a plain file for SQLite, such as sqlite:////srv/command-center/app.db."
        )
    return Path(url.database).absolute()


def _refuse_lost_file(path: Path) -> None:
    """SQLite itself would throw away the log, and with it the last transactions."""
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"The database {path} is gone, but its log {log.name} is still there. Put the file back; "
            f"to begin with an empty one instead, move {log.name} away."
        )


def _create(path: Path) -> None:
    try:
        path.touch(mode=0o600)
    except FileNotFoundError:
        raise StoreError(
            f"The folder {path.parent} does not exist. Create it, or name another in DATABASE_URL."
        ) from None
    except OSError as error:
        raise StoreError(
            f"The database {path} cannot be created: {error.strerror}. Correct that and try again."
        ) from None


def _use_write_ahead_log(path: Path, busy_seconds: float) -> None:
    """Two processes that switch a new file at once do not wait for each other by themselves."""
    give_up = time.monotonic() + busy_seconds
    while True:
        try:
            mode = _set_mode(path, busy_seconds)
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.05)
    if mode != "wal":
        raise StoreError(f"The disk under {path} cannot hold a write-ahead log. Use a local disk, or PostgreSQL.")


def _set_mode(path: Path, busy_seconds: float) -> str:
    connection = connect(path, busy_seconds)
    try:
        return str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
    finally:
        connection.close()


def connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """A connection in autocommit mode; it never creates the file."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS_KEPT,
    )


def sqlite_engine(path: Path, busy_seconds: float, *, begin: Literal["BEGIN", "BEGIN IMMEDIATE"]) -> Engine:
    """An engine for readers, whose transactions wait for nobody and cannot write, or for writers."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        creator=lambda: connect(path, busy_seconds),
        poolclass=QueuePool,
        pool_size=_READERS,
        max_overflow=_READERS_AT_PEAK - _READERS,
        pool_timeout=busy_seconds,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: Any) -> None:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA query_only={'ON' if begin == 'BEGIN' else 'OFF'}")

    @event.listens_for(engine, "begin")
    def begin_explicitly(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy, complete and synced under its name or not there at all; raises sqlite3.Error, OSError."""
    unfinished = target.with_name(f"{target.name}.part")
    unfinished.unlink(missing_ok=True)
    try:
        connection = connect(source, busy_seconds=5)
        try:
            connection.execute("VACUUM INTO ?", (str(unfinished),))
        finally:
            connection.close()
        unfinished.chmod(source.stat().st_mode & 0o777)
        _sync(unfinished)
        unfinished.replace(target)
        _sync(target.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
