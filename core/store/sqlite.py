"""SQLite as a file of books: write-ahead log, full syncs, explicit transactions, no file that appears by itself."""

import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

from core.errors import StoreError
from core.place import COMMAND
from core.store.dialects import PLACE_SECONDS, SQLITE_READING, SQLITE_WRITING

# Beyond this the log is copied into the database and emptied, even if that has to wait for readers.
WAL_LIMIT = 64 * 2**20
CHECKED_AT_START = 2**30
"""Bytes of a file that is looked through at each start, which takes about a second; of larger ones a command does."""
LEAST_ROOM = 2**20
_CHECKPOINT_WAIT_MS = 200
_BEING_CREATED_SECONDS = 1.0
_STATEMENTS_KEPT = 512
_READERS = 8
_READERS_AT_PEAK = 64


def open_file(url: URL, busy_seconds: float) -> "DatabaseFile":
    """Return the database's file, made if there is none; raises StoreError or sqlite3.Error."""
    path = _path(url)
    if not path.exists():
        _refuse_lost_file(path)
        _create(path)
    else:
        _refuse_unusable_file(path)
    _use_write_ahead_log(path, busy_seconds)
    _refuse_damaged(path)
    return DatabaseFile(path)


def _refuse_damaged(path: Path) -> None:
    """A damaged page would refuse messages one by one later; a very large file is not read for that at each start."""
    wrong = damage(path, thorough=False) if path.stat().st_size <= CHECKED_AT_START else None
    if wrong is not None:
        raise StoreError(
            f"The database {path} is damaged: {wrong}. Keep the file, and put a backup back with "
            f"{COMMAND} restore --replace."
        )


def _path(url: URL) -> Path:
    if not url.database or url.database.startswith((":memory:", "file:")) or url.query:
        raise StoreError(
            "DATABASE_URL must name a plain file for SQLite, such as sqlite:////srv/command-center/app.db."
        )
    return Path(url.database).absolute()


def _refuse_lost_file(path: Path) -> None:
    """SQLite itself would throw away the log, and with it the last transactions."""
    wal = _wal(path)
    if _size(wal):
        raise StoreError(
            f"The database {path} is gone, but its log {wal.name} is still there. Put the file back; "
            f"to begin with an empty one instead, move {wal.name} away."
        )


def _create(path: Path) -> None:
    try:
        path.touch(mode=0o600, exist_ok=True)
    except FileNotFoundError:
        raise StoreError(
            f"The folder {path.parent} does not exist. Create it, or name another in DATABASE_URL."
        ) from None
    except OSError as error:
        raise StoreError(
            f"The database {path} cannot be created: {error.strerror}. Correct that and try again."
        ) from None


def _refuse_unusable_file(path: Path) -> None:
    if path.is_dir():
        raise StoreError(f"The database {path} is a folder. Name a file in DATABASE_URL.")
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK):
        raise StoreError(f"The database {path} may only be read. Let this user write the file and its folder.")
    give_up = time.monotonic() + _BEING_CREATED_SECONDS
    while not path.stat().st_size:
        if time.monotonic() > give_up:
            raise StoreError(
                f"The database {path} is an empty file. Go back to a copy of it; to start empty, delete it."
            )
        time.sleep(0.02)


def _use_write_ahead_log(path: Path, busy_seconds: float) -> None:
    connection = connect(path, busy_seconds)
    try:
        mode = _set_mode(connection, time.monotonic() + busy_seconds)
        cut_off = _is_cut_off(connection, path)
    finally:
        connection.close()
    if mode != "wal":
        raise StoreError(f"The disk under {path} cannot hold a write-ahead log. Use a local disk, or PostgreSQL.")
    if cut_off:
        raise StoreError(
            f"The database {path} is damaged: its end is missing. Keep the file, and go back to a copy of it."
        )


def _is_cut_off(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether pages are missing that the log lacks too; the log is looked at first, lest it move them."""
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return _size(_wal(path)) == 0 and path.stat().st_size < pages * size


def _set_mode(connection: sqlite3.Connection, give_up: float) -> str:
    """Two processes that switch a new file at once are refused instead of waiting for each other."""
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(0.05)


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def damage(path: Path, *, thorough: bool) -> str | None:
    """Return what SQLite finds wrong in the file, or None; ``thorough`` compares indexes and references as well."""
    connection = connect(path, busy_seconds=5)
    try:
        (found,) = connection.execute(f"PRAGMA {'integrity' if thorough else 'quick'}_check(1)").fetchone()
        if found == "ok" and thorough and (broken := connection.execute("PRAGMA foreign_key_check").fetchone()):
            found = f"a row of {broken[0]} points at a row of {broken[2]} that is not there"
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        found = str(error)
    finally:
        connection.close()
    return None if found == "ok" else str(found).replace("\n", " ")


def _size(log: Path) -> int:
    """0 also where there is none: somebody else may remove it at any moment."""
    try:
        return log.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0


class DatabaseFile:
    """What can happen to the file and its log while they are in use."""

    def __init__(self, path: Path, wal_limit: int = WAL_LIMIT) -> None:
        self.path = path
        self._wal, self._wal_limit, self._empty_at = _wal(path), wal_limit, wal_limit
        self._identity = self._look()

    def check(self) -> None:
        """Raise StoreError if the file was taken away: SQLite would go on writing where nobody will ever read."""
        if self._look() != self._identity:
            raise StoreError(
                f"The database {self.path} was moved, deleted or replaced. Put it back, or restart.",
                reason="the database's file is gone",
            )

    def check_room(self) -> None:
        """Raise StoreError if the next transaction of some length would not fit on the disk."""
        found = os.statvfs(self.path)
        if found.f_bavail * found.f_frsize < LEAST_ROOM:
            raise StoreError(
                f"The disk is full, so that {self.path} cannot grow. Free some space; a restart is not needed.",
                reason="the disk is full",
            )

    def tidy(self, connection: Connection) -> None:
        """Empty a log that has grown long because there was always somebody reading it."""
        size = _size(self._wal)
        if size < self._empty_at:
            return
        raw = connection.connection.cursor()
        (patience,) = raw.execute("PRAGMA busy_timeout").fetchone()
        raw.execute(f"PRAGMA busy_timeout={_CHECKPOINT_WAIT_MS}")
        (blocked, _, _) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        raw.execute(f"PRAGMA busy_timeout={patience}")
        self._empty_at = size + self._wal_limit if blocked else self._wal_limit

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


def connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Return a connection in autocommit mode; it never creates the file."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS_KEPT,
    )


def sqlite_engine(path: Path, busy_seconds: float, role: Literal["reading", "writing"]) -> Engine:
    """Return an engine for readers, whose transactions wait for nobody and cannot write, or for writers."""
    engine = create_engine(
        URL.create(SQLITE_READING if role == "reading" else SQLITE_WRITING, database=str(path)),
        creator=lambda: connect(path, busy_seconds),
        poolclass=QueuePool,
        pool_size=_READERS,
        max_overflow=_READERS_AT_PEAK - _READERS,
        pool_timeout=PLACE_SECONDS,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: Any) -> None:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={WAL_LIMIT}")
        connection.execute(f"PRAGMA query_only={'ON' if role == 'reading' else 'OFF'}")

    return engine


def copy_database(source: Path, target: Path, mode: int | None = None) -> None:
    """Write a consistent copy, complete and synced under its name or not there at all.

    ``mode`` are its rights, by default those of the source; nobody else can read it before it has them. Raises
    sqlite3.Error, OSError.
    """
    unfinished = target.with_name(f"{target.name}.part")
    unfinished.unlink(missing_ok=True)
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = connect(source, busy_seconds=5)
        try:
            connection.execute("VACUUM INTO ?", (str(unfinished),))
        finally:
            connection.close()
        unfinished.chmod(source.stat().st_mode & 0o777 if mode is None else mode)
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
