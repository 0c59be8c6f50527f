"""Backups of the database: made beside the running server, read back before they count, put back where nothing runs."""

import fcntl
import os
import re
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL

from core.clock import now
from core.errors import BackupError
from core.place import COMMAND
from core.store import postgresql_backup
from core.store.database import address_of, existing
from core.store.failures import place, told_plainly
from core.store.sqlite import connect, copy_database, damage
from core.store.upgrade import VERSIONS, known_versions

_PRIVATE = 0o600
_ENDINGS = {"sqlite": ".db", "postgresql": ".dump"}
_NAME = re.compile(r"command-center-\d{8}T\d{12}Z\.(db|dump)")
# Every connection to a file with a write-ahead log holds a lock on these bytes for as long as it is open.
_SHARED_BYTES = 0x40000002, 510


@dataclass(frozen=True, slots=True)
class Backup:
    """``lines`` are the ledger lines that it was checked to hold; ``removed`` are older ones, rotated away."""

    path: Path
    lines: int
    removed: tuple[Path, ...] = ()


def back_up(url: str, target: Path, keep: int) -> Backup:
    """Write a whole, checked backup that only this user can read; one that fails leaves what was there.

    ``target`` is a folder, in which the newest ``keep`` backups stay, or the name of a file that is put in place of
    the one before. Raises StoreError if there is no database, BackupError.
    """
    address = existing(url)
    ending = _ENDINGS[address.get_backend_name()]
    folder = target.suffix != ending
    path = target / f"command-center-{now():%Y%m%dT%H%M%S%fZ}{ending}" if folder else target
    try:
        (target if folder else target.parent).mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = _write(address, path)
        removed = _rotate(target, keep) if folder else ()
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"The backup {path} could not be written: {error}. Nothing was replaced.") from error
    return Backup(path, lines, removed)


def _write(address: URL, path: Path) -> int:
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        if address.get_backend_name() == "sqlite":
            copy_database(Path(str(address.database)), unfinished, _PRIVATE)
            lines = _checked_lines(unfinished)
        else:
            os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
            lines = postgresql_backup.dump(address, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return lines


def _checked_lines(path: Path) -> int:
    """Return how many ledger lines a file holds. Raises BackupError for one that is damaged, or not ours."""
    if wrong := damage(path, thorough=True):
        raise BackupError(f"{path} is damaged: {wrong}. Use another backup.")
    with closing(connect(path, busy_seconds=5)) as connection:
        try:
            (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            (lines,) = connection.execute("SELECT count(*) FROM ledger_lines").fetchone()
        except (sqlite3.Error, TypeError):
            raise BackupError(f"{path} is not a database of Command Center. Name a backup of one.") from None
    refuse_newer(path, version)
    return int(lines)


def refuse_newer(path: Path, version: str) -> None:
    """Raise BackupError for what only a newer program can read."""
    known = known_versions(VERSIONS)
    if version not in known:
        raise BackupError(
            f"{path} has version {version}, and this program knows only up to {known[-1]}. "
            "Restore it with the newer one."
        )


def _rotate(folder: Path, keep: int) -> tuple[Path, ...]:
    """Remove all but the newest backups; nothing that has another name."""
    names = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    old = tuple(names[:-keep])
    for path in old:
        path.unlink()
    return old


def restore(url: str, source: Path, *, replace: bool) -> Path | None:
    """Put a checked backup in place of the database; returns where the one before is kept, if there was a file.

    Raises BackupError, also where a database is already there and ``replace`` is not set, or a server still uses it.
    """
    address = address_of(url)
    if not source.is_file():
        raise BackupError(f"There is no backup {source}. Name a file that {COMMAND} backup wrote.")
    if address.get_backend_name() == "postgresql":
        version = postgresql_backup.version_in(source)
        refuse_newer(source, version)
        postgresql_backup.restore(address, source, replace=replace)
        return None
    with told_plainly(address):
        return _restore_file(source, Path(str(address.database)).absolute(), replace=replace)


def _restore_file(source: Path, path: Path, *, replace: bool) -> Path | None:
    try:
        _checked_lines(source)
    except sqlite3.DatabaseError:
        raise BackupError(f"{source} is not an SQLite database. Name a backup that ends with .db.") from None
    if not path.exists():
        copy_database(source, path, _PRIVATE)
        return None
    if not replace:
        raise BackupError(f"There is a database {path} already. Add --replace to put the backup in its place.")
    with path.open("rb+") as file:
        _refuse_open(file.fileno(), path)
        return _swap(source, path, now())


def _refuse_open(descriptor: int, path: Path) -> None:
    length, start = _SHARED_BYTES[1], _SHARED_BYTES[0]
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except OSError:
        raise BackupError(f"A program still uses the database {path}. Stop the server, then restore.") from None


def _swap(source: Path, path: Path, at: datetime) -> Path:
    """Replace the file in one step; the old one keeps its log, and the new one never sees it."""
    kept = path.with_name(f"{path.stem}-before-restore-{at:%Y%m%dT%H%M%SZ}{path.suffix}")
    new = path.with_name(f".{path.name}.restoring")
    copy_database(source, new, _PRIVATE)
    os.link(path, kept)
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(f"{path.name}{ending}").rename(kept.with_name(f"{kept.name}{ending}"))
    new.replace(path)
    return kept


def check(url: str) -> list[str]:
    """Return a sentence for each thing that is wrong with the database; reads all of an SQLite file.

    Raises StoreError if there is none, or it cannot be used at all.
    """
    address = existing(url)
    if address.get_backend_name() == "postgresql":
        return postgresql_backup.check(address)
    path = Path(str(address.database))
    wrong = damage(path, thorough=True)
    return [f"The database {place(address)} is damaged: {wrong}. Restore a backup."] if wrong else []
